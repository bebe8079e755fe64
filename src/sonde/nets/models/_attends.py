"""Options of blueprints made of attention over sequences, and what they must satisfy together."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

Heads = Annotated[int, Field(ge=1, le=1024)]
Longest = Annotated[int, Field(ge=1, le=2**20)]


def refuse_heads(width: int, heads: int, positions: Literal["rotary", "learned"]) -> None:
    """Stop where a width cannot be shared by its heads.

    Raises:
        ValueError: with a width that can.
    """
    step = 2 * heads if positions == "rotary" else heads
    if width % step:
        what = "twice the heads (rotary positions turn pairs)" if step > heads else "the heads"
        raise ValueError(
            f"got width {width} with {heads} heads, expected a multiple of {what}, such as "
            f"width: {step * math.ceil(width / step)}"
        )


def in_words(layers: int, width: int, heads: int) -> str:
    """`4x192, 6 heads`."""
    return f"{layers}x{width}, {heads} head{'s' if heads > 1 else ''}"
