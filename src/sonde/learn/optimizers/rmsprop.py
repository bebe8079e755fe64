"""RMSprop: Tieleman, Hinton, "Neural networks for machine learning", 2012, lecture 6.5.

Defaults are those of Keras, with which most published results were made (torch's own are a
learning rate of 1e-2, rho 0.99, eps 1e-8). Like both, eps is added outside the square root:
weight <- weight - learning_rate g / (sqrt(mean of g^2) + eps).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from sonde.contracts.learn import Optimizer
from sonde.learn.optimizers._options import Share

if TYPE_CHECKING:
    import torch


class RMSprop(Optimizer):
    """Divides each gradient by its recent size. Weight decay is added to the gradient."""

    rho: Share = 0.9
    """How much of the mean square is kept at a step; torch's `alpha`."""
    eps: float = Field(1e-7, gt=0)
    momentum: Share = 0.0
    """Of the divided gradients."""

    def make(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """`torch.optim.RMSprop`, over all weights at once."""
        from torch import optim

        return optim.RMSprop(
            groups,
            lr=self.learning_rate,
            alpha=self.rho,
            eps=self.eps,
            momentum=self.momentum,
            foreach=True,  # torch has no fused kernel for it; its default on a CPU is slower
        )
