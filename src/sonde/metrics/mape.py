"""Mean absolute percentage error: errors as parts of the true value."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import (
    Arrays,
    Bounds,
    Metric,
)
from sonde.core.notice import say
from sonde.metrics._ratio import ratio


class MeanAbsolutePercentageError(Metric):
    """Mean of |predicted - true| / |true|: 0.22 is 22 %; 0 is best.

    A true value of zero has no relative error: such rows are left out and counted aloud, and where
    nothing else remains the score is NaN. Low answers cost less than high ones.
    """

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)
    is_mean: ClassVar[bool] = True

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): the row's relative error, and 1; zeros where the true value is 0."""
        true = truth["value"].astype(np.float64)
        defined = true != 0
        if not defined.all():
            say(f"mape leaves out {int((~defined).sum()):,} of {len(true):,} rows: their true "
                "value is 0, and no error is a part of that")  # fmt: skip
        error = np.abs(predicted["value"].astype(np.float64) - true)
        part = np.nan_to_num(ratio(error, np.abs(true)), nan=0.0, posinf=np.inf)
        return np.stack([part, defined.astype(np.float64)], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        return ratio(sums[..., 0], sums[..., 1])
