"""What accuracy's finer sisters are made of: for each class, right, predicted and true rows.

A row whose true class was never seen in training has index -1. It is counted as a class of its
own, the last one, which no model can predict: it is always wrong, and averages over classes feel
it. This is what scikit-learn does with a label that occurs in the truth alone.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from sonde.contracts.metric import (
    Arrays,
    Bounds,
    Metric,
)
from sonde.metrics._ratio import ratio

Average = Literal["macro", "micro", "weighted", "class"]

_MOST_COUNTS = 8_000_000
"""Above this many (64 MB) each resample is counted for itself, instead of by a matrix product."""


class ClassCounts(Metric):
    """A score made of right, predicted and true rows.

    Averages: `macro` is the plain mean over the classes that occur in truth or prediction,
    `weighted` weighs each by its true rows, `micro` counts all classes together, and `class`
    looks at the class `positive` alone. Inside a mean, a class whose score is not defined (it
    was never predicted, say) scores 0; alone it scores NaN.
    """

    bounds: ClassVar[Bounds] = (0.0, 1.0)

    average: Average = "macro"
    positive: int = Field(1, ge=0)
    """The class index that `average: class` looks at."""

    @abstractmethod
    def of_counts(self, right: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        """The score from counts of any one shape; NaN where it is not defined."""

    def sums(
        self, predicted: Arrays, truth: Arrays, units: np.ndarray, count: int
    ) -> np.ndarray | None:
        """(M, 3 (K + 1)) right, predicted and true rows of each class; None where that is big."""
        classes = predicted["probability"].shape[1]
        return class_counts_of(predicted["index"], truth["index"], classes, units, count)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 3 (K + 1)) counts -> (...) scores."""
        counts = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)  # (3, ..., K + 1)
        right, predicted, true = counts
        if self.average == "class":
            assert self.positive < counts.shape[-1] - 1, f"there is no class {self.positive}"
            return self.of_counts(*counts[..., self.positive])
        if self.average == "micro":
            return self.of_counts(*counts.sum(axis=-1))
        of_classes = np.nan_to_num(self.of_counts(right, predicted, true), nan=0.0)
        weights = true if self.average == "weighted" else (predicted + true > 0).astype(float)
        return ratio((of_classes * weights).sum(axis=-1), weights.sum(axis=-1))

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """The score of N rows, each standing there `counts` times."""
        classes = predicted["probability"].shape[1]
        return float(
            self.combine(class_counts(predicted["index"], truth["index"], classes, counts))
        )

    @classmethod
    def examples(cls) -> list[ClassCounts]:
        """One of each average."""
        return [cls(average=a) for a in ("macro", "micro", "weighted", "class")]


def class_counts(
    predicted: np.ndarray, true: np.ndarray, classes: int, counts: np.ndarray | None = None
) -> np.ndarray:
    """(3 (K + 1),) right, predicted and true rows of each class, the unseen class last."""
    places = classes + 1
    right = predicted == true
    kept = counts[right] if counts is not None else None
    parts = [
        np.bincount(true[right] % places, kept, places),
        np.bincount(predicted % places, counts, places),
        np.bincount(true % places, counts, places),  # -1 % places is the last place
    ]
    return np.concatenate(parts).astype(np.float64)


def class_counts_of(
    predicted: np.ndarray, true: np.ndarray, classes: int, units: np.ndarray, count: int
) -> np.ndarray | None:
    """(M, 3 (K + 1)) the counts of each of M units of rows; None where they are too many."""
    places = classes + 1
    if count * 3 * places > _MOST_COUNTS:
        return None
    right = predicted == true
    found = [
        np.bincount(unit * places + index % places, minlength=count * places)
        for unit, index in (
            (units[right], true[right]),
            (units, predicted),
            (units, true),
        )
    ]
    return np.stack(found).reshape(3, count, places).swapaxes(0, 1).reshape(count, -1).astype(float)
