"""Scales of a number: what is done to it before it is standardised, and undone afterwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, Protocol

import numpy as np

from sonde.data.columns._sketch import Sketch

ScaleName = Literal["standard", "log", "quantile"]

_KNOTS = 256
"""Quantiles by which a number is bent to a normal distribution."""

_APART = 1e-9
"""Relative distance below which two knots are one: between nearer ones rounding would show."""

_TINY = 1e-280
"""Knots this near zero are one with it: the slope between them would overflow."""

_LARGEST_LOG = 345.0
"""Beyond it the signed logarithm is undone to more than 1e150, which no column reads."""


class Scale(Protocol):
    """A monotone change of unit that can be undone."""

    def bend(self, values: np.ndarray) -> np.ndarray:
        """(N,) float64 in the caller's unit -> (N,) float64; NaN stays."""

    def unbend(self, bent: np.ndarray) -> np.ndarray:
        """(N,) float64 back to the caller's unit."""

    @property
    def loss(self) -> float:
        """What undoing and doing again can lose near zero, in units of rounding (2**-53)."""


class Plain:
    """Nothing is done."""

    loss = 0.0

    def bend(self, values: np.ndarray) -> np.ndarray:
        """The same."""
        return values

    def unbend(self, bent: np.ndarray) -> np.ndarray:
        """The same."""
        return bent


class SignedLog:
    """sign(x) * ln(1 + |x|), for numbers with a heavy tail: prices, counts, populations.

    It is nearly x itself below 1 and grows like a logarithm beyond, on both sides of zero.
    """

    loss = 16.0

    def bend(self, values: np.ndarray) -> np.ndarray:
        """To the signed logarithm."""
        bent: np.ndarray = np.copysign(np.log1p(np.abs(values)), values)
        return bent

    def unbend(self, bent: np.ndarray) -> np.ndarray:
        """From the signed logarithm; what is too far for any number is drawn in."""
        size = np.minimum(np.abs(bent), _LARGEST_LOG)
        values: np.ndarray = np.copysign(np.expm1(size), bent)
        return values


@dataclass(frozen=True)
class Quantile:
    """To a standard normal distribution by the quantiles of the training rows.

    Between two knots it is a straight line; beyond the first and the last it stays at their
    scores, so that no number is farther than any training row.

    Attributes:
        knots: ascending quantiles in the caller's unit.
        scores: the normal score of each, ascending.
    """

    knots: Sequence[float]
    scores: Sequence[float]

    @classmethod
    def of(cls, sketch: Sketch) -> Quantile:
        """From a sample; knots that lie together become one with their mean score."""
        count = max(2, min(_KNOTS, sketch.kept))
        levels = (np.arange(count) + 0.5) / count
        values = sketch.quantiles(np.linspace(0.0, 1.0, count))
        scores = np.array([NormalDist().inv_cdf(float(level)) for level in levels])
        if not len(values):
            return cls((), ())
        group = np.zeros(count, np.int64)
        kept = [float(values[0])]
        for place in range(1, count):
            nearest = _APART * max(abs(float(values[place])), abs(kept[-1]), _TINY)
            if values[place] - kept[-1] > nearest:
                kept.append(float(values[place]))
            group[place] = len(kept) - 1
        means = np.bincount(group, scores) / np.bincount(group)
        return cls(tuple(kept), tuple(means.tolist()))

    def bend(self, values: np.ndarray) -> np.ndarray:
        """To normal scores."""
        if len(self.knots) < 2:
            return np.where(np.isnan(values), np.nan, 0.0)
        bent: np.ndarray = np.interp(values, self.knots, self.scores)
        return bent

    def unbend(self, bent: np.ndarray) -> np.ndarray:
        """From normal scores."""
        if len(self.knots) < 2:
            return np.full(bent.shape, self.knots[0] if self.knots else 0.0)
        values: np.ndarray = np.interp(bent, self.scores, self.knots)
        return values

    @property
    def loss(self) -> float:
        """The steepest line's slope times the size of the numbers it bends."""
        if len(self.knots) < 2:
            return 1.0
        knots = np.asarray(self.knots)
        size = np.maximum(np.abs(knots[1:]), np.abs(knots[:-1]))
        lost = size / np.diff(knots) * np.diff(self.scores)
        return float(4 * lost.max()) + 16.0


def grid(mean: float, deviation: float, scale: Scale) -> float:
    """A power of two that is coarser than what decoding and encoding again can lose.

    Each of their roundings loses at most 2**-53 of the value or of the mean, counted in
    deviations, and the scale what it says. On such a grid what was decoded is encoded to the same
    bits again.
    """
    lost = (abs(mean) + scale.loss) / deviation + 1.0
    return float(2.0 ** (math.frexp(lost)[1] - 50))
