"""Objects in pictures as sources give them and columns read them: a class and four borders.

A border is in pixels of the picture held upright, counted from its upper left corner: a box that
covers the first pixel goes from (0, 0) to (1, 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pyarrow as pa

from sonde.core.text import is_unicode

BORDERS = ("x0", "y0", "x1", "y1")
"""Left, upper, right and lower, as they are called in raw rows."""

FARTHEST = 2.0**24
"""Pixels from a corner that no picture has: beyond it float32 knows no single pixel."""

BOXES = pa.list_(
    pa.struct([
        ("label", pa.string()),
        *((border, pa.float64()) for border in BORDERS),
        ("difficult", pa.bool_()),
    ])
)  # fmt: skip
"""All objects of a picture: empty where it has none, null where nobody knows."""


class Box(NamedTuple):
    """One object.

    Attributes:
        difficult: whether it was marked as hard to make out, or as a crowd: no miss and no find.
    """

    label: str | None
    x0: float
    y0: float
    x1: float
    y1: float
    difficult: bool = False


class Fault(NamedTuple):
    """What is wrong with a value; `expected` stands after the word "expected"."""

    got: str
    expected: str


def as_boxes(pictures: Iterable[Sequence[Box] | None]) -> pa.Array:
    """(N,) lists of objects, of N pictures."""
    lists = [None if some is None else [box._asdict() for box in some] for some in pictures]
    return pa.array(lists, BOXES)


def fault(box: Box, size: tuple[int, int] | None = None) -> Fault | None:
    """What makes an object none, if anything does.

    Args:
        box: as it stands in the data.
        size: height and width of its picture, where they are known.
    """
    if not box.label:
        return Fault("no class", "the name of its class")
    if not is_unicode(box.label):
        return Fault(f"a class called {box.label!a}", "a name in valid Unicode")
    if not all(abs(number) < FARTHEST for number in box[1:5]):  # NaN is below nothing
        return Fault(_shown(box), "four numbers, in pixels")
    if box.x1 <= box.x0 or box.y1 <= box.y0:
        return Fault(_shown(box), "an area: x0 below x1 and y0 below y1, in pixels")
    if size is not None and not _touches(box, size):
        return Fault(_shown(box), f"a box in its picture of {size[1]} x {size[0]} pixels")
    return None


def _touches(box: Box, size: tuple[int, int]) -> bool:
    """Whether some of it lies in the picture."""
    return box.x0 < size[1] and box.y0 < size[0] and box.x1 > 0 and box.y1 > 0


def _shown(box: Box) -> str:
    """Such as 'a car from (12, 30.5) to (40, 62)'."""
    x0, y0, x1, y1 = (f"{number:.6g}" for number in box[1:5])
    return f"{box.label!r} from ({x0}, {y0}) to ({x1}, {y1})"
