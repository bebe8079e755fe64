"""Lines of pictures: found in masks, compared with true ones, drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.panels import Sheet
from sonde.contracts.task import Baseline, Design, Judged
from sonde.metrics.line_iou import LineIou
from sonde.tasks import _paint
from sonde.tasks._curves import Curve

_SMALLEST = 0.1
"""Of several lines of one class: pixels that one has at least, as a part of the largest's."""

_POINTS = 24
"""Of an answered line."""
_LONGEST = 480
"""Pixels of a shown picture's longer side at most: a report is one file."""


class Line(NamedTuple):
    """A line of one class."""

    label: str
    curve: Curve


def lines_in(
    mask: np.ndarray, classes: Mapping[int, str], *, degree: int, several: bool
) -> list[Line]:
    """The lines that a mask shows.

    Args:
        mask: (H, W) uint8.
        classes: which of its values are lines, and their names.
        degree: of the polynomials.
        several: whether each connected part of a class is a line of its own.
    """
    found = []
    for value, label in classes.items():
        there = mask == value
        for part in _parts(there) if several else [there]:
            curve = Curve.fitted(part, degree)
            if curve is not None:
                found.append(Line(label, curve))
    return found


def _parts(there: np.ndarray) -> Iterator[np.ndarray]:
    """Connected parts, corners counted, from left to right; tiny ones are left out."""
    from scipy.ndimage import find_objects, label

    numbers, count = label(there, np.ones((3, 3)))
    if not count:
        return
    sizes = np.bincount(numbers.ravel())[1:]
    places = find_objects(numbers)
    for place in sorted(range(count), key=lambda place: places[place][1].start):
        if sizes[place] >= _SMALLEST * sizes.max():
            yield numbers == place + 1


def counted(
    said: Sequence[Line], true: Sequence[Line], shape: tuple[int, ...], near: float
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What `metrics/line_f1.py` and `line_error.py` read of one picture.

    Args:
        said: lines.
        true: lines.
        shape: height and width of the picture.
        near: pixels across within which a point is right.

    Returns:
        {"points": (3,), "apart": (2,)} and {"points": ()}.
    """
    y = np.arange(shape[0]) + 0.5
    mine, others = ([(line.label, line.curve.at(y)) for line in lines] for lines in (said, true))
    apart = np.concatenate([np.zeros(0), *(_nearest(line, mine) for line in others)])
    back = np.concatenate([np.zeros(0), *(_nearest(line, others) for line in mine)])
    points = [sum(int((~np.isnan(x)).sum()) for _, x in lines) for lines in (mine, others)]
    met = apart[np.isfinite(apart)]
    predicted = {
        "points": np.array([points[0], (back <= near).sum(), (apart <= near).sum()], np.int64),
        "apart": np.array([met.sum(), len(met)], np.float64),
    }
    return predicted, {"points": np.array(points[1], np.int64)}


def _nearest(line: tuple[str, np.ndarray], others: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """(n,) pixels from each known point of a line to its class's nearest; inf where none is."""
    label, x = line
    known = ~np.isnan(x)
    rivals = [other for name, other in others if name == label]
    if not rivals:
        return np.full(int(known.sum()), np.inf)
    apart = np.abs(np.stack(rivals)[:, known] - x[known])
    return np.asarray(np.where(np.isnan(apart), np.inf, apart).min(axis=0))


def answered(lines: Sequence[Line], scores: Mapping[str, float]) -> list[dict[str, Any]]:
    """Lines as a column of lines reads them, nearest points first, and how sure they are."""
    return [
        {
            "label": line.label,
            "score": scores[line.label],
            "points": np.round(line.curve.points(_POINTS), 1).tolist(),
        }
        for line in lines
    ]


def painted(
    picture: np.ndarray,
    mask: np.ndarray,
    lines: Sequence[Mapping[str, Any]],
    names: Sequence[str],
) -> np.ndarray:
    """The bands of lines and their courses over a picture: (H', W', 3) uint8.

    Args:
        picture: (H, W) or (H, W, 3) uint8.
        mask: (H, W), 0 where no line is, line n is n + 1.
        lines: as `answered`.
        names: of the lines' classes.
    """
    tints = _paint.colours(len(names))
    shown = _paint.with_classes(picture, mask, tints, strength=0.4)
    courses = [np.asarray(line["points"], np.float64) for line in lines]
    return _paint.with_lines(shown, courses, [tints[names.index(line["label"])] for line in lines])


def compared(
    picture: np.ndarray,
    pairs: Sequence[tuple[np.ndarray, Sequence[Mapping[str, Any]]]],
    names: Sequence[str],
) -> np.ndarray:
    """A picture, then with its true mask and lines, then with what is said: (H', W', 3) uint8."""
    step = max(1, -(-max(picture.shape[:2]) // _LONGEST))
    small = picture[::step, ::step]
    drawn = []
    for mask, lines in pairs:
        moved = [{**line, "points": np.asarray(line["points"]) / step} for line in lines]
        drawn.append(painted(small, mask[::step, ::step], moved, names))
    return _paint.beside(small, *drawn, names=("picture", "truth", "answer"))


def sheet(
    judged: Judged, at: Sequence[int], pictures: Mapping[int, np.ndarray], metric: LineIou
) -> Sheet:
    """What `compared` made of the rows at some places, with their scores."""
    scores = metric.combine(metric.terms(judged.predicted, judged.truth))
    remarks = [f"row {judged.rows[place]:,}: line IoU {scores[place]:.3f}" for place in at]
    return Sheet("The worst pictures, then usual ones", [pictures[p] for p in at], remarks)


def without_lines(baseline: Baseline) -> Baseline:
    """A rival that finds no line either."""

    def answer(train: Design, test: Design, seed: int) -> Arrays:
        answered = baseline(train, test, seed)
        rows = len(next(iter(answered.values())))
        return {**answered, "points": np.zeros((rows, 3), np.int64), "apart": np.zeros((rows, 2))}

    return answer
