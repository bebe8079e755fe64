"""Values weighed by how well their keys answer: the quickest way for rows of this length.

torch's fused attention saves memory where rows are long. On a processor its backward pass takes
blocks of a fixed size, larger than a row of 16 words is; for short rows the products are written
out instead.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SHORT = 128 * 128
"""Weights of a head of a row, T * S, up to which products are written out."""


def weighed(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    seen: Tensor | None = None,
    *,
    causal: bool = False,
    dropout: float | None = None,
) -> Tensor:
    """Scaled dot-product attention: Vaswani et al. 2017, arXiv:1706.03762, eq. 1.

    Args:
        query: (B, heads, T, d).
        key: (B, heads, S, d).
        value: (B, heads, S, d).
        seen: bool, to be spread over (B, heads, T, S), what each step may look at; None: all.
        causal: each step looks at itself and those before it; instead of `seen`.
        dropout: probability that a weight is left out; None where no backward pass follows.

    Returns:
        (B, heads, T, d).
    """
    masked = causal or seen is not None
    if dropout is None or not masked or query.device.type != "cpu" or _is_long(query, key):
        return functional.scaled_dot_product_attention(
            query, key, value, seen, dropout_p=dropout or 0.0, is_causal=causal
        )
    scores = key @ (query * query.shape[-1] ** -0.5).transpose(-2, -1)  # (B, heads, S, T)
    if causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu()
    else:
        assert seen is not None
        seen = seen.transpose(-2, -1)
    # Along the last axis torch takes one short row at a time, along any other many at once.
    weights = scores.float().masked_fill(~seen, -torch.inf).softmax(dim=-2)
    return functional.dropout(weights, dropout).to(value.dtype).transpose(-2, -1) @ value


def _is_long(query: Tensor, key: Tensor) -> bool:
    return query.shape[-2] * key.shape[-2] > _SHORT
