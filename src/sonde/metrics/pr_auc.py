"""Area under the precision-recall curve: how clean the top of a ranking is, where few rows count.

It is the average precision, a sum of steps and no straight lines between points: those promise what
no threshold gives (Davis, Goadrich, "The relationship between Precision-Recall and ROC curves",
ICML 2006, section 4). Chance scores the part of the rows that is positive.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import (
    Arrays,
    Bounds,
    Metric,
)
from sonde.metrics._ranked import Ranked, mean_influence, mean_over_classes
from sonde.metrics._ratio import ratio


class PrAuc(Metric):
    """Average precision, in [0, 1].

    Two classes: of class 1. More: the mean over classes, each against the rest; classes without a
    positive row are left out of the mean. NaN is the answer where none remains or a probability is
    NaN. A row of a class never seen in training is a negative row to every class.
    """

    bounds: ClassVar[Bounds] = (0.0, 1.0)
    resamples: ClassVar[int] = 1000

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """The average precision over N rows, each standing there `counts` times."""
        counts = np.ones(len(truth["index"])) if counts is None else counts
        return float(self.resampled(predicted, truth, counts))

    def resampled(self, predicted: Arrays, truth: Arrays, counts: np.ndarray) -> np.ndarray:
        """(..., N) counts -> (...) average precisions: one sort per class."""
        return mean_over_classes(predicted, truth, counts.astype(np.float64), _average_precision)

    def influence(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) what one more of each row adds to the score, to first order."""
        return mean_influence(predicted, truth, _derivative)


def _average_precision(found: Ranked) -> np.ndarray:
    """(..., V) -> (...): the precision at each positive row, averaged over them."""
    positives, negatives, _ = found
    right = np.cumsum(positives, axis=-1)
    said = right + np.cumsum(negatives, axis=-1)
    precision = np.nan_to_num(ratio(right, said), nan=0.0)
    return ratio((positives * precision).sum(axis=-1), positives.sum(axis=-1))


def _derivative(found: Ranked, positive: np.ndarray) -> np.ndarray:
    """(N,) the score's derivative by each row's weight.

    With P positive rows and precision right(v) / said(v) at value v, one more row at u moves the
    precision at u and all lower values by (is positive - precision) / said; a positive row is also
    one more to average over.
    """
    positives, negatives, group = found
    right = np.cumsum(positives)
    said = right + np.cumsum(negatives)
    precision, total = right / said, positives.sum()
    lower = np.cumsum((positives / said)[::-1])[::-1]
    lower_precise = np.cumsum((positives * precision / said)[::-1])[::-1]
    moved = np.where(positive, lower[group], 0.0) - lower_precise[group]
    score = float((positives * precision).sum() / total)
    own = np.where(positive, precision[group] - score, 0.0)
    derivative: np.ndarray = (own + moved) / total
    return derivative
