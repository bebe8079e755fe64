"""Mean average precision of boxes: Lin et al., "Microsoft COCO", 2014, arXiv:1405.0312.

Boxes of a class are ranked by score over all pictures; at each of 101 recalls from 0 to 1 the best
precision that still reaches it counts, 0 where none does. The mean is over recalls, over least
overlaps from 0.5 to 0.95, and over the classes that the true boxes have.

The score of all rows is that of COCO's reference tool, by the package faster-coco-eval. Resamples,
of which there are a thousand for an interval, weigh its matches row by row: the same numbers.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.core.errors import MissingPackage
from sonde.metrics._boxes import MOST, OBJECT, RIGHT, SPARED, UNCOUNTED, counted, matched

THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""Least overlaps of COCO."""

_RECALLS = np.linspace(0.0, 1.0, 101)


class MeanAp(Metric):
    """In [0, 1]; NaN where there is no true box."""

    bounds: ClassVar[Bounds] = (0.0, 1.0)
    resamples: ClassVar[int] = 1000

    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    """The least overlap at which a box is right; None for the mean over 0.5, 0.55, ..., 0.95."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Over all least overlaps, and at one."""
        return [cls(), cls(threshold=0.5)]

    @property
    def label(self) -> str:
        """As COCO and others write it."""
        return "map" if self.threshold is None else f"map@{round(100 * self.threshold)}"

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The least overlaps."""
        return THRESHOLDS if self.threshold is None else (self.threshold,)

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """Of all rows by the reference tool; of a resample by its weights.

        Raises:
            MissingPackage: faster-coco-eval is not installed.
        """
        if counts is None:
            return _mean(by_reference(predicted, truth, self.thresholds))
        return float(self.resampled(predicted, truth, np.asarray(counts)[None])[0])

    def resampled(self, predicted: Arrays, truth: Arrays, counts: np.ndarray) -> np.ndarray:
        """(R,) scores; boxes are matched once, since a picture's matches hang on no other's."""
        ranked = ranked_classes(predicted, truth, self.thresholds)
        return np.array(
            [_mean(np.array([each.precisions(drawn) for each in ranked])) for drawn in counts]
        )


class Ranked:
    """The found boxes of one class, by falling score.

    Attributes:
        kind: the class.
        rows: (D,) whose they are.
        scores: (D,).
        outcome: (D, L) whether they are right, at each least overlap.
        true: (N,) how many objects each row has.
    """

    def __init__(self, kind: int, predicted: Arrays, truth: Arrays, outcome: np.ndarray) -> None:
        found, boxes = predicted["found"], truth["boxes"]
        own = counted(found) & (found[..., 4] == kind)
        rows, places = np.nonzero(own)
        order = np.lexsort((-found[rows, places, 5], rows))  # a row's by score, as the tool takes
        rows, places = rows[order], places[order]
        order = np.argsort(-found[rows, places, 5], kind="stable")
        self.kind = kind
        self.rows, places = rows[order], places[order]
        self.scores = found[self.rows, places, 5]
        self.outcome = outcome[self.rows, places]
        self.true = ((boxes[..., 5] == OBJECT) & (boxes[..., 4] == kind)).sum(axis=1)

    def curve(self, counts: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(D, L) precision and recall at each rank; recall is NaN without true boxes."""
        weights = np.ones(len(self.true)) if counts is None else np.asarray(counts, np.float64)
        each = weights[self.rows][:, None]
        right = np.cumsum(each * (self.outcome == RIGHT), axis=0)
        said = np.cumsum(each * (self.outcome != UNCOUNTED), axis=0)
        total = float(weights @ self.true)
        precision = np.divide(right, said, out=np.zeros_like(right), where=said > 0)
        return precision, right / total if total else np.full_like(right, np.nan)

    def precisions(self, counts: np.ndarray | None = None) -> np.ndarray:
        """(L,) average precision at each least overlap; NaN without true boxes."""
        precision, recall = self.curve(counts)
        if (
            np.isnan(recall).any()
            or not (self.true if counts is None else self.true @ counts).any()
        ):
            return np.full(self.outcome.shape[1], np.nan)
        best = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
        best = np.concatenate([best, np.zeros((1, best.shape[1]))])  # beyond the last recall
        reached = [np.searchsorted(column, _RECALLS) for column in recall.T]
        return np.array([best[places, at].mean() for at, places in enumerate(reached)])


def ranked_classes(predicted: Arrays, truth: Arrays, thresholds: tuple[float, ...]) -> list[Ranked]:
    """Each class that true boxes have."""
    outcome = matched(predicted, truth, thresholds)
    return [Ranked(kind, predicted, truth, outcome) for kind in _classes(truth)]


def by_reference(predicted: Arrays, truth: Arrays, thresholds: tuple[float, ...]) -> np.ndarray:
    """(K, L) average precision of each class that true boxes have, at each least overlap.

    Raises:
        MissingPackage: faster-coco-eval is not installed.
    """
    package = reference_tool()
    kinds, rows = _classes(truth), len(truth["boxes"])
    if not kinds:
        return np.full((0, len(thresholds)), np.nan)
    names = {
        "images": [{"id": row + 1} for row in range(rows)],
        "categories": [{"id": kind + 1, "name": str(kind)} for kind in kinds],
    }
    objects = package.COCO({**names, "annotations": _annotations(truth["boxes"])})
    said = package.COCO({**names, "annotations": _annotations(predicted["found"], kinds)})
    tool = package.COCOeval_faster(objects, said, "bbox")
    tool.params.iouThrs = np.asarray(thresholds)
    tool.params.maxDets = [MOST]
    tool.params.areaRng, tool.params.areaRngLbl = [[0, np.inf]], ["all"]
    tool.evaluate()
    tool.accumulate()
    precision = tool.eval["precision"][:, :, :, 0, -1]  # (L, 101, K)
    average: np.ndarray = np.where(precision < 0, np.nan, precision).mean(axis=1).T
    return average


def _annotations(boxes: np.ndarray, kinds: list[int] | None = None) -> list[dict[str, Any]]:
    """(N, M, 6) boxes in COCO's words; with `kinds` found ones of these classes."""
    there = boxes[..., 5] > 0
    if kinds is not None:
        there &= np.isin(boxes[..., 4], kinds)
    rows, places = np.nonzero(there)
    values = boxes[rows, places].astype(np.float64)
    sides = values[:, 2:4] - values[:, :2]
    return [
        {
            "id": number,
            "image_id": row + 1,
            "category_id": int(kind) + 1,
            "bbox": [x, y, wide, high],
            "area": wide * high,
            "iscrowd": int(kinds is None and what == SPARED),
            "score": what,
        }
        for number, (row, (x, y, kind, what), (wide, high)) in enumerate(
            zip(rows.tolist(), values[:, [0, 1, 4, 5]].tolist(), sides.tolist(), strict=True), 1
        )
    ]


def _classes(truth: Arrays) -> list[int]:
    """The classes of which there are objects."""
    boxes = truth["boxes"]
    return [int(kind) for kind in np.unique(boxes[..., 4][boxes[..., 5] == OBJECT])]


def _mean(precisions: np.ndarray) -> float:
    """Of (K, L), classes that a resample lacks left out."""
    known = precisions[~np.isnan(precisions)]
    return float(known.mean()) if known.size else float("nan")


@cache
def reference_tool() -> Any:
    """The package whose scores these are.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        import faster_coco_eval as package
    except ImportError:
        raise MissingPackage(
            "mean average precision needs the package faster-coco-eval. Install it: "
            'pip install "sonde[vision]"'
        ) from None
    return package
