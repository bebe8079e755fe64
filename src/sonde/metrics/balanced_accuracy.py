"""Balanced accuracy: the part of each class that is answered right, every class weighing the same.

Brodersen, Ong, Stephan, Buhmann, "The balanced accuracy and its posterior distribution", ICPR 2010.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import (
    Arrays,
    Bounds,
    Metric,
)
from sonde.metrics._confusion import class_counts, class_counts_of
from sonde.metrics._ratio import ratio


class BalancedAccuracy(Metric):
    """The mean recall of the classes that occur in the truth, in [0, 1].

    A model that always says the same scores 1 / K, however common that class is. A class never
    seen in training is one more class, of which nothing is found.
    """

    bounds: ClassVar[Bounds] = (0.0, 1.0)

    def sums(
        self, predicted: Arrays, truth: Arrays, units: np.ndarray, count: int
    ) -> np.ndarray | None:
        """(M, 3 (K + 1)) right, predicted and true rows of each class; None where that is big."""
        classes = predicted["probability"].shape[1]
        return class_counts_of(predicted["index"], truth["index"], classes, units, count)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 3 (K + 1)) counts -> (...) scores."""
        right, _, true = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
        found = np.nan_to_num(ratio(right, true), nan=0.0)
        return ratio(found.sum(axis=-1), (true > 0).sum(axis=-1))

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """The score of N rows, each standing there `counts` times."""
        classes = predicted["probability"].shape[1]
        return float(
            self.combine(class_counts(predicted["index"], truth["index"], classes, counts))
        )
