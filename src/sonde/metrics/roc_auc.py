"""Area under the ROC curve: how often a positive row is ranked above a negative one, ties half.

This is the Mann-Whitney statistic (Hanley, McNeil, "The meaning and use of the area under a
receiver operating characteristic (ROC) curve", Radiology 143, 1982). Its influence function is the
structural components of DeLong, DeLong, Clarke-Pearson, "Comparing the areas under two or more
correlated receiver operating characteristic curves", Biometrics 44, 1988, section 2.
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


class RocAuc(Metric):
    """Area under the ROC curve, in [0, 1]; 0.5 is chance.

    Two classes: of class 1. More: the mean over classes, each against the rest; classes without
    a positive or without a negative row are left out of the mean. NaN is the answer where none
    remains or a probability is NaN. A row of a class never seen in training is a negative row to
    every class.
    """

    bounds: ClassVar[Bounds] = (0.0, 1.0)
    resamples: ClassVar[int] = 1000

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """The area over N rows, each standing there `counts` times."""
        counts = np.ones(len(truth["index"])) if counts is None else counts
        return float(self.resampled(predicted, truth, counts))

    def resampled(self, predicted: Arrays, truth: Arrays, counts: np.ndarray) -> np.ndarray:
        """(..., N) counts -> (...) areas: one sort per class."""
        return mean_over_classes(predicted, truth, counts.astype(np.float64), _area)

    def influence(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) what one more of each row adds to the area, to first order."""
        return mean_influence(predicted, truth, _components)


def _area(found: Ranked) -> np.ndarray:
    """(..., V) -> (...): the chance that a positive row ranks above a negative one, ties half."""
    positives, negatives, _ = found
    above = np.cumsum(positives, axis=-1) - 0.5 * positives  # positives ranked above, ties half
    pairs = positives.sum(axis=-1) * negatives.sum(axis=-1)
    return ratio((above * negatives).sum(axis=-1), pairs)


def _components(found: Ranked, positive: np.ndarray) -> np.ndarray:
    """(N,) for each row, the part of the other side it is ranked right against, less the area."""
    positives, negatives, group = found
    above = np.cumsum(positives) - 0.5 * positives
    below = negatives.sum() - np.cumsum(negatives) + 0.5 * negatives
    area = float(_area(found))
    of_positive = below[group] / negatives.sum() - area
    of_negative = above[group] / positives.sum() - area
    components: np.ndarray = np.where(
        positive, of_positive / positives.sum(), of_negative / negatives.sum()
    )
    return components
