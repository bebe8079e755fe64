"""Boundary F1: how well outlines lie where they should.

Csurka, Larlus, Perronnin, "What is a good evaluation measure for semantic segmentation?", 2013,
section 3.2: of each class of a picture, the part of its said outline that is near the true one
(precision) and the other way round (recall); their harmonic mean, over the classes that a picture
has, then over pictures.

predicted["edges"] is (N, K, 3): pixels of the said outline, those of them near the true one, and
pixels of the true outline near the said one; truth["edges"] is (N, K): pixels of the true outline.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.metrics._ratio import ratio


class BoundaryF1(Metric):
    """Mean over pictures of the F1 of outlines, in [0, 1]; those without any have no part in it."""

    bounds: ClassVar[Bounds] = (0.0, 1.0)
    is_mean: ClassVar[bool] = True

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): the picture's F1, and 1 where it has one."""
        said, near_true, near_said = np.moveaxis(np.asarray(predicted["edges"], float), -1, 0)
        true = np.asarray(truth["edges"], np.float64)
        precision, recall = (
            np.nan_to_num(ratio(part, whole))
            for part, whole in ((near_true, said), (near_said, true))
        )
        there = said + true > 0
        f1 = np.nan_to_num(ratio(2 * precision * recall, precision + recall)) * there
        of_picture = ratio(f1.sum(axis=1), there.sum(axis=1))
        defined = ~np.isnan(of_picture)
        return np.stack([np.where(defined, of_picture, 0.0), defined.astype(float)], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        return ratio(sums[..., 0], sums[..., 1])
