"""Intervals: how far a score would move had other rows of the same kind been drawn.

What each unit (a row, or a group of rows) adds to the score is computed, not drawn: by leaving it
out, where a metric is made of sums, else by the metric's own formula. From these influences come
the standard error, on a scale where it is nearly Student's t, and paired differences. So an
interval costs two passes over the rows and needs no resample; simulations in
`tests/unit/evaluate/test_evaluator.py` show what it holds. A metric with neither sums nor a formula
is resampled instead, unit by unit (Efron, Tibshirani, "An Introduction to the Bootstrap", 1993,
section 13.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sonde.contracts.metric import (
    Arrays,
    Metric,
    Score,
)
from sonde.core.seed import numpy_rng
from sonde.evaluate._limits import (
    Limits,
    of_mean,
    of_proportion,
    on_scale_of,
    plain,
    spread_of,
)
from sonde.evaluate._units import Units, units_of

_TAILS = (0.025, 0.975)
_MOST_COUNTS = 2_000_000
"""Counts made at once: 16 MB, and as much again while they are drawn."""
_FEWEST_UNITS = 5
"""Rows or groups with fewer of which a spread is no more than a guess."""

_FEWEST_DEFINED = 0.9
"""Part of the resamples in which a score must be defined for its quantiles to mean anything."""


@dataclass(frozen=True)
class Measured:
    """A score, and how it hangs on the units.

    Attributes:
        value: the score.
        influence: (M,) what each unit adds to the score, to first order; None where unknown.
        resampled: (R,) scores of resamples, where there is no influence.
        mean: where the metric is a mean, that mean and the (M,) influence on it.
    """

    value: float
    influence: np.ndarray | None = None
    resampled: np.ndarray | None = None
    mean: tuple[float, np.ndarray] | None = None


def intervals(
    metrics: Mapping[str, Metric],
    predicted: Arrays,
    truth: Arrays,
    *,
    seed: int,
    groups: np.ndarray | None = None,
) -> dict[str, Score]:
    """Each metric's score with its interval.

    The interval is left out where there are fewer than two units, where it is not defined once
    some unit is left out, and where no unit matters, as in a perfect ranking.

    Args:
        metrics: by name.
        predicted: answers as metrics read them, N rows.
        truth: what was to be answered.
        seed: of blocks and resamples.
        groups: (N,) equal where rows hang together.
    """
    rows = len(next(iter(truth.values())))
    units = units_of(rows, groups, seed=seed)
    return {
        name: as_score(metric, measure(metric, predicted, truth, units, seed=seed), rows)
        for name, metric in metrics.items()
    }


def interval(
    metric: Metric, predicted: Arrays, truth: Arrays, *, seed: int, groups: np.ndarray | None = None
) -> Score:
    """One metric's score with its interval."""
    return intervals({"": metric}, predicted, truth, seed=seed, groups=groups)[""]


def measure(
    metric: Metric, predicted: Arrays, truth: Arrays, units: Units, *, seed: int
) -> Measured:
    """The score of N rows and how it hangs on their units."""
    sums = metric.sums(predicted, truth, units.of_rows, units.count)
    if sums is not None:
        return _left_out(metric, sums)
    value = metric.score(predicted, truth)
    influence = metric.influence(predicted, truth)
    if influence is not None:
        return Measured(value, np.bincount(units.of_rows, influence, units.count))
    return Measured(value, resampled=resample(metric, predicted, truth, units, seed=seed))


def gain(metric: Metric, model: Measured, rival: Measured, rows: int) -> Score:
    """By how much the model is better than the rival on the same units, with its interval.

    Above 0 the model is better, whichever direction better is.
    """
    sign = 1 if metric.higher_is_better else -1
    value = sign * (model.value - rival.value)
    limits = None
    if model.influence is not None and rival.influence is not None:
        difference = model.influence - rival.influence
        if _usable(value, difference):
            limits = plain(value, spread_of(difference))
    elif model.resampled is not None and rival.resampled is not None:
        limits = _percentiles(value, sign * (model.resampled - rival.resampled))
    low, high = limits or (None, None)
    return Score(value, low, high, rows, metric.higher_is_better)


def as_score(metric: Metric, measured: Measured, rows: int) -> Score:
    """A score with the interval that suits its kind."""
    value, limits = measured.value, None
    if measured.mean is not None and _usable(value, measured.mean[1]):
        limits = _of_mean(metric, *measured.mean)
    elif measured.influence is not None and _usable(value, measured.influence):
        if measured.influence.any():
            bounds = (None, None) if metric.meets_bounds else metric.bounds
            limits = on_scale_of(bounds, value, spread_of(measured.influence))
    elif measured.resampled is not None:
        limits = _percentiles(value, measured.resampled)
    low, high = _within(metric, limits) if limits else (None, None)
    return Score(value, low, high, rows, metric.higher_is_better)


def resample(
    metric: Metric, predicted: Arrays, truth: Arrays, units: Units, *, seed: int
) -> np.ndarray:
    """(R,) scores over R = `metric.resamples` draws of M of the M units, with replacement.

    The draws are a function of the seed and M alone, so two models judged on the same rows are
    compared draw by draw.
    """
    rng, rows = numpy_rng(seed, "bootstrap"), len(units.of_rows)
    at_once = max(1, _MOST_COUNTS // max(1, rows))
    found = [np.empty(0)]
    for start in range(0, metric.resamples if rows else 0, at_once):
        drawn = min(at_once, metric.resamples - start)
        counts = rng.multinomial(units.count, np.full(units.count, 1 / units.count), drawn)
        found.append(metric.resampled(predicted, truth, counts[:, units.of_rows].astype(float)))
    return np.concatenate(found)


def _left_out(metric: Metric, sums: np.ndarray) -> Measured:
    """The score of (M, K) sums, and what is missing of it when each unit is left out (jackknife).

    With M - 1 in place of M in the variance of a mean, leaving out counts M / (M - 1) too much.
    """
    total = sums.sum(axis=0)
    value = float(metric.combine(total))
    count = len(sums)
    if count < 2:
        return Measured(value, np.full(count, np.nan))
    influence = (value - metric.combine(total - sums)) * (count - 1) / count
    if not metric.is_mean or not total[1]:
        return Measured(value, influence)
    mean = float(total[0] / total[1])
    return Measured(value, influence, mean=(mean, (sums[:, 0] - mean * sums[:, 1]) / total[1]))


def _of_mean(metric: Metric, mean: float, influence: np.ndarray) -> Limits | None:
    """Limits of what follows from a mean: found for the mean, then carried over."""
    spread = spread_of(influence)
    if metric.bounds == (0.0, 1.0):
        low, high = of_proportion(mean, spread)
    elif not spread.error:
        return None
    else:
        low, high = of_mean(mean, spread)
    if metric.bounds[0] is not None:
        low = max(low, metric.bounds[0])
    edges = metric.combine(np.array([[low, 1.0], [high, 1.0]]))
    return float(edges[0]), float(edges[1])


def _usable(value: float, influence: np.ndarray) -> bool:
    return len(influence) >= _FEWEST_UNITS and bool(
        np.isfinite(value) and np.isfinite(influence).all()
    )


def _percentiles(value: float, resampled: np.ndarray) -> Limits | None:
    defined = resampled[np.isfinite(resampled)]
    enough = len(defined) > _FEWEST_DEFINED * len(resampled)
    if not np.isfinite(value) or not enough or not np.ptp(defined):
        return None
    low, high = np.quantile(defined, _TAILS)
    return float(low), float(high)


def _within(metric: Metric, limits: Limits) -> Limits:
    """The limits, where they do not leave what a score can be."""
    least, most = metric.bounds
    low, high = limits
    return (
        low if least is None else max(low, least),
        high if most is None else min(high, most),
    )
