"""Token accuracy: the part of the words whose label is right."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.core.port import PAD
from sonde.metrics._ratio import ratio


class TokenAccuracy(Metric):
    """Right labels over all labels, in [0, 1]; NaN over no words."""

    bounds: ClassVar[Bounds] = (0.0, 1.0)
    is_mean: ClassVar[bool] = True

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): words labelled rightly, words."""
        tags, said = truth["tags"], predicted["tags"][:, : truth["tags"].shape[1]]
        true = tags != PAD
        missing = tags.shape[1] - said.shape[1]
        right = true & (np.pad(said, ((0, 0), (0, missing)), constant_values=PAD) == tags)
        return np.stack([right.sum(axis=1), true.sum(axis=1)], axis=1).astype(np.float64)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        return ratio(sums[..., 0], sums[..., 1])
