"""Gradient descent with momentum.

Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; how to set it:
Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in deep
learning", 2013. It is the rule of `sgd`, under the name and default by which it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from sonde.contracts.learn import Optimizer
from sonde.learn.optimizers._fused import fused

if TYPE_CHECKING:
    import torch


class Momentum(Optimizer):
    """Steps along a running sum of gradients. Weight decay is added to the gradient."""

    learning_rate: float = Field(1e-2, gt=0)
    momentum: float = Field(0.9, gt=0, lt=1)
    nesterov: bool = False
    """Look ahead: Sutskever et al. 2013, section 2."""

    def make(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """`torch.optim.SGD`, in one kernel where there is one."""
        from torch import optim

        return optim.SGD(
            groups,
            lr=self.learning_rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            fused=fused(groups),
        )
