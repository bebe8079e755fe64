"""F1: the harmonic mean of precision and recall (van Rijsbergen, "Information Retrieval", 1979).

It is computed as 2 right / (predicted + true), which is defined wherever the class occurs at all.
"""

from __future__ import annotations

import numpy as np

from sonde.metrics._confusion import ClassCounts
from sonde.metrics._ratio import ratio


class F1(ClassCounts):
    """Harmonic mean of precision and recall, in [0, 1]; NaN where the class never occurs."""

    def of_counts(self, right: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        """Twice right over predicted plus true."""
        return ratio(2 * right, predicted + true)
