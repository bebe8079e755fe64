"""Mean and deviation of a stream of numbers, in one pass."""

from __future__ import annotations

import math

import numpy as np


class Moments:
    """Merged chunk by chunk.

    Chan, Golub, LeVeque, "Algorithms for Computing the Sample Variance", 1983, eq. 2.1.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0
        self._lowest, self._highest = math.inf, -math.inf

    def add(self, values: np.ndarray) -> None:
        """The next (n,) float64 numbers, none of them NaN."""
        if not len(values):
            return
        shift, total = float(values.mean()) - self._mean, self._count + len(values)
        self._squares += (
            float(values.var()) * len(values) + shift**2 * self._count * len(values) / total
        )
        self._mean += shift * len(values) / total
        self._count = total
        self._lowest = min(self._lowest, float(values.min()))
        self._highest = max(self._highest, float(values.max()))

    @property
    def mean(self) -> float:
        """The mean; 0 of nothing."""
        return self._mean if self._varies else (self._lowest if self._count else 0.0)

    @property
    def deviation(self) -> float:
        """The deviation, 1 for what does not vary, so that it can be divided by."""
        return math.sqrt(self._squares / self._count) or 1.0 if self._varies else 1.0

    @property
    def _varies(self) -> bool:
        """False for a constant, to which rounding would give a tiny deviation."""
        return self._lowest < self._highest
