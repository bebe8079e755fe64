"""Cross entropy with smoothing over many words, in blocks of rows that stay in the cache.

torch's own walks (rows, words) of float32 through memory once for each part of the formula, which
is much of a training step where a small network says one of thousands of words.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

_BLOCK = 2**18
"""Logits in a block: 1 MiB of float32."""


def smoothed_cross_entropy(logits: Tensor, words: Tensor, smoothing: float) -> Tensor:
    """The cross entropy of each row, in nats.

    Args:
        logits: (N, size) float.
        words: (N,) int64, the true ones.
        smoothing: the part in [0, 1) of what is asked for that goes to all words alike.

    Returns:
        (N,) float32.
    """
    if logits.device.type != "cpu":
        logits = logits.float()
        return functional.cross_entropy(logits, words, reduction="none", label_smoothing=smoothing)
    costs: Tensor = _Smoothed.apply(logits, words, smoothing)  # type: ignore[no-untyped-call]
    return costs


class _Smoothed(Function):
    """The gradient by a row's logits is its probabilities less what was asked for."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, words: Tensor, smoothing: float) -> Tensor:
        size = logits.shape[1]
        costs = torch.empty(len(words))
        slopes = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        asked = torch.full((len(words), 1), smoothing - 1)
        block_rows = max(1, _BLOCK // size)
        for start in range(0, len(words), block_rows):
            rows = slice(start, start + block_rows)
            true = words[rows, None]
            block = logits[rows].float()
            block = block - block.amax(1, keepdim=True)
            named = (1 - smoothing) * block.gather(1, true)[:, 0] + smoothing * block.mean(1)
            total = block.exp_().sum(1, keepdim=True)
            costs[rows] = total.log()[:, 0] - named
            if slopes is not None:
                block.div_(total).sub_(smoothing / size).scatter_add_(1, true, asked[rows])
                slopes[rows] = block
        ctx.save_for_backward(slopes)
        return costs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * weights[:, None].to(slopes.dtype), None, None
