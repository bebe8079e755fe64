"""IoU: intersection over union of what is said and what is true (Jaccard 1912), pixel by pixel.

Counted over all pictures together and then averaged over classes, as in Everingham, Eslami,
Van Gool, Williams, Winn, Zisserman, "The Pascal Visual Object Classes Challenge: A Retrospective",
2015, section 4.1.2.
"""

from __future__ import annotations

import numpy as np

from sonde.metrics._pixels import PixelCounts
from sonde.metrics._ratio import ratio


class Iou(PixelCounts):
    """Pixels that are and were said to be of a class, over those that are or were, in [0, 1]."""

    def of_counts(self, right: np.ndarray, said: np.ndarray, true: np.ndarray) -> np.ndarray:
        """Right over said, plus true, less right."""
        return ratio(right, said + true - right)
