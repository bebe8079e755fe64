"""True accepts at a given rate of false ones: what is left of convenience at a given safety."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field

from sonde.metrics._pairs import Pairs, PairScore, rates


class TrueAccept(PairScore):
    """The part of genuine pairs accepted where at most `at` of the impostors' pairs are.

    No line is drawn between cuts: it is what one of the similarities, as the least that is
    accepted, does reach.
    """

    at: float = Field(0.01, gt=0, lt=1)
    """Part of the impostors' pairs that may be accepted."""

    @classmethod
    def examples(cls) -> list[Self]:
        """One in a hundred, one in ten."""
        return [cls(), cls(at=0.1)]

    @property
    def label(self) -> str:
        """As tables have it."""
        return f"true accept at {100 * self.at:g} %"

    def of_pairs(self, pairs: Pairs, weights: np.ndarray) -> np.ndarray:
        """(..., P) weights -> (...) rates."""
        found = rates(pairs, weights)
        assert found is not None, "both kinds of pairs are there"
        allowed = found.false_accept <= self.at
        reached: np.ndarray = np.where(allowed, found.true_accept, 0.0).max(axis=-1)
        undefined = np.isnan(found.false_accept[..., -1]) | np.isnan(found.true_accept[..., -1])
        return np.where(undefined, np.nan, reached)
