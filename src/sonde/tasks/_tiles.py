"""Tiles: pictures of any size, answered in overlapping parts of one size, at full resolution.

A network sees less around a pixel near a tile's border than it would in the whole picture. So tiles
overlap, and of each answer only the middle is taken (Ronneberger, Fischer, Brox, "U-Net", 2015,
arXiv:1505.04597, fig. 2): where the overlap is as wide as what a network looks at around a pixel,
the parts together are the answer that the whole picture would get.

What lies in memory are the pictures at hand, their answers, and a few tiles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Row
from sonde.contracts.task import Ask
from sonde.core.errors import UsageError
from sonde.data.columns.image import Image

AT_ONCE = 2**18
"""Pixels of the tiles that are answered together."""


class Cut(NamedTuple):
    """Along one axis, in pixels: a tile begins at `start`, and gives [low, high) of the whole."""

    start: int
    low: int
    high: int


@dataclass(frozen=True)
class Tiling:
    """How pictures are cut.

    Attributes:
        height, width: of a tile, in pixels.
        overlap: pixels at a tile's border that are taken from it only at the picture's border.
    """

    height: int
    width: int
    overlap: int

    @classmethod
    def of(cls, column: Image, overlap: int | None) -> Tiling:
        """Tiles as large as what a column makes of a picture; by default an eighth overlaps.

        Raises:
            UsageError: nothing of a tile would be left.
        """
        height, width = column.height, column.width
        side = min(height, width)
        overlap = side // 8 if overlap is None else overlap
        if 2 * overlap >= side:
            raise UsageError(
                f"overlap: got {overlap} pixels on each side of tiles of {height} x {width}, "
                f"expected at most {(side - 1) // 2}"
            )
        return cls(height, width, overlap)

    def cuts(self, size: tuple[int, int]) -> list[tuple[Cut, Cut]]:
        """The tiles of a picture of that height and width, row by row."""
        down = _cuts(size[0], self.height, self.overlap)
        across = _cuts(size[1], self.width, self.overlap)
        return [(vertical, horizontal) for vertical in down for horizontal in across]

    def tile(
        self,
        picture: np.ndarray,
        place: tuple[Cut, Cut],
        beyond: Literal["symmetric", "constant"] = "symmetric",
    ) -> np.ndarray:
        """The part of a picture at that place; one that is too small goes on in a mirror, or black.

        Things are to be found once: so black where they are counted.
        """
        (top, *_), (left, *_) = place
        part = picture[top : top + self.height, left : left + self.width]
        lacking = (self.height - part.shape[0], self.width - part.shape[1])
        if not any(lacking):
            return part
        return np.pad(part, [(0, n) for n in lacking] + [(0, 0)] * (part.ndim - 2), beyond)


@dataclass
class _Canvas:
    """A picture's answer while it is put together."""

    size: tuple[int, int]
    lacking: int
    values: np.ndarray | None = None

    def put(self, place: tuple[Cut, Cut], answer: np.ndarray) -> None:
        """The middle of a tile's answer (h, w) or (h, w, 3)."""
        if self.values is None:
            self.values = np.empty((*self.size, *answer.shape[2:]), answer.dtype)
        down, across = place
        self.values[down.low : down.high, across.low : across.high] = answer[
            down.low - down.start : down.high - down.start,
            across.low - across.start : across.high - across.start,
        ]
        self.lacking -= 1


@dataclass
class _Waiting:
    """Tiles that are to be answered together, and where they belong."""

    tiles: list[np.ndarray] = field(default_factory=list)
    places: list[tuple[int, _Canvas, tuple[Cut, Cut]]] = field(default_factory=list)

    def answer(self, ask: Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]]) -> None:
        """Ask for all of them and put the answers in their places."""
        owners = np.array([owner for owner, _, _ in self.places], np.int64)
        found = ask(np.stack(self.tiles), owners) if self.tiles else []
        for (_, canvas, place), answer in zip(self.places, found, strict=True):
            canvas.put(place, answer)
        self.tiles.clear()
        self.places.clear()


def in_tiles(
    pictures: Iterable[np.ndarray],
    tiling: Tiling,
    ask: Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]],
) -> Iterator[np.ndarray]:
    """The answer to each picture, as large as it is, made of answers to its tiles.

    Args:
        pictures: (H, W) or (H, W, 3) uint8 each; none has to be there before it is asked for.
        tiling: how they are cut.
        ask: (n, h, w) or (n, h, w, 3) tiles and (n,) which picture each is of -> n pictures (h, w)
            or (h, w, 3), as answered.
    """
    most = max(1, AT_ONCE // (tiling.height * tiling.width))
    waiting, begun = _Waiting(), deque[_Canvas]()
    for owner, picture in enumerate(pictures):
        places = tiling.cuts((picture.shape[0], picture.shape[1]))
        canvas = _Canvas((picture.shape[0], picture.shape[1]), len(places))
        begun.append(canvas)
        for place in places:
            waiting.tiles.append(tiling.tile(picture, place))
            waiting.places.append((owner, canvas, place))
            if len(waiting.tiles) == most:
                waiting.answer(ask)
        del picture
        yield from _finished(begun)
    waiting.answer(ask)
    yield from _finished(begun)


def whole(column: Image, rows: pa.RecordBatch) -> Iterator[np.ndarray]:
    """Each row's picture at full size, one after the other; every one of them can be read."""
    for row in range(rows.num_rows):
        (picture,) = column.whole(rows.slice(row, 1))
        assert picture is not None, "who asks has refused what cannot be read"
        yield picture


def rows_of_tiles(
    rows: pa.RecordBatch, column: Image, tiles: np.ndarray, owners: np.ndarray
) -> pa.RecordBatch:
    """Rows of tiles: all other fields are those of the row a tile was cut from.

    Args:
        rows: N raw rows.
        column: the one whose picture was cut.
        tiles: (n, h, w) or (n, h, w, 3) uint8.
        owners: (n,) positions in `rows`.
    """
    (name,) = column.reads
    others = [other for other in rows.schema.names if other != name]
    held = rows.select(others).take(pa.array(owners))
    pictures = pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(tiles))
    return pa.RecordBatch.from_arrays([*held.columns, pictures], names=[*others, name])


def masks_in_tiles(
    rows: pa.RecordBatch, column: Image, overlap: int | None, ask: Ask, name: str
) -> list[Row]:
    """Masks as large as the raw pictures, each with the mean confidence of its pixels.

    Args:
        rows: N raw rows.
        column: of the pictures.
        overlap: of the tiles, in pixels; None for an eighth of their shorter side.
        ask: answers rows of tiles: a mask (h, w) uint8, and how sure each pixel is, in [0, 1].
        name: of the mask in an answer.
    """

    def answered(tiles: np.ndarray, owners: np.ndarray) -> list[np.ndarray]:
        answers = ask(rows_of_tiles(rows, column, tiles, owners))
        sure = [np.rint(answer["confidence"] * 255).astype(np.uint8) for answer in answers]
        return [np.stack([a[name], b], axis=2) for a, b in zip(answers, sure, strict=True)]

    return [
        {
            name: np.ascontiguousarray(joined[..., 0]),
            "confidence": round(float(joined[..., 1].mean()) / 255, 4),
        }
        for joined in in_tiles(whole(column, rows), Tiling.of(column, overlap), answered)
    ]


def _finished(begun: deque[_Canvas]) -> Iterator[np.ndarray]:
    """Answers in the order of their pictures, as far as they lack nothing."""
    while begun and not begun[0].lacking:
        values = begun.popleft().values
        assert values is not None, "a picture has at least one tile"
        yield values


def _cuts(length: int, tile: int, overlap: int) -> list[Cut]:
    """Tiles spread evenly over an axis, as few as can be; they meet in the middle of overlaps."""
    if length <= tile:
        return [Cut(0, 0, length)]
    count = -(-(length - 2 * overlap) // (tile - 2 * overlap))
    starts = [place * (length - tile) // (count - 1) for place in range(count)]
    between = [(here + tile + after) // 2 for here, after in pairwise(starts)]
    edges = [0, *between, length]
    return [Cut(at, *kept) for at, kept in zip(starts, pairwise(edges), strict=True)]
