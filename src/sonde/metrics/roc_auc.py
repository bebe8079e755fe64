"""Area under the ROC curve: how often a positive row is ranked above a negative one, ties half.

This is the Mann-Whitney statistic (Hanley, McNeil, "The meaning and use of the area under a
receiver operating characteristic (ROC) curve", Radiology 143, 1982).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.task import Arrays, Metric


class RocAuc(Metric):
    """Area under the ROC curve, in [0, 1]; 0.5 is chance.

    Two classes: of class 1. More: the mean over classes, each against the rest; classes without
    a positive or without a negative row are left out of the mean. NaN is the answer where none
    remains or a probability is NaN. A row of a class never seen in training is a negative row to
    every class.
    """

    resamples: ClassVar[int] = 1000

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """The area over N rows, each standing there `counts` times: one sort per class."""
        probability, index = predicted["probability"], truth["index"]
        weights = np.ones(len(index)) if counts is None else counts.astype(np.float64)
        classes = probability.shape[1]
        judged = [1] if classes == 2 else range(classes)
        areas = np.array([_area(probability[:, k], index == k, weights) for k in judged])
        defined = areas[~np.isnan(areas)]
        return float(defined.mean()) if len(defined) else float("nan")


def _area(ranking: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> float:
    """The chance that a positive row ranks above a negative one, ties half; all (N,)."""
    order = np.argsort(ranking)  # ties are summed as a group, so their order does not matter
    ranked = ranking[order]
    positives = weights[order] * positive[order]
    negatives = weights[order] - positives
    total = positives.sum() * negatives.sum()
    if not total or np.isnan(ranked[-1]):  # NaN is sorted last
        return float("nan")
    group_ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    positives_at = np.diff(np.cumsum(positives)[group_ends], prepend=0.0)
    negatives_to = np.cumsum(negatives)[group_ends]
    negatives_at = np.diff(negatives_to, prepend=0.0)
    return float((positives_at * (negatives_to - 0.5 * negatives_at)).sum() / total)
