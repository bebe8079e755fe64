"""Simple rivals for regression: each answers with standardised values, as the network does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Design
from sonde.core.port import PRESENT
from sonde.tasks._estimators import linear, observed, tree_options, unfinished_is_fine
from sonde.tasks._value_losses import Counts, Parts


def boosted(
    train: Design, test: Design, seed: int, *, target: str, loss: str = "squared_error"
) -> Arrays:
    """Histogram gradient boosting with scikit-learn's own settings."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(loss=loss, **tree_options(train, seed))
    return {"value": _fitted(model, train, test, target)}


def ridge(train: Design, test: Design, seed: int, *, target: str) -> Arrays:
    """Least squares with a slight L2 penalty, which one-hot categories need to be solvable."""
    from sklearn.linear_model import Ridge

    model = linear(train, Ridge(alpha=1.0, random_state=seed % 2**32))
    return {"value": _fitted(model, train, test, target)}


def mean(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # every baseline is given one
    *,
    target: str,
) -> Arrays:
    """The mean of the training rows."""
    value = _values(train, target).mean(dtype=np.float64)
    return {"value": np.full(len(test.numbers), value, np.float32)}


def median(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # every baseline is given one
    *,
    target: str,
) -> Arrays:
    """The median of the training rows."""
    value = np.median(_values(train, target))
    return {"value": np.full(len(test.numbers), value, np.float32)}


def boosted_quantiles(
    train: Design, test: Design, seed: int, *, target: str, quantiles: Sequence[float]
) -> Arrays:
    """A boosted model for each quantile."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    options = tree_options(train, seed)
    models = [
        HistGradientBoostingRegressor(loss="quantile", quantile=quantile, **options)
        for quantile in quantiles
    ]
    found = [_fitted(model, train, test, target) for model in models]
    return _of_quantiles(np.stack(found, axis=1), quantiles)


def ridge_quantiles(
    train: Design, test: Design, seed: int, *, target: str, quantiles: Sequence[float]
) -> Arrays:
    """Ridge regression, and around it the quantiles of what it left over in training."""
    centre = ridge(train, test, seed, target=target)["value"]
    fitted = ridge(train, train, seed, target=target)["value"][_known(train, target)]
    left_over = np.quantile(_values(train, target) - fitted, quantiles)
    return _of_quantiles(centre[:, None] + left_over, quantiles)


def constant_quantiles(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # every baseline is given one
    *,
    target: str,
    quantiles: Sequence[float],
) -> Arrays:
    """The quantiles of the training rows, the same for every row."""
    found = np.quantile(_values(train, target), quantiles)
    return _of_quantiles(np.tile(found, (len(test.numbers), 1)), quantiles)


def boosted_counts(
    train: Design, test: Design, seed: int, *, target: str, counts: Counts
) -> Arrays:
    """Boosted trees for the logarithm of a rate."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(loss="poisson", **tree_options(train, seed))
    return {"value": _fitted(model, train, test, target, counts)}


def linear_counts(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # every baseline is given one
    *,
    target: str,
    counts: Counts,
) -> Arrays:
    """Poisson regression: a line for the logarithm of a rate."""
    from sklearn.linear_model import PoissonRegressor

    with unfinished_is_fine():
        model = linear(train, PoissonRegressor(alpha=1e-3))
        return {"value": _fitted(model, train, test, target, counts)}


def boosted_parts(train: Design, test: Design, seed: int, *, target: str, parts: Parts) -> Arrays:
    """Boosted trees for absolute errors, each counted as a part of the truth."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(loss="absolute_error", **tree_options(train, seed))
    fitted_on, asked = observed(train, test, _known(train, target))
    values = _in_unit(train, target, parts)
    model.fit(fitted_on, values, sample_weight=parts.weights(values))
    return {"value": parts.standardised(model.predict(asked))}


def median_of_parts(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # every baseline is given one
    *,
    target: str,
    parts: Parts,
) -> Arrays:
    """The one answer of least error as a part of the truth: the median by weight 1 / |value|."""
    values = np.sort(_in_unit(train, target, parts))
    reached = parts.weights(values).cumsum()
    value = values[np.searchsorted(reached, reached[-1] / 2)]
    return {"value": np.full(len(test.numbers), parts.standardised(value), np.float32)}


def middle(quantiles: Sequence[float]) -> int:
    """The place of the quantile that is answered with: the nearest to the median."""
    return int(np.argmin([abs(quantile - 0.5) for quantile in quantiles]))


def _of_quantiles(found: np.ndarray, quantiles: Sequence[float]) -> Arrays:
    """(N, Q) quantiles as `read` gives them: ascending in every row."""
    ascending = np.sort(found.astype(np.float32), axis=1)
    return {"value": ascending[:, middle(quantiles)], "quantiles": ascending}


def _fitted(
    model: Any, train: Design, test: Design, target: str, counts: Counts | None = None
) -> np.ndarray:
    """(N_test,) float32 standardised answers; `counts` where the model learns the counts."""
    fitted_on, asked = observed(train, test, _known(train, target))
    values = _values(train, target)
    if counts is None:
        model.fit(fitted_on, values)
        answers: np.ndarray = model.predict(asked).astype(np.float32)
        return answers
    model.fit(fitted_on, np.maximum(values.astype(np.float64) * counts.deviation + counts.mean, 0))
    rates = (model.predict(asked) - counts.mean) / counts.deviation
    standardised: np.ndarray = rates.astype(np.float32)
    return standardised


def _values(train: Design, target: str) -> np.ndarray:
    """(n,) targets of the rows that have one."""
    known: np.ndarray = train.targets[target][_known(train, target)]
    return known


def _in_unit(train: Design, target: str, parts: Parts) -> np.ndarray:
    """(n,) float64 the same in the caller's unit."""
    import torch

    found: np.ndarray = parts.values(torch.from_numpy(_values(train, target)).double()).numpy()
    return found


def _known(train: Design, target: str) -> np.ndarray:
    """(N,) bool, where the target is present."""
    values = train.targets[target]
    return train.targets.get(PRESENT + target, np.ones(len(values), bool))
