"""Boxes of large pictures: found in overlapping tiles at full resolution, then put together.

Akyon, Altinuc, Temizel, "Slicing Aided Hyper Inference and Fine-tuning for Small Object Detection",
2022, arXiv:2202.06934. What is as large as the overlap of two tiles lies whole in one of them; so a
box that ends where its tile ends, inside the picture, gives way to a whole one that covers it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import pyarrow as pa

from sonde.data.columns.image import Image
from sonde.metrics._boxes import covered, overlaps
from sonde.tasks._found import bounded
from sonde.tasks._tiles import AT_ONCE, Cut, Tiling, rows_of_tiles, whole

_AT_EDGE = 2.0
"""Pixels from a tile's edge within which a box ends there."""

_COVERED = 0.5
"""Part of a box that was cut by its tile, from which one that covers it means the same object."""


def boxes_in_tiles(
    rows: pa.RecordBatch,
    column: Image,
    beyond: int | None,
    ask: Callable[[pa.RecordBatch], np.ndarray],
    overlap: float,
) -> Iterator[np.ndarray]:
    """(M, 6) boxes of each raw picture in its pixels: x0, y0, x1, y1, class, falling score.

    Args:
        rows: N raw rows.
        column: of the pictures.
        beyond: pixels on each side of a tile that its neighbour sees too; None for an eighth of
            its shorter side.
        ask: n rows of tiles -> (n, M, 6) boxes in pixels of the tile, of score 0 where none is.
        overlap: boxes of a class that overlap more are of the same object.
    """
    tiling = Tiling.of(column, beyond)
    for row, picture in enumerate(whole(column, rows)):
        own = rows.slice(row, 1)
        found, cut = [np.zeros((0, 6))], [np.zeros(0, bool)]
        size = (picture.shape[0], picture.shape[1])
        for places in _few(tiling, size):
            tiles = np.stack([tiling.tile(picture, place, "constant") for place in places])
            answers = ask(rows_of_tiles(own, column, tiles, np.zeros(len(tiles), np.int64)))
            for place, answer in zip(places, answers, strict=True):
                boxes = answer[answer[:, 5] > 0]
                cut.append(_is_cut(boxes, place, tiling, size))
                boxes[:, :4] += np.tile([place[1].start, place[0].start], 2)
                found.append(boxes)
        said = _one_of_each(np.concatenate(found), np.concatenate(cut), overlap)
        yield bounded(said[None], np.array([size]))[0]


def _few(tiling: Tiling, size: tuple[int, int]) -> Iterator[list[tuple[Cut, Cut]]]:
    """The tiles of a picture, as many at a time as are asked together."""
    places = iter(tiling.cuts(size))
    most = max(1, AT_ONCE // (tiling.height * tiling.width))
    while some := list(islice(places, most)):
        yield some


def _is_cut(
    boxes: np.ndarray, place: tuple[Cut, Cut], tiling: Tiling, size: tuple[int, int]
) -> np.ndarray:
    """(M,) bool: which boxes of a tile end at an edge of it that is none of the picture."""
    down, across = place
    cut = np.zeros(len(boxes), bool)
    for axis, (at, side, length) in enumerate(
        [(across.start, tiling.width, size[1]), (down.start, tiling.height, size[0])]
    ):
        if at > 0:
            cut |= boxes[:, axis] <= _AT_EDGE
        if at + side < length:
            cut |= boxes[:, 2 + axis] >= side - _AT_EDGE
    return cut


def _one_of_each(boxes: np.ndarray, cut: np.ndarray, overlap: float) -> np.ndarray:
    """(M, 6) boxes by falling score, of those that mean one object the whole and surest."""
    order = np.lexsort([-boxes[:, 5], cut])
    boxes, cut = boxes[order], cut[order]
    kept = np.ones(len(boxes), bool)
    for at in range(len(boxes)):
        if not kept[at]:
            continue
        later = slice(at + 1, None)
        own, others = boxes[at : at + 1, :4], boxes[later, :4]
        same = overlaps(others, own)[:, 0] > overlap
        same |= cut[later] & (covered(others, own)[:, 0] > _COVERED)
        kept[later] &= ~(same & (boxes[later, 4] == boxes[at, 4]))
    found = boxes[kept]
    return found[np.argsort(-found[:, 5], kind="stable")]
