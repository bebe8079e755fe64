"""Area under the ROC curve over labels, of which a row may have several or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Metric
from sonde.metrics.roc_auc import RocAuc


class LabelAuc(Metric):
    """The mean of each label's area, in [0, 1]; 0.5 is chance.

    Labels that every row has, or none, are left out of the mean; NaN where no other remains.
    """

    bounds: ClassVar[tuple[float | None, float | None]] = (0.0, 1.0)
    resamples: ClassVar[int] = 1000

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """The mean area over N rows, each standing there `counts` times."""
        areas = [RocAuc().score(*label, counts) for label in self._labels(predicted, truth)]
        defined = [area for area in areas if not np.isnan(area)]
        return float(np.mean(defined)) if defined else float("nan")

    def influence(self, predicted: Arrays, truth: Arrays) -> np.ndarray | None:
        """(N,) the mean of each label's influence; None where a label on one row has none."""
        found = [RocAuc().influence(*label) for label in self._labels(predicted, truth)]
        known = [each for each in found if each is not None and np.isfinite(each).all()]
        return np.mean(known, axis=0) if known and len(known) == len(found) else None

    def _labels(self, predicted: Arrays, truth: Arrays) -> Iterator[tuple[Arrays, Arrays]]:
        """Each label that some rows have and some lack, as a matter of two classes."""
        for probability, true in zip(
            predicted["label probability"].T, truth["labels"].T, strict=True
        ):
            if true.any() and not true.all():
                both = np.stack([1 - probability, probability], axis=1)
                yield {"probability": both}, {"index": true.astype(np.int64)}
