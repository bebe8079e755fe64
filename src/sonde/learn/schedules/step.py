"""Falls in steps: the learning rate is divided wherever progress has stalled before.

He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015, arXiv:1512.03385, section
4.2: by 10 after a half and three quarters of the training.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from sonde.contracts.learn import Schedule


class Step(Schedule):
    """1, then `shrink` times less at each of the places `at`."""

    at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.5, 0.75)
    """Parts of the phase, after the warm-up, in ascending order."""
    shrink: float = Field(0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.at or list(self.at) != sorted(set(self.at)):
            raise ValueError(f"at: got {list(self.at)}, expected ascending parts of the phase")
        return self

    def shape(self, progress: float) -> float:
        """1 before the first place, then less."""
        passed: int = sum(progress >= place for place in self.at)
        return self.shrink**passed
