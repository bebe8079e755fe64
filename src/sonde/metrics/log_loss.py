"""Log loss: how surprised the model is by the truth."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds
from sonde.metrics._mean import RowMean
from sonde.metrics._true_class import true_probability

_SMALLEST = 1e-15


class LogLoss(RowMean):
    """Mean of -ln of the true class's probability, 0 or more (natural log).

    Probabilities are raised to 1e-15 at least, so that one row costs at most 34.5. A class never
    seen in training was given probability 0 and costs just that.
    """

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each row's loss."""
        given = true_probability(predicted, truth)
        loss: np.ndarray = -np.log(np.clip(given, _SMALLEST, 1.0))
        return loss
