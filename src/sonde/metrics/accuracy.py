"""Accuracy: the part of all rows that is answered right."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds
from sonde.metrics._mean import RowMean


class Accuracy(RowMean):
    """Right rows over all rows, in [0, 1]; a class never seen in training counts as wrong."""

    bounds: ClassVar[Bounds] = (0.0, 1.0)

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) 1 where the row is right, else 0."""
        return np.equal(predicted["index"], truth["index"]).astype(np.float64)
