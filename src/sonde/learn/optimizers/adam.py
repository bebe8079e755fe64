"""Adam: Kingma, Ba, "Adam: a method for stochastic optimization", 2014, arXiv:1412.6980.

As in algorithm 1, eps is added to the square root of the corrected mean square.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from sonde.contracts.learn import Optimizer
from sonde.learn.optimizers._options import Share

if TYPE_CHECKING:
    import torch


class Adam(Optimizer):
    """Steps along the recent mean of the gradient, divided by its recent size.

    Weight decay is added to the gradient, and so is divided with it; `adamw` keeps it apart.
    """

    betas: tuple[Share, Share] = (0.9, 0.999)
    """How much of the mean gradient, and of its mean square, is kept at a step."""
    eps: float = Field(1e-8, gt=0)

    def make(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """`torch.optim.Adam`, in one kernel where there is one."""
        from sonde.learn._adam_kernel import adam

        return adam(groups, learning_rate=self.learning_rate, betas=self.betas, eps=self.eps)
