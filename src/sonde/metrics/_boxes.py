"""Found boxes beside true ones: which of them are right.

    found (N, M, 6): x0, y0, x1, y1, class, score; score 0 where there is none
    cut (N,): the score from which a found box is given
    boxes (N, T, 6): x0, y0, x1, y1, class, and what it is: `NOTHING`, `OBJECT` or `SPARED`

Matching is that of COCO (Lin et al., "Microsoft COCO: Common Objects in Context", 2014,
arXiv:1405.0312, section 4; as its reference tool does it): by falling score a found box takes the
true one of its class that it overlaps most and that is still free. A spared one, difficult or a
crowd, may be taken any number of times, and what takes it is neither right nor wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sonde.contracts.metric import Arrays

NOTHING, OBJECT, SPARED = 0, 1, 2
"""What a true box may be: beyond a row's last one, to be found, neither missed nor found."""

WRONG, RIGHT, UNCOUNTED = 0, 1, 2
"""What a found box may be."""

MOST = 100
"""Found boxes of one class in one picture that count: those with the highest scores."""

_AT_ONCE = 4_000_000
"""Overlaps computed together: 32 MB."""


def overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(..., M, 4) and (..., T, 4) -> (..., M, T) float64 intersection over union, in [0, 1]."""
    shared, own, other = _areas(boxes, others)
    return _ratio(shared, own + other - shared)


def covered(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(..., M, 4) and (..., T, 4) -> (..., M, T) the part of each box that lies in each other."""
    shared, own, _ = _areas(boxes, others)
    return _ratio(shared, np.broadcast_to(own, shared.shape))


def matched(predicted: Arrays, truth: Arrays, thresholds: Sequence[float]) -> np.ndarray:
    """(N, M, L) int8 whether each found box is right, at each least overlap of L."""
    found, boxes = predicted["found"], truth["boxes"]
    rows, most = found.shape[:2]
    some = max(1, _AT_ONCE // max(1, most * boxes.shape[1]))
    blocks = [
        _matched(found[at : at + some], boxes[at : at + some], np.asarray(thresholds, float))
        for at in range(0, rows, some)
    ]
    return np.concatenate(blocks) if blocks else np.zeros((0, most, len(thresholds)), np.int8)


def counted(found: np.ndarray) -> np.ndarray:
    """(N, M) bool: boxes that are there, and among the `MOST` of their class in their picture."""
    there = found[..., 5] > 0
    kept = there.copy()
    for kind in np.unique(found[..., 4][there]):
        own = there & (found[..., 4] == kind)
        if own.sum(axis=1).max() > MOST:
            order = np.argsort(np.where(own, -found[..., 5], np.inf), axis=1, kind="stable")
            beyond = np.zeros_like(own)
            np.put_along_axis(beyond, order[:, MOST:], True, axis=1)
            kept &= ~(own & beyond)
    return kept


def given(predicted: Arrays) -> np.ndarray:
    """(N, M) bool: found boxes whose score reaches their row's cut."""
    scores = predicted["found"][..., 5]
    reach: np.ndarray = (scores >= np.asarray(predicted["cut"])[:, None]) & (scores > 0)
    return reach


def _matched(found: np.ndarray, boxes: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Box by box, over all rows and thresholds at once."""
    rows, most = found.shape[:2]
    right = np.zeros((rows, most, len(thresholds)), np.int8)
    if not boxes.shape[1]:
        return right
    overlap = _with_crowds(found, boxes)  # (n, M, T)
    least = np.minimum(thresholds, 1 - 1e-10)[:, None]
    objects = (boxes[..., 5] == OBJECT)[:, None]  # (n, 1, T)
    free = np.repeat(objects, len(thresholds), axis=1)  # (n, L, T)
    spared = (boxes[..., 5] == SPARED)[:, None]
    here = np.arange(rows)
    for place in np.argsort(-found[..., 5], axis=1, kind="stable").T:
        own = overlap[here, place][:, None]  # (n, 1, T)
        enough = own >= least
        taken = _last_best(np.where(enough & free, own, -1.0))  # (n, L), -1 where none
        got = taken >= 0
        at = np.maximum(taken, 0)[..., None]
        left = np.take_along_axis(free, at, axis=2) & ~got[..., None]
        np.put_along_axis(free, at, left, axis=2)
        beside = ~got & (enough & spared).any(axis=2)
        right[here, place] = np.where(got, RIGHT, np.where(beside, UNCOUNTED, WRONG))
    return right


def _with_crowds(found: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(n, M, T) overlaps, -1 between classes; with a spared box the part of the found one in it."""
    shared, own, other = _areas(found[..., :4], boxes[..., :4])
    spared = (boxes[..., 5] == SPARED)[:, None]
    overlap = _ratio(shared, np.where(spared, own, own + other - shared))
    alike = found[..., 4][..., None] == boxes[..., 4][:, None]
    there = (found[..., 5] > 0)[..., None] & (boxes[..., 5] > NOTHING)[:, None]
    return np.where(alike & there, overlap, -1.0)


def _last_best(overlap: np.ndarray) -> np.ndarray:
    """(n, L, T) -> (n, L) where the greatest is, the last of equal ones; -1 where all are -1."""
    last = overlap.shape[-1] - 1 - overlap[..., ::-1].argmax(axis=-1)
    return np.where(overlap.max(axis=-1) >= 0, last, -1)


def _areas(boxes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shared area (..., M, T), own area (..., M, 1) and the others' (..., 1, T), float64."""
    boxes = np.asarray(boxes, np.float64)[..., :, None, :]
    others = np.asarray(others, np.float64)[..., None, :, :]
    low = np.maximum(boxes[..., :2], others[..., :2])
    high = np.minimum(boxes[..., 2:], others[..., 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    own, other = (np.prod(np.maximum(b[..., 2:] - b[..., :2], 0), axis=-1) for b in (boxes, others))
    return shared, own, other


def _ratio(shared: np.ndarray, whole: np.ndarray) -> np.ndarray:
    ratio: np.ndarray = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    return ratio
