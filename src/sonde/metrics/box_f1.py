"""F1 of the boxes that are given: those whose score reaches the task's cut, at one overlap."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.metrics._boxes import OBJECT, RIGHT, UNCOUNTED, counted, given, matched
from sonde.metrics._ratio import ratio


class BoxF1(Metric):
    """Twice the right ones over all that are given or true, in [0, 1]; NaN where there is none."""

    bounds: ClassVar[Bounds] = (0.0, 1.0)

    threshold: float = Field(0.5, gt=0, le=1)
    """The least overlap at which a box is right."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Two least overlaps."""
        return [cls(), cls(threshold=0.75)]

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): right boxes, and those that are given or true."""
        found = predicted["found"]
        outcome = matched(predicted, truth, [self.threshold])[..., 0]
        said = counted(found) & given(predicted)
        right = ((outcome == RIGHT) & said).sum(axis=1)
        said = ((outcome != UNCOUNTED) & said).sum(axis=1)
        true = (truth["boxes"][..., 5] == OBJECT).sum(axis=1)
        return np.stack([right, said + true], axis=1).astype(np.float64)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        return ratio(2 * sums[..., 0], sums[..., 1])
