"""The rule of `adam` and `adamw` in torch's one kernel, over lists that are gathered once.

torch's own `step` gathers weights, moments and counters anew each time and asks many questions on
the way, which a small network feels. What is computed is the same to the bit, and so is the state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn, optim

from sonde.learn.optimizers._fused import fused


class _Held(NamedTuple):
    """What the kernel asks for, one of each for every weight of a group.

    Attributes:
        counts: () float32 each, how often it has moved: views of `together`.
        together: (weights,), so that all of them go up in one call.
    """

    weights: list[Tensor]
    means: list[Tensor]
    squares: list[Tensor]
    counts: list[Tensor]
    together: Tensor


def adam(
    groups: list[dict[str, Any]],
    *,
    learning_rate: float,
    betas: tuple[float, float],
    eps: float,
    decoupled: bool = False,
) -> optim.Adam:
    """Adam, or AdamW where weight decay is `decoupled`; in one kernel where there is one."""
    weights = [weight for group in groups for weight in group["params"]]
    alike = len({(weight.device, weight.dtype) for weight in weights}) == 1
    one = fused(groups)
    return (KernelAdam if one and alike else optim.Adam)(
        groups,
        lr=learning_rate,
        betas=betas,
        eps=eps,
        fused=one,
        decoupled_weight_decay=decoupled,
    )


class KernelAdam(optim.Adam):
    """Adam, or AdamW, of weights of one type on one device."""

    _held: Sequence[_Held] | None = None
    """By group, from the first step on in which every weight has a gradient."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step of every weight that has a gradient."""
        assert closure is None, "a descent computes gradients itself"
        gradients = [[weight.grad for weight in group["params"]] for group in self.param_groups]
        if any(gradient is None for some in gradients for gradient in some):
            super().step()
        elif self._held is None:
            super().step()  # it makes the moments too
            self._held = [self._hold(group["params"]) for group in self.param_groups]
        else:
            for group, held, some in zip(self.param_groups, self._held, gradients, strict=True):
                _move(group, held, some)

    step.hooked = True  # type: ignore[attr-defined]  # else torch wraps it for profilers and hooks: a descent has neither

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Other moments take the place of those that are held."""
        self._held = None
        super().load_state_dict(state_dict)

    def _hold(self, weights: list[nn.Parameter]) -> _Held:
        states = [self.state[weight] for weight in weights]
        together = torch.stack([state["step"] for state in states])
        for state, of_one in zip(states, together.unbind(), strict=True):
            state["step"] = of_one
        means, squares, counts = (
            [state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step")
        )
        return _Held(list(weights), means, squares, counts, together)


def _move(group: dict[str, Any], held: _Held, gradients: list[Tensor]) -> None:
    """One step of a group, all of whose weights have a gradient."""
    held.together.add_(1)
    kernel = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
    near, far = group["betas"]
    kernel(
        held.weights,
        gradients,
        held.means,
        held.squares,
        [],
        held.counts,
        lr=group["lr"],
        beta1=near,
        beta2=far,
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )
