"""F1 of stretches of words: names found whole, and of the right kind.

A stretch counts where its first word, its last word and its kind are right; hits, finds and true
ones are summed over all rows and kinds (Tjong Kim Sang, De Meulder 2003, section 4).
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.metrics._ratio import ratio
from sonde.metrics._stretches import Scheme


class EntityF1(Metric):
    """F1 over all stretches, in [0, 1]; NaN where there are none, neither true nor said."""

    bounds: ClassVar[Bounds] = (0.0, 1.0)

    labels: tuple[str, ...] = ()
    """Labels by their places."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Two kinds."""
        return [cls(labels=("O", "B-a", "I-a", "B-b", "I-b"))]

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): twice the hits; stretches said and true together."""
        hits, said, true = self._scheme.counts(predicted["tags"], truth["tags"]).sum(axis=1).T
        return np.stack([2 * hits, said + true], axis=1).astype(np.float64)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        return ratio(sums[..., 0], sums[..., 1])

    @cached_property
    def _scheme(self) -> Scheme:
        return Scheme(self.labels)
