"""Intervals: how far a score would move had other rows of the same kind been drawn.

Percentile bootstrap, 95 % (Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, section
13.3): rows are drawn with replacement, and what lies between the 2.5 % and 97.5 % quantiles of the
scores is the interval. A resample is a vector of counts, so for a metric with terms a chunk of
resamples is one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sonde.contracts.task import Arrays, Metric, Score
from sonde.core.seed import numpy_rng

_TAILS = (0.025, 0.975)
_MOST_COUNTS = 2_000_000
"""Counts made at once: 16 MB, and as much again while they are drawn."""
_FEWEST_DEFINED = 0.9
"""Part of the resamples in which a score must be defined for its quantiles to mean anything."""


def intervals(
    metrics: Mapping[str, Metric], predicted: Arrays, truth: Arrays, *, seed: int
) -> dict[str, Score]:
    """Each metric's score with its interval, all from the same resamples.

    The interval is left out where there are fewer than two rows or the score is often undefined.
    """
    rows = len(next(iter(truth.values())))
    resampled = resample(metrics, predicted, truth, seed=seed)
    return {
        name: as_score(metric, metric.score(predicted, truth), resampled[name], rows)
        for name, metric in metrics.items()
    }


def interval(metric: Metric, predicted: Arrays, truth: Arrays, *, seed: int) -> Score:
    """One metric's score with its interval."""
    return intervals({metric.kind: metric}, predicted, truth, seed=seed)[metric.kind]


def resample(
    metrics: Mapping[str, Metric], predicted: Arrays, truth: Arrays, *, seed: int
) -> dict[str, np.ndarray]:
    """(R,) scores of each metric over R = `metric.resamples` resamples of the N rows.

    The resamples are a function of the seed and N alone, so two models judged on the same rows
    are compared resample by resample.
    """
    rows = len(next(iter(truth.values())))
    terms = {name: metric.terms(predicted, truth) for name, metric in metrics.items()}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    most = max((metric.resamples for metric in metrics.values()), default=0)
    done = 0
    for counts in _resamples(rows, most, seed):
        for name, metric in metrics.items():
            wanted = counts[: max(0, metric.resamples - done)]
            of_rows = terms[name]
            if of_rows is not None:
                parts[name].append(metric.combine(wanted @ of_rows))
            else:
                parts[name].append(np.array([metric.score(predicted, truth, c) for c in wanted]))
        done += len(counts)
    return {name: np.concatenate([np.empty(0), *found]) for name, found in parts.items()}


def as_score(metric: Metric, value: float, resampled: np.ndarray, rows: int) -> Score:
    """A value with the interval that its resamples give."""
    defined = resampled[np.isfinite(resampled)]
    low = high = None
    if rows > 1 and np.isfinite(value) and len(defined) > _FEWEST_DEFINED * len(resampled):
        low, high = (float(edge) for edge in np.quantile(defined, _TAILS))
    return Score(value, low, high, rows, metric.higher_is_better)


def _resamples(rows: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Chunks of (r, N) float64: how often each row stands in each of r resamples."""
    rng = numpy_rng(seed, "bootstrap")
    at_once = max(1, _MOST_COUNTS // max(1, rows))
    for start in range(0, resamples if rows else 0, at_once):
        count = min(at_once, resamples - start)
        drawn = rng.integers(0, rows, size=(count, rows))
        drawn += np.arange(count)[:, None] * rows  # each resample counts in a range of its own
        counts = np.bincount(drawn.ravel(), minlength=count * rows)
        yield counts.reshape(count, rows).astype(np.float64)
