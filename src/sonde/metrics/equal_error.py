"""Equal error rate of verification: as many genuine pairs refused as impostors' accepted.

Between two similarities the rates are joined by a straight line, as in the usual drawing of the
curve; scikit-learn's `roc_curve`, so joined, gives the same.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.metrics._pairs import Pairs, PairScore, equal_error, rates


class EqualError(PairScore):
    """The rate of both errors at the similarity where they are equal, in [0, 1]; 0.5 is chance."""

    higher_is_better: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """As tables have it."""
        return "equal error rate"

    def of_pairs(self, pairs: Pairs, weights: np.ndarray) -> np.ndarray:
        """(..., P) weights -> (...) rates."""
        found = rates(pairs, weights)
        assert found is not None, "both kinds of pairs are there"
        return equal_error(found)
