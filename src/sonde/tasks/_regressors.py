"""Simple rivals for regression: each answers with standardised values, as the network does."""

from __future__ import annotations

from typing import Any

import numpy as np

from sonde.contracts.task import Arrays, Design
from sonde.core.port import PRESENT
from sonde.tasks._estimators import linear, observed, tree_options


def boosted(train: Design, test: Design, seed: int, *, target: str) -> Arrays:
    """Histogram gradient boosting with scikit-learn's own settings."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(**tree_options(train, seed))
    return _fitted(model, train, test, target)


def ridge(train: Design, test: Design, seed: int, *, target: str) -> Arrays:
    """Least squares with a slight L2 penalty, which one-hot categories need to be solvable."""
    from sklearn.linear_model import Ridge

    return _fitted(linear(train, Ridge(alpha=1.0, random_state=seed % 2**32)), train, test, target)


def mean(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # every baseline is given one
    *,
    target: str,
) -> Arrays:
    """The mean of the training rows."""
    known = _known(train, target)
    value = train.targets[target][known].mean(dtype=np.float64)
    return {"value": np.full(len(test.numbers), value, np.float32)}


def _fitted(model: Any, train: Design, test: Design, target: str) -> Arrays:
    known = _known(train, target)
    fitted_on, asked = observed(train, test, known)
    model.fit(fitted_on, train.targets[target][known])
    return {"value": model.predict(asked).astype(np.float32)}


def _known(train: Design, target: str) -> np.ndarray:
    """(N,) bool, where the target is present."""
    values = train.targets[target]
    return train.targets.get(PRESENT + target, np.ones(len(values), bool))
