"""What the baselines of several tasks share: scikit-learn's estimators over a `Design`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from sonde.contracts.task import Design

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_MOST_CATEGORIES = 255
"""What scikit-learn's boosted trees can tell apart in one feature."""


def usable(design: Design, rows: np.ndarray) -> np.ndarray:
    """(n, P) numbers of the rows whose target is known; rows is (N,) bool."""
    return design.numbers if rows.all() else design.numbers[rows]


def tree_options(design: Design, seed: int) -> dict[str, Any]:
    """Options of scikit-learn's boosted trees for this design.

    A category with more values than trees can tell apart is left to them as an ordinary number.
    """
    highest = np.max(design.numbers, axis=0, initial=0.0, where=~np.isnan(design.numbers))
    told_apart = design.categorical & (highest < _MOST_CATEGORIES)
    return {"categorical_features": told_apart, "random_state": seed % 2**32}


def linear(design: Design, last: Any) -> Pipeline:
    """An estimator behind standardised numbers and one-hot categories.

    A missing number becomes the training mean with an indicator beside it.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(
        SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    categories = OneHotEncoder(handle_unknown="ignore", dtype=np.float32)
    columns = make_column_transformer(
        (numbers, np.flatnonzero(~design.categorical)),
        (categories, np.flatnonzero(design.categorical)),
    )
    return make_pipeline(columns, last)


@contextmanager
def unfinished_is_fine() -> Iterator[None]:
    """Lets a solver stop at its limit of iterations: a rival need not be polished to the end."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
