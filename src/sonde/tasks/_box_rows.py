"""Boxes of raw pictures: answers, and the truth that they are held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Row
from sonde.contracts.task import Judged
from sonde.metrics._boxes import OBJECT, SPARED


class Lying(Protocol):
    """Where pictures lie in their grids: what `data/columns/_placing.py` offers."""

    sizes: np.ndarray
    scale: np.ndarray
    offset: np.ndarray


class TrueObjects(Protocol):
    """The objects of a raw picture: what `data/columns/boxes.py` gives."""

    borders: np.ndarray
    classes: np.ndarray
    difficult: np.ndarray


@runtime_checkable
class Boxed(Protocol):
    """A column of boxes: what `data/columns/boxes.py` offers."""

    names: tuple[str, ...]
    within: str

    def placing(self, rows: pa.RecordBatch) -> Lying | None:
        """Where the pictures of a chunk lie in their grids."""

    def objects(self, rows: pa.RecordBatch) -> Iterator[TrueObjects | None]:
        """What is in each raw picture; None where nobody knows."""


def moved_back(boxes: np.ndarray, lying: Lying) -> np.ndarray:
    """(N, M, 6) boxes in pixels of the grids -> of the raw pictures; padding moves too."""
    offset, scale = (np.tile(each, 2)[:, None] for each in (lying.offset, lying.scale))
    places = (boxes[..., :4].astype(np.float64) - offset) / scale
    return np.concatenate([places, boxes[..., 4:]], axis=-1)


def true_boxes(objects: Sequence[TrueObjects | None]) -> np.ndarray:
    """(N, T, 6) float64 of raw pictures, T at least 1: corners, class, `OBJECT` or `SPARED`."""
    most = max(1, max((len(some.classes) for some in objects if some is not None), default=1))
    boxes = np.zeros((len(objects), most, 6))
    for row, some in zip(boxes, objects, strict=True):
        if some is not None:
            count = len(some.classes)
            row[:count, :4], row[:count, 4] = some.borders, some.classes
            row[:count, 5] = np.where(some.difficult, SPARED, OBJECT)
    return boxes


def answers_of(boxes: np.ndarray, names: Sequence[str], target: str) -> list[Row]:
    """(N, M, 6) boxes as mappings with label, score and borders."""
    return [
        {target: [_answer(box, names) for box in row if box[5] > 0]} for row in boxes
    ]  # fmt: skip


def arrays_of(answers: Sequence[Row], names: Sequence[str], target: str) -> np.ndarray:
    """The inverse of `answers_of`, (N, M, 6) float64."""
    most = max(1, max((len(row[target]) for row in answers), default=1))
    boxes = np.zeros((len(answers), most, 6))
    for row, answer in zip(boxes, answers, strict=True):
        for place, box in enumerate(answer[target]):
            corners = [box[border] for border in ("x0", "y0", "x1", "y1")]
            row[place] = [*corners, names.index(box["label"]), box["score"]]
    return boxes


def few_at_once(chunks: Iterable[pa.RecordBatch], most: int = 16) -> Iterator[pa.RecordBatch]:
    """The same rows, few at a time, since pictures are large."""
    for chunk in chunks:
        for start in range(0, chunk.num_rows, most):
            yield chunk.slice(start, most)


def of_classes(judged: Judged, names: Sequence[str], union: Sequence[str]) -> Judged:
    """Judged boxes of some classes, by their places among more classes."""
    to = np.array([union.index(name) for name in names])
    sides = ({**judged.predicted}, {**judged.truth})
    for arrays, name in zip(sides, ("found", "boxes"), strict=True):
        boxes = np.array(arrays[name])
        boxes[..., 4] = np.where(boxes[..., 5] > 0, to[boxes[..., 4].astype(int)], 0)
        arrays[name] = boxes
    return Judged(*sides, judged.rows, judged.groups)


def _answer(box: np.ndarray, names: Sequence[str]) -> Row:
    x0, y0, x1, y1 = (round(float(border), 2) for border in box[:4])
    label, score = names[int(box[4])], round(float(box[5]), 4)
    return {"label": label, "score": score, "x0": x0, "y0": y0, "x1": x1, "y1": y1}
