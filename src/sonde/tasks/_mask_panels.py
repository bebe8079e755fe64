"""What a report shows of a segmentation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sonde.contracts.panels import Heatmap, Panel, Sheet, Table
from sonde.contracts.task import Judged
from sonde.metrics._pixels import confusion
from sonde.metrics._ratio import ratio
from sonde.metrics.iou import Iou
from sonde.tasks import _paint
from sonde.tasks._letters import lettered

_WORST, _USUAL = 4, 2
"""Pictures of each sort that are shown."""
_LONGEST = 400
"""Pixels of a shown picture's longer side at most: a report is one file."""


def panels(judged: Judged, names: Sequence[str]) -> list[Panel]:
    """Each class's scores, and which is taken for which."""
    counts = confusion(judged.predicted, judged.truth).sum(axis=0)
    true = np.asarray(judged.truth["pixels"], np.float64).sum(axis=0)
    right, said = np.diagonal(counts), counts.sum(axis=0)
    scores = (
        ratio(right, said + true - right),
        ratio(2 * right, said + true),
        ratio(right, said),
        ratio(right, true),
    )
    lines = [
        (name, f"{share:.2%}", *(_shown(score) for score in own))
        for name, share, *own in zip(names, ratio(true, true.sum()), *scores, strict=True)
    ]
    header = ("class", "of the pixels", "IoU", "Dice", "precision", "recall")
    note = "Over the pixels of all pictures together, as large as the raw ones; void is left out."
    table = Table("Class by class", header, lines, note)
    taken = Heatmap(
        "Pixels by class",
        counts.astype(np.int64),
        row_labels=list(names),
        column_labels=list(names),
        row_title="true",
        column_title="predicted",
    )
    return [table, taken]


def chosen(judged: Judged) -> list[int]:
    """Places of the worst rows, the worst first, then of those in the middle."""
    scores = of_rows(judged)
    known = np.flatnonzero(~np.isnan(scores))
    order = known[np.argsort(scores[known], kind="stable")]
    worst, rest = order[:_WORST].tolist(), order[_WORST:]
    middle = max(0, len(order) // 2 - _WORST - _USUAL // 2)
    return [*worst, *rest[middle : middle + _USUAL].tolist()]


def of_rows(judged: Judged) -> np.ndarray:
    """(N,) mean IoU of each picture by itself; NaN where nothing is known of it."""
    metric = Iou()
    return metric.combine(metric.terms(judged.predicted, judged.truth))


def sheet(
    judged: Judged,
    at: Sequence[int],
    places: Sequence[int],
    pictures: Sequence[np.ndarray | None],
    masks: Sequence[tuple[np.ndarray, np.ndarray]],
    names: Sequence[str],
) -> Sheet:
    """Pictures beside their truth and their answer.

    Args:
        judged: all rows.
        at: places of the rows to be shown, in that order.
        places: the same places in the order of what follows.
        pictures: (H, W) or (H, W, 3) uint8.
        masks: what is said and what is true, (H, W) uint8, class and 1.
        names: of the classes.
    """
    scores, tints = of_rows(judged), _paint.colours(len(names))
    shown, remarks = [], []
    for place in at:
        here = list(places).index(place)
        picture, (said, true) = pictures[here], masks[here]
        if picture is None or picture.shape[:2] != said.shape:
            continue
        step = max(1, -(-max(said.shape) // _LONGEST))
        picture, said, true = (each[::step, ::step] for each in (picture, said, true))
        shown.append(
            _paint.beside(
                picture,
                _paint.with_classes(picture, true, tints),
                _paint.with_classes(picture, said, tints),
                names=("picture", "truth", "answer"),
            )
        )
        remarks.append(f"row {judged.rows[place]:,}: mean IoU {scores[place]:.3f}")
    return Sheet(
        "The worst pictures, then usual ones",
        [legend(names), *shown],
        ["the classes", *remarks],
        note="The mean IoU of one picture is over the classes that it has, or was said to have.",
    )


def painted(
    pictures: Sequence[np.ndarray | None], masks: Sequence[np.ndarray], names: Sequence[str]
) -> list[np.ndarray]:
    """Each picture in the colours of its classes, with what these are: (H', W', 3) uint8."""
    tints = _paint.colours(len(names))
    found = []
    for picture, mask in zip(pictures, masks, strict=True):
        base = np.zeros(mask.shape, np.uint8) if picture is None else picture
        found.append(_paint.with_key(_paint.with_classes(base, mask, tints), names, tints))
    return found


def legend(names: Sequence[str]) -> np.ndarray:
    """The classes' colours with their names, one below the other: (H, W, 3) uint8."""
    from PIL import Image, ImageDraw

    high = 18
    font, written = lettered(names, 13)
    wide = 28 + int(max(font.getlength(name) for name in written))
    image = Image.new("RGB", (wide, high * len(names) + 4), "white")
    draw = ImageDraw.Draw(image)
    for at, (name, tint) in enumerate(zip(written, _paint.colours(len(names)), strict=True)):
        top = 3 + at * high
        draw.rectangle((3, top, 17, top + 14), fill=tuple(int(part) for part in tint))
        draw.text((23, top + 7), name, (30, 30, 30), font, anchor="lm")
    return np.asarray(image)


def _shown(score: float) -> str:
    return "-" if np.isnan(score) else f"{score:.3f}"
