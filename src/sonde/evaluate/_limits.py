"""Limits of a 95 % interval from a score's value and its influence: one way for each kind of score.

The influence of a unit is what it adds to the score, to first order; its sum of squares is the
score's variance (Jaeckel, "The infinitesimal jackknife", 1972). What is left is on which scale the
error is nearly a t: that decides whether 95 % intervals hold the truth in 95 % of all cases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import t as student

from sonde.contracts.metric import Bounds

Limits = tuple[float, float]

_COVERED = 0.95


@dataclass(frozen=True)
class Spread:
    """How far a score would move had other units been drawn.

    Attributes:
        error: its standard error.
        skewness: of the units' influence.
        quantile: how many errors make an interval: Student's, for as many units.
        units: their number.
    """

    error: float
    skewness: float
    quantile: float
    units: int


def spread_of(influence: np.ndarray) -> Spread:
    """The spread that (M,) influences add up to, two units at least."""
    count = len(influence)
    centred = influence - influence.mean()
    squares = float(np.square(centred).sum())
    error = float(np.sqrt(squares * count / (count - 1)))
    cubes = float((centred**3).sum())
    skewness = cubes / count / (squares / count) ** 1.5 if squares else 0.0
    quantile = float(student.ppf((1 + _COVERED) / 2, count - 1))
    return Spread(error, skewness, quantile, count)


def plain(value: float, spread: Spread) -> Limits:
    """Value and quantile times error: for differences."""
    half = spread.quantile * spread.error
    return value - half, value + half


def of_proportion(value: float, spread: Spread) -> Limits:
    """Wilson's interval, for means of numbers in [0, 1]; it is no point even where all are 1.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
    Rows that hang together count as fewer: as many as would have this error if they were
    independent (Dean, Pagano, "Evaluating confidence interval methods for binomial proportions in
    clustered surveys", Journal of Survey Statistics and Methodology 3, 2015).
    """
    free = value * (1 - value)
    error = spread.error * np.sqrt((spread.units - 1) / spread.units)  # without its correction
    rows = free / error**2 if free > 0 and error > 0 else spread.units
    squared = spread.quantile**2 / rows
    centre = (value + squared / 2) / (1 + squared)
    half = np.sqrt(squared * free + squared**2 / 4) / (1 + squared)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def of_mean(value: float, spread: Spread) -> Limits:
    """Limits of a mean whose rows lie skewed, as squared errors do.

    Hall, "On the removal of skewness by transformation", JRSS B 54, 1992, eq. 2.4: a cubic of t
    without the skewness, inverted in closed form.
    """
    root = np.sqrt(spread.units)
    skew = spread.skewness
    if abs(skew) < 1e-6 * root:
        return plain(value, spread)

    def inverse(wanted: float) -> float:
        inside = 1 + skew / root * (wanted - skew / (6 * root))
        return float(3 * root / skew * (np.cbrt(inside) - 1))

    low, high = inverse(spread.quantile), inverse(-spread.quantile)
    return value - spread.error * low, value - spread.error * high


def on_scale_of(bounds: Bounds, value: float, spread: Spread) -> Limits:
    """Limits on a scale without bounds: logit between two, logarithm above or below one.

    For the area under the ROC curve this is the interval of Pepe, "The statistical evaluation of
    medical tests for classification and prediction", 2003, section 5.2.
    """
    low, high = bounds
    if value in (low, high) or not spread.error:
        return plain(value, spread)
    to, back, slope = _scale(low, high, value)
    half = spread.quantile * spread.error * slope
    edges = back(to - half), back(to + half)
    return min(edges), max(edges)


def _scale(
    low: float | None, high: float | None, value: float
) -> tuple[float, Callable[[float], float], float]:
    """The value on the scale, the way back, and the scale's slope at the value."""
    if low is not None and high is not None:
        part, span = (value - low) / (high - low), high - low
        logit = float(np.log(part / (1 - part)))
        return logit, lambda x: low + span * float(expit(x)), 1 / (span * part * (1 - part))
    if low is not None:
        return float(np.log(value - low)), lambda x: low + float(np.exp(x)), 1 / (value - low)
    if high is not None:
        return float(np.log(high - value)), lambda x: high - float(np.exp(x)), 1 / (high - value)
    return value, lambda x: x, 1.0
