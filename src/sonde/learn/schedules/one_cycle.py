"""One cycle: the learning rate goes up, down, and at the end far below where it began.

Smith, "A disciplined approach to neural network hyper-parameters", 2018, arXiv:1803.09820. Smith
draws straight lines and lets the momentum go the other way; we take half cosines, as fastai and
torch do, and leave the momentum alone.
"""

from __future__ import annotations

import math
from typing import Self

from pydantic import Field, model_validator

from sonde.contracts.learn import Schedule


class OneCycle(Schedule):
    """Rises from `initial` to 1, then falls to `final`."""

    rise: float = Field(0.3, gt=0, lt=1)
    """Part of the phase in which it rises."""
    initial: float = Field(1 / 25, ge=0, le=1)
    """The factor at the start."""
    final: float = Field(1e-4, ge=0, le=1)
    """The factor at the end."""

    @model_validator(mode="after")
    def _rises_by_itself(self) -> Self:
        if self.warmup:
            raise ValueError(
                f"got warmup {self.warmup}, expected none: one-cycle begins with a rise of its "
                "own. Leave warmup out, and set rise instead"
            )
        return self

    def shape(self, progress: float) -> float:
        """From `initial` over 1 to `final`."""
        if progress < self.rise:
            return _between(self.initial, 1.0, progress / self.rise)
        return _between(1.0, self.final, (progress - self.rise) / (1 - self.rise))


def _between(start: float, end: float, progress: float) -> float:
    """Half a cosine from `start` to `end`, `progress` in [0, 1]."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
