"""R2, the coefficient of determination: the part of the target's variance that is explained."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import (
    Arrays,
    Bounds,
    Metric,
)
from sonde.metrics._ratio import ratio

_ROUNDING = 1e-12
"""A spread this small beside the squares it is the difference of is rounding, not spread."""


class R2(Metric):
    """1 - squared errors / squared distances of the truth from its mean, at most 1.

    0 is what the mean of these very rows scores; NaN where all true values are equal.
    """

    bounds: ClassVar[Bounds] = (None, 1.0)

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 4): 1, y, y^2 and the squared error, y centred so that squares keep their digits."""
        true = truth["value"].astype(np.float64)
        centred = true - np.median(true) if len(true) else true
        error = np.square(predicted["value"].astype(np.float64) - true)
        return np.stack([np.ones_like(true), centred, centred**2, error], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 4) -> (...)."""
        count, values, squares, errors = np.moveaxis(sums, -1, 0)
        spread = squares - ratio(values**2, count)
        spread = np.where(spread > _ROUNDING * squares, spread, 0.0)
        return 1 - ratio(errors, spread)
