"""Ranges that options of several blueprints share.

Wide enough for use, narrow enough that a recipe from a stranger cannot ask for just any size.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

MOST_LAYERS = 1000

Width = Annotated[int, Field(ge=1, le=65536)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Widths = Annotated[tuple[Width, ...], Field(max_length=MOST_LAYERS)]


def in_words(widths: tuple[int, ...]) -> str:
    """`2x256` where all are equal, else `256-128`."""
    if len(widths) > 1 and len(set(widths)) == 1:
        return f"{len(widths)}x{widths[0]}"
    return "-".join(map(str, widths))
