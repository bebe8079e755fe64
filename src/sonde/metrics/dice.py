"""Dice: twice the intersection over the sum of what is said and what is true.

Dice, "Measures of the Amount of Ecologic Association Between Species", 1945: the F1 of pixels.
"""

from __future__ import annotations

import numpy as np

from sonde.metrics._pixels import PixelCounts
from sonde.metrics._ratio import ratio


class Dice(PixelCounts):
    """Agreement of a class's pixels over all pictures together, in [0, 1]."""

    def of_counts(self, right: np.ndarray, said: np.ndarray, true: np.ndarray) -> np.ndarray:
        """Twice right over said plus true."""
        return ratio(2 * right, said + true)
