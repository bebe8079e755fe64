"""Falls when learning stands still: after so many evaluations in a row without a better score.

A rule of thumb as old as stochastic gradients, here as torch and Keras have it: the score is
compared with the best so far, and after a fall the waiting begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from pydantic import Field

from sonde.contracts.learn import Schedule
from sonde.core.errors import UsageError, unknown


class Plateau(Schedule):
    """1, then `shrink` times less after `patience` evaluations that brought nothing better."""

    reacts: ClassVar[bool] = True

    score: str = "loss"
    """A score of the validation rows."""
    patience: int = Field(5, ge=1)
    shrink: float = Field(0.1, gt=0, lt=1)
    least: float = Field(1e-4, ge=0, le=1)
    """The factor below which it does not fall."""

    def shape(self, progress: float) -> float:
        """1: it is evaluations that change the factor, not the clock."""
        return 1.0

    def heard(
        self,
        memory: Mapping[str, float],
        scores: Mapping[str, float],
        higher_is_better: Callable[[str], bool],
    ) -> dict[str, float]:
        """The best score, how long ago that was, and the factor.

        Raises:
            UsageError: the score is not among those of the evaluation.
        """
        if self.score not in scores:
            raise UsageError(f"schedule plateau: {unknown('score', self.score, scores)}")
        value = scores[self.score] if higher_is_better(self.score) else -scores[self.score]
        factor = memory.get("factor", 1.0)
        if value > memory.get("best", float("-inf")):
            return {"factor": factor, "best": value, "waited": 0}
        waited = int(memory.get("waited", 0)) + 1
        if waited >= self.patience:
            factor, waited = max(self.least, factor * self.shrink), 0
        return {**memory, "factor": factor, "waited": waited}
