"""Recall: of the rows of a class, the part that is found."""

from __future__ import annotations

import numpy as np

from sonde.metrics._confusion import ClassCounts
from sonde.metrics._ratio import ratio


class Recall(ClassCounts):
    """Right rows over true rows, in [0, 1]; NaN where no row is of the class."""

    def of_counts(self, right: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        """Right over true."""
        return ratio(right, true)
