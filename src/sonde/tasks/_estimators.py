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


def observed(train: Design, test: Design, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers to fit on, (n, P), and to answer, (N_test, P).

    A feature without a value in any of the rows becomes a constant: scikit-learn's boosted trees
    cannot bin it, and there is nothing to learn from it.

    Args:
        train: its rows that are chosen by `rows` are fitted on.
        test: answered whole.
        rows: (N_train,) bool, where the target is known.
    """
    fitted_on = train.numbers if rows.all() else train.numbers[rows]
    empty = np.isnan(fitted_on).all(axis=0)
    if not empty.any():
        return fitted_on, test.numbers
    zero = np.float32(0)
    return np.where(empty, zero, fitted_on), np.where(empty, zero, test.numbers)


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

    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
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
