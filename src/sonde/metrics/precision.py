"""Precision: of the rows said to be of a class, the part that is."""

from __future__ import annotations

import numpy as np

from sonde.metrics._confusion import ClassCounts
from sonde.metrics._ratio import ratio


class Precision(ClassCounts):
    """Right rows over predicted rows, in [0, 1]; NaN where the class is never predicted."""

    def of_counts(self, right: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        """Right over predicted."""
        return ratio(right, predicted)
