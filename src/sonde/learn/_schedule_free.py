"""The rule of `schedule-free`, as a torch optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class ScheduleFreeAdamW(torch.optim.Optimizer):
    """Parameters are y. The state of each: `fast` z, `mean` x, `square` v, and two counters."""

    def __init__(
        self, groups: list[dict[str, Any]], lr: float, betas: tuple[float, float], eps: float
    ) -> None:
        super().__init__(groups, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step of every weight that has a gradient."""
        assert closure is None, "a descent computes gradients itself"
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)

    def _move(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state |= {"fast": weight.clone(), "mean": weight.clone(),
                      "square": torch.zeros_like(weight), "steps": 0, "total": 0.0}  # fmt: skip
        near, kept = group["betas"]
        state["steps"] += 1
        rate = group["lr"] * math.sqrt(1 - kept ** state["steps"])
        state["total"] += rate**2
        share = rate**2 / state["total"] if state["total"] else 0.0
        square = state["square"].mul_(kept).addcmul_(gradient, gradient, value=1 - kept)
        fast = state["fast"].addcdiv_(gradient, square.sqrt().add_(group["eps"]), value=-rate)
        fast.sub_(weight, alpha=rate * group["weight_decay"])
        state["mean"].lerp_(fast, share)
        weight.copy_(torch.lerp(fast, state["mean"], near))
