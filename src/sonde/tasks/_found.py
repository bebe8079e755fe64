"""Found boxes as arrays: of many that say the same the surest, and the score from which it counts.

Non-maximum suppression is greedy, class by class (Felzenszwalb, Girshick, McAllester, Ramanan,
"Object Detection with Discriminatively Trained Part Based Models", 2010, section 7.2), over all
rows at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.metrics._boxes import OBJECT, RIGHT, UNCOUNTED, counted, matched, overlaps

_ROWS = 16
"""Rows whose boxes are compared together: some 30 MB for 300 boxes each."""


class Cut(NamedTuple):
    """A score from which boxes are given, and the F1 of validation rows there."""

    score: float
    f1: float


def suppressed(arrays: Arrays, overlap: float) -> np.ndarray:
    """The boxes that no surer one of their class covers.

    Args:
        arrays: what `read` gives: {"boxes": (N, M, 4), "score": (N, M), "class": (N, M)}.
        overlap: two boxes that overlap more than this say the same.

    Returns:
        (N, M', 6) float32 x0, y0, x1, y1, class, score, by falling score, then zeros.
    """
    order = np.argsort(-arrays["score"], axis=1, kind="stable")
    whole = np.concatenate(
        [arrays["boxes"], arrays["class"][..., None], arrays["score"][..., None]], axis=-1
    ).astype(np.float32)
    whole = np.take_along_axis(whole, order[..., None], axis=1)
    kept = [_kept(whole[at : at + _ROWS], overlap) for at in range(0, len(whole), _ROWS)]
    return packed(whole, np.concatenate(kept) if kept else np.zeros(whole.shape[:2], bool))


def packed(boxes: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """(N, M, 6) the kept ones of each row in their order, then zeros; M as small as it can be."""
    most = max(1, int(kept.sum(axis=1).max(initial=0)))
    first = np.argsort(~kept, axis=1, kind="stable")[:, :most]
    chosen = np.take_along_axis(boxes, first[..., None], axis=1)
    held = np.take_along_axis(kept, first, axis=1)
    return np.where(held[..., None], chosen, 0).astype(np.float32)


def bounded(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(N, M, 6) boxes cut at the borders of pictures (N, 2) of height and width.

    What then has no area is left out.
    """
    most = np.tile(sizes[:, ::-1], 2)[:, None]
    cut = np.clip(boxes[..., :4], 0, most)
    area = (cut[..., 2:] > cut[..., :2]).all(axis=-1)
    return packed(np.concatenate([cut, boxes[..., 4:]], axis=-1), area & (boxes[..., 5] > 0))


def best_cut(predicted: Arrays, truth: Arrays, threshold: float = 0.5) -> Cut:
    """The score from which giving boxes serves best: greatest F1 over all boxes of all classes.

    It lies in the middle between the last box that is given and the first that is not.
    """
    found = predicted["found"]
    outcome = matched(predicted, truth, [threshold])[..., 0]
    there = counted(found) & (outcome != UNCOUNTED)
    scores, right = found[..., 5][there], outcome[there] == RIGHT
    order = np.argsort(-scores, kind="stable")
    scores, right = scores[order].astype(np.float64), np.cumsum(right[order])
    total = int((truth["boxes"][..., 5] == OBJECT).sum())
    if not len(scores) or not total:
        return Cut(0.5, 0.0)
    f1 = 2 * right / (np.arange(1, len(scores) + 1) + total)
    last = np.append(scores[1:] < scores[:-1], True)  # equal scores are given together
    best = int(np.where(last, f1, -1.0).argmax())
    following = scores[best + 1] if best + 1 < len(scores) else 0.0
    return Cut(float((scores[best] + following) / 2), float(f1[best]))


def _kept(boxes: np.ndarray, overlap: float) -> np.ndarray:
    """(n, M) bool of boxes by falling score."""
    covers = overlaps(boxes[..., :4], boxes[..., :4]) > overlap
    covers &= boxes[..., 4][:, :, None] == boxes[..., 4][:, None]
    kept = boxes[..., 5] > 0
    for place in range(boxes.shape[1]):
        covered = covers[:, place] & kept[:, place, None]
        covered[:, : place + 1] = False
        kept &= ~covered
    return kept
