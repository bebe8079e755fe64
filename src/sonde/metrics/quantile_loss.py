"""Quantile loss, or pinball loss: what a forecast of a quantile costs.

Koenker, Bassett, "Regression Quantiles", Econometrica 46, 1978, eq. 1.2.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from sonde.contracts.metric import Arrays, Bounds
from sonde.metrics._mean import RowMean


class QuantileLoss(RowMean):
    """Mean of q (true - said) where said is too low, (1 - q) (said - true) else; 0 is best.

    In the target's unit. What is said is best, on average, where it is the true q-quantile; for
    the median it is half the absolute error.
    """

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)

    quantile: float = Field(0.5, gt=0, lt=1)
    of: str = "value"
    """The name of the answer that is judged, where a task gives several."""

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each row's loss."""
        short = truth["value"] - predicted[self.of].astype(np.float64)
        return np.maximum(self.quantile * short, (self.quantile - 1) * short)

    @classmethod
    def examples(cls) -> list[Self]:
        """The median and a high quantile."""
        return [cls(), cls(quantile=0.9)]
