"""Quantile loss over several quantiles: what a forecast of a whole distribution costs.

With ever more quantiles it comes to half the continuous ranked probability score: Gneiting,
Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", JASA 102, 2007, section 4.2.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field

from sonde.contracts.metric import Arrays
from sonde.metrics._mean import RowMean
from sonde.metrics.quantile_loss import QuantileLoss


class MeanQuantileLoss(RowMean):
    """The mean of each quantile's loss, in the target's unit; the less, the better."""

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[tuple[float | None, float | None]] = (0.0, None)

    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.5,)
    of: tuple[str, ...] = ("value",)
    """The name of the answer for each quantile."""

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each row's loss."""
        each = [
            QuantileLoss(quantile=quantile, of=name).of_rows(predicted, truth)
            for quantile, name in zip(self.quantiles, self.of, strict=True)
        ]
        mean: np.ndarray = np.mean(each, axis=0)
        return mean

    @classmethod
    def examples(cls) -> list[Self]:
        """The median, and the same answer for two quantiles."""
        return [cls(), cls(quantiles=(0.1, 0.9), of=("value", "value"))]
