"""What the report shows of found boxes: classes, curves, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sonde.contracts.panels import Curves, Sheet, Table
from sonde.contracts.task import Judged
from sonde.metrics._boxes import NOTHING, OBJECT, RIGHT, UNCOUNTED, given
from sonde.metrics.box_f1 import BoxF1
from sonde.metrics.count_error import CountError
from sonde.metrics.mean_ap import THRESHOLDS, Ranked, ranked_classes
from sonde.tasks import _paint

_EACH = 2
"""Pictures shown of the best, the middling and the worst."""
_LONGER = 480
"""Pixels that the longer side of a shown picture has at most."""


def by_class(judged: Judged, names: Sequence[str]) -> Table:
    """How many there are, how many were found, how well, and how far counts are off."""
    ranked = {
        each.kind: each for each in ranked_classes(judged.predicted, judged.truth, THRESHOLDS)
    }
    counts = CountError(classes=max(1, len(names)))
    off = np.abs(counts.errors(judged.predicted, judged.truth)).mean(axis=0)
    cuts = ", ".join(f"{cut:.3f}" for cut in np.unique(judged.predicted["cut"]))  # by fold
    rows = []
    for kind, name in enumerate(names):
        if kind not in ranked:
            rows.append([name, "0", *["-"] * 5, f"{off[kind]:.2f}"])
            continue
        each = ranked[kind]
        right, said = _given(each, judged)
        average = each.precisions()
        rows.append([
            name, f"{each.true.sum():,}", f"{said:,}", _share(right, said),
            _share(right, int(each.true.sum())), f"{average[0]:.3f}", f"{average.mean():.3f}",
            f"{off[kind]:.2f}",
        ])  # fmt: skip
    return Table(
        "By class",
        ["class", "true", "given", "precision", "recall", "ap@50", "ap", "count error"],
        rows,
        note=f"Given are boxes with a score of {cuts} and more; they are right where they overlap "
        "a true one by half. The count error is the mean of a picture.",
    )


def curves(judged: Judged, names: Sequence[str]) -> Curves:
    """Precision over recall of each class, at overlaps of a half."""
    series = {}
    for each in ranked_classes(judged.predicted, judged.truth, (0.5,)):
        precision, recall = each.curve()
        if each.kind >= 0:  # else of a class that nobody knows
            series[names[each.kind]] = (recall[:, 0], precision[:, 0])
    return Curves("Precision and recall", series, "recall", "precision")


def best_to_worst(judged: Judged) -> np.ndarray:
    """(n,) places of rows: the best by F1, those in the middle, the worst; none twice."""
    terms = BoxF1().terms(judged.predicted, judged.truth)
    f1 = np.where(terms[:, 1] > 0, 2 * terms[:, 0] / np.maximum(terms[:, 1], 1), 1.0)
    order = np.lexsort((-terms[:, 1], -f1))  # among equals, those with more to find
    middle = max(0, (len(order) - _EACH) // 2)
    shown = [*order[:_EACH], *order[middle : middle + _EACH], *order[-_EACH:]]
    return np.array(list(dict.fromkeys(shown)), np.int64)


def sheet(
    pictures: Iterable[np.ndarray],
    judged: Judged,
    places: np.ndarray,
    names: Sequence[str],
) -> Sheet:
    """What is there beside what was found, in each of these rows."""
    shown, remarks = [], []
    terms, reach = BoxF1().terms(judged.predicted, judged.truth), given(judged.predicted)
    for picture, place in zip(pictures, places, strict=True):
        true, found = judged.truth["boxes"][place], judged.predicted["found"][place]
        true, found = true[true[:, 5] > NOTHING], found[reach[place]]
        small, factor = _smaller(picture)
        sides = [drawn(small, _scaled(side, factor), names, scored=scored)
                 for side, scored in ((true, False), (found, True))]  # fmt: skip
        shown.append(_paint.beside(*sides, names=("true", "found")))
        right, of = terms[place]
        spared = int((true[:, 5] != OBJECT).sum())
        more = f", {spared} spared" if spared else ""
        objects = len(true) - spared
        remarks.append(
            f"row {judged.rows[place]}: {objects} there{more}, {len(found)} found, "
            f"f1 {2 * right / of if of else 1:.2f}"
        )
    return Sheet("Best, middling and worst pictures", shown, remarks)


def drawn(
    picture: np.ndarray, boxes: np.ndarray, names: Sequence[str], *, scored: bool = True
) -> np.ndarray:
    """(M, 6) boxes over a picture, each class in its colour, the surest on top."""
    there = boxes[boxes[:, 5] > 0][::-1]
    kinds = there[:, 4].astype(int)
    tints = _paint.colours(len(names))
    words = [
        f"{names[kind]} {score:.2f}" if scored else names[kind]
        for kind, score in zip(kinds, there[:, 5], strict=True)
    ]
    return _paint.with_boxes(picture, there[:, :4], words, [tints[kind] for kind in kinds])


def _given(each: Ranked, judged: Judged) -> tuple[int, int]:
    """Right and counted boxes of a class among those that are given, at overlaps of a half."""
    some = each.outcome[:, 0][each.scores >= judged.predicted["cut"][each.rows]]
    return int((some == RIGHT).sum()), int((some != UNCOUNTED).sum())


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def _smaller(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """A picture that is not too large for a report, and by which factor it is smaller."""
    from PIL import Image

    factor = min(1.0, _LONGER / max(picture.shape[:2]))
    if factor == 1.0:
        return picture, factor
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)), factor


def _scaled(boxes: np.ndarray, factor: float) -> np.ndarray:
    return np.concatenate([boxes[:, :4] * factor, boxes[:, 4:]], axis=1)
