"""Scores that are plain means over rows."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Metric
from sonde.metrics._ratio import ratio


class RowMean(Metric):
    """The mean of a number that each row has for itself; NaN over no rows."""

    is_mean: ClassVar[bool] = True

    @abstractmethod
    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) float64, each row's number."""

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): the row's number, and 1."""
        numbers = self.of_rows(predicted, truth)
        return np.stack([numbers, np.ones_like(numbers)], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        return ratio(sums[..., 0], sums[..., 1])
