"""IoU of what is drawn on a ground, such as lines on a road, without the ground itself.

A ground fills most of a picture, so that its IoU, near 1 whatever is said, would hide the others.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field

from sonde.contracts.metric import Arrays
from sonde.metrics.iou import Iou


class LineIou(Iou):
    """The mean of the IoU of all classes but one."""

    ground: int = Field(0, ge=0)
    """The class that is left out."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Either of two classes."""
        return [cls(), cls(ground=1)]

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 3 K) pixels of each class; none of the ground's, so that it has no score."""
        counts = super().terms(predicted, truth)
        classes = np.shape(predicted["said"])[-1]
        counts[:, self.ground :: classes] = 0
        return counts
