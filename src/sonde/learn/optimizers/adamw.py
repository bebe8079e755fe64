"""AdamW: Loshchilov, Hutter, "Decoupled weight decay regularization", 2017, arXiv:1711.05101.

Algorithm 2; as in torch and Keras, a step shrinks weights by learning_rate * weight_decay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from sonde.contracts.learn import Optimizer
from sonde.learn.optimizers._options import Share

if TYPE_CHECKING:
    import torch


class AdamW(Optimizer):
    """Adam whose weight decay shrinks the weights themselves, apart from the gradient."""

    weight_decay: float = Field(0.01, ge=0)
    betas: tuple[Share, Share] = (0.9, 0.999)
    """How much of the mean gradient, and of its mean square, is kept at a step."""
    eps: float = Field(1e-8, gt=0)

    def make(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """`torch.optim.AdamW`, in one kernel where there is one."""
        from sonde.learn._adam_kernel import adam

        return adam(
            groups, learning_rate=self.learning_rate, betas=self.betas, eps=self.eps, decoupled=True
        )
