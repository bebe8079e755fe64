"""How far lines are from the truth, in pixels across."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.metrics._ratio import ratio


class LineError(Metric):
    """The mean distance, at heights where both are known, of a said line from the true one.

    It reads predicted["apart"] (N, 2): the sum of the distances of a picture, in pixels, and how
    many there are. NaN where no line was found.
    """

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)
    is_mean: ClassVar[bool] = True

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): the sum, the number."""
        return np.asarray(predicted["apart"], np.float64)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        return ratio(sums[..., 0], sums[..., 1])
