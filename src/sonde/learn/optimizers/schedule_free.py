"""Schedule-free AdamW: no schedule and no end to be known beforehand.

Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, "The Road Less Scheduled", 2024,
arXiv:2405.15682, algorithm 1. Gradients are taken at y, between z, which takes the steps, and x,
the mean of all z, which is what is judged and shipped. As in the authors' code the learning rate is
corrected for a young mean square, and steps of a larger rate weigh more in the mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from sonde.contracts.learn import Optimizer
from sonde.learn.optimizers._options import Share

if TYPE_CHECKING:
    import torch


class ScheduleFree(Optimizer):
    """AdamW whose running mean of the weights stands in for a schedule; best with a constant one.

    Larger learning rates than AdamW's do well, and a warm-up of some hundredths of the phase.
    """

    ships: ClassVar[str | None] = "mean"

    learning_rate: float = Field(3e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    betas: tuple[Share, Share] = (0.9, 0.999)
    """How near to the mean gradients are taken; how much of the mean square is kept at a step."""
    eps: float = Field(1e-8, gt=0)

    def make(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """Our own rule, over all weights of a group at once."""
        from sonde.learn._schedule_free import ScheduleFreeAdamW

        return ScheduleFreeAdamW(groups, self.learning_rate, self.betas, self.eps)
