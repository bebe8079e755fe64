"""Area under the ROC curve of pairs: how often a genuine pair is more alike than an impostor's."""

from __future__ import annotations

import numpy as np

from sonde.metrics._pairs import Pairs, PairScore, ranked_pairs
from sonde.metrics.roc_auc import _area


class PairAuc(PairScore):
    """The area, in [0, 1]; ties count half, 0.5 is chance."""

    @property
    def label(self) -> str:
        """As tables have it."""
        return "auc of pairs"

    def of_pairs(self, pairs: Pairs, weights: np.ndarray) -> np.ndarray:
        """(..., P) weights -> (...) areas."""
        return _area(ranked_pairs(pairs, weights))
