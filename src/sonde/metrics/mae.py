"""Mean absolute error, in the target's unit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds
from sonde.metrics._mean import RowMean


class MeanAbsoluteError(RowMean):
    """Mean of |predicted - true|, in the target's unit; 0 is best."""

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each row's absolute error."""
        return np.abs(predicted["value"].astype(np.float64) - truth["value"])
