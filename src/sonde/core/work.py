"""How much a computation multiplies: counted from shapes as it runs, never timed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Products(TorchDispatchMode):
    """Counts matrix products, convolutions, attention, recurrence inside it; results stay as are.

    Attributes:
        count: how many there were.
        work: their multiply-adds.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0
        self.work = 0

    @property
    def mean_work(self) -> float:
        """Multiply-adds of a product on average; 0 where there was none."""
        return self.work / max(1, self.count)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by torch for every operation."""
        out = func(*args, **(kwargs or {}))
        kind = func._overloadpacket
        if kind is torch.ops.aten.mkldnn_rnn_layer:
            self.count += 1
            self.work += _recurrent_work(*args[:3])
        elif (operations := flop_registry.get(kind)) is not None:
            self.count += 1
            self.work += operations(*args, **(kwargs or {}), out_val=out) // 2
        return out


def _recurrent_work(steps: Tensor, from_steps: Tensor, from_states: Tensor) -> int:
    """Multiply-adds of a whole recurrent layer, which torch computes as one product.

    Args:
        steps: (T, B, E).
        from_steps: (G * H, E).
        from_states: (G * H, H).
    """
    return steps.shape[0] * steps.shape[1] * (from_steps.numel() + from_states.numel())
