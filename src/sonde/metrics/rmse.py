"""Root mean squared error, in the target's unit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import (
    Arrays,
    Bounds,
    Metric,
)
from sonde.metrics._ratio import ratio


class RootMeanSquaredError(Metric):
    """Square root of the mean of (predicted - true)^2, in the target's unit; 0 is best."""

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)
    is_mean: ClassVar[bool] = True

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): the row's squared error, and 1."""
        error = np.square(predicted["value"].astype(np.float64) - truth["value"])
        return np.stack([error, np.ones_like(error)], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        mean: np.ndarray = np.sqrt(ratio(sums[..., 0], sums[..., 1]))
        return mean
