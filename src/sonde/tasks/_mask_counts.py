"""Masks beside their truth, as the counts that metrics read.

In masks 0 is void and class c is c + 1. Void pixels of the truth are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Design
from sonde.metrics._ratio import ratio

if TYPE_CHECKING:
    from torch import Tensor


_AT_ONCE = 1 << 20
"""Pixels counted at once: a picture may have 20 million of them."""


def confusion_of(said: np.ndarray, true: np.ndarray, classes: int) -> np.ndarray:
    """(K + 1, K + 1) int64 pixels of two masks (H, W), by true and said class; 0 is void."""
    places = classes + 1
    counts = np.zeros(places**2, np.int64)
    said, true = said.ravel(), true.ravel()
    for start in range(0, len(true), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        codes = true[some].astype(np.intp) * places + said[some]
        counts += np.bincount(codes, minlength=places**2)
    return counts.reshape(places, places)


def as_parts(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, K + 1, K + 1) counts -> what `metrics/_pixels.py` reads.

    Returns:
        said (N, K, K) float64, of the pixels of each true class the part said to be of each, and
        pixels (N, K) int64 of each true class.
    """
    pixels = counts[:, 1:].sum(axis=2)
    said = np.nan_to_num(ratio(counts[:, 1:, 1:], pixels[:, :, None]))
    return said, pixels


def batch_counts(index: Tensor, mask: Tensor, classes: int) -> Tensor:
    """(B, K + 1, K + 1) int64 as `confusion_of`, from (B, H, W) said and (B, 1, H, W) true."""
    import torch

    places = classes + 1
    row = torch.arange(len(mask), device=mask.device)[:, None, None]
    codes = (row * places + mask[:, 0].long()) * places + index.long()
    counts = torch.bincount(codes.flatten(), minlength=len(mask) * places**2)
    return counts.view(len(mask), places, places)


def edges_of(
    said: np.ndarray, true: np.ndarray, classes: int, near: float
) -> tuple[np.ndarray, np.ndarray]:
    """Outlines of two masks (H, W), as `metrics/boundary_f1.py` reads them.

    An outline of a class are its pixels beside one of another class; nothing has an outline at the
    border of the picture, beside void, or where the truth is void.

    Args:
        said: (H, W) uint8.
        true: (H, W) uint8.
        classes: K.
        near: pixels, as the crow flies, that count as near.

    Returns:
        (K, 3) and (K,) int64.
    """
    from scipy.ndimage import distance_transform_edt

    known = true > 0
    edges = [_outline(mask) & known for mask in (said, true)]
    answer, truth = np.zeros((classes, 3), np.int64), np.zeros(classes, np.int64)
    for place in range(classes):
        mine, real = (
            edge & (mask == place + 1) for edge, mask in zip(edges, (said, true), strict=True)
        )
        answer[place, 0], truth[place] = mine.sum(), real.sum()
        if answer[place, 0] and truth[place]:
            answer[place, 1] = (distance_transform_edt(~real)[mine] <= near).sum()
            answer[place, 2] = (distance_transform_edt(~mine)[real] <= near).sum()
    return answer, truth


def _outline(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels of a class with another class above, below, left or right."""
    edge = np.zeros(mask.shape, bool)
    for axis in (0, 1):
        first, second = np.moveaxis(mask, axis, 0)[:-1], np.moveaxis(mask, axis, 0)[1:]
        differs = (first != second) & (first > 0) & (second > 0)
        along = np.moveaxis(edge, axis, 0)
        along[:-1] |= differs
        along[1:] |= differs
    return edge


def commonest(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # every baseline is given one
    *,
    target: str,
    classes: int,
) -> Arrays:
    """A rival: every pixel is of the class that most training pixels are of."""
    counts = np.bincount(np.asarray(train.targets[target]).ravel(), minlength=classes + 1)[1:]
    rows = len(test.numbers)
    said = np.zeros((rows, classes, classes))
    said[:, :, counts.argmax()] = 1.0
    return {"said": said, "edges": np.zeros((rows, classes, 3), np.int64)}
