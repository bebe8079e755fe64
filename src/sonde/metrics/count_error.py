"""How far the number of found boxes is from the number of true ones, class by class."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from sonde.contracts.metric import Arrays, Bounds
from sonde.metrics._boxes import OBJECT, UNCOUNTED, given, matched
from sonde.metrics._mean import RowMean


class CountError(RowMean):
    """Mean over pictures and classes of the absolute error of a count; 0 is best."""

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)

    classes: int = Field(1, ge=1)
    """How many there are."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Of three classes."""
        return [cls(classes=3)]

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) mean over classes."""
        mean: np.ndarray = np.abs(self.errors(predicted, truth)).mean(axis=1)
        return mean

    def errors(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, K) found less true; what is spared counts neither way."""
        found, boxes = predicted["found"], truth["boxes"]
        said = given(predicted) & (matched(predicted, truth, [0.5])[..., 0] != UNCOUNTED)
        there = boxes[..., 5] == OBJECT
        kinds = range(self.classes)
        differences = [
            (said & (found[..., 4] == kind)).sum(axis=1)
            - (there & (boxes[..., 4] == kind)).sum(axis=1)
            for kind in kinds
        ]
        return np.stack(differences, axis=1).astype(np.float64)
