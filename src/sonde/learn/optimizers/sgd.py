"""Stochastic gradient descent: Robbins, Monro, "A stochastic approximation method", 1951.

With momentum m, velocity v <- m v + g and weight <- weight - learning_rate v, as torch has it: the
velocity does not hold the learning rate, so a schedule acts at once. (Keras folds the learning rate
into the velocity; at a constant rate both are the same.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from sonde.contracts.learn import Optimizer
from sonde.learn.optimizers._fused import fused
from sonde.learn.optimizers._options import Share

if TYPE_CHECKING:
    import torch


class SGD(Optimizer):
    """A step against the gradient. Weight decay is added to the gradient."""

    learning_rate: float = Field(1e-2, gt=0)
    momentum: Share = 0.0
    nesterov: bool = False
    """Look ahead: Sutskever, Martens, Dahl, Hinton 2013, section 2."""

    @model_validator(mode="after")
    def _has_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs momentum above 0, such as momentum: 0.9")
        return self

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
