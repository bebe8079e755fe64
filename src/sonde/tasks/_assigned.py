"""Which cells learn which object: those that see its class and its borders best.

Feng, Zhong, Gao, Scott, Huang, "TOOD: Task-aligned One-stage Object Detection", 2021,
arXiv:2108.07755, section 3.2. For each object the cells with the greatest alignment, the score of
its class times a power of how well its box is met, are asked for it; what they are asked is how
well they do, so that a score comes to say how good a box is. No sizes are given to levels by hand:
which level meets a size best follows from where a level starts. All rows of a batch at once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from sonde.tasks._cells import Said, generalised, overlaps

CELLS = 10
"""Cells that an object asks at most."""
_SCORE, _OVERLAP = 0.5, 6.0
"""Powers of score and overlap in the alignment."""
_LEAST = 1e-30
_REACH = 1.0
"""Strides from the middle of an object within which a cell may be asked without being inside."""


class Asked(NamedTuple):
    """What each of A cells is to say.

    Attributes:
        quality: (B, A) float32 in [0, 1], 0 where no object asks.
        kinds: (B, A) int64 classes.
        boxes: (B, A, 4) in pixels.
    """

    quality: Tensor
    kinds: Tensor
    boxes: Tensor


@torch.no_grad()
def asked(found: Said, truth: Tensor) -> Asked:
    """What cells are asked for, given (B, T, 6) boxes with class and mark, T at least 1."""
    corners, kinds = truth[..., :4], truth[..., 4].long()
    overlap = overlaps(corners, found.boxes)  # (B, T, A)
    cells = overlap.shape[-1]
    scores = found.logits.sigmoid().mT.gather(1, kinds[..., None].expand(-1, -1, cells))
    aligned = scores.pow(_SCORE) * overlap.pow(_OVERLAP)
    aligned = aligned * (_near(found, corners) & (truth[..., 5:] > 0))
    best = aligned.topk(min(CELLS, cells), dim=-1)
    chosen = torch.zeros_like(aligned).scatter_(-1, best.indices, best.values)  # (B, T, A)
    # a cell that several objects choose goes to the one it overlaps most
    owner = torch.where(chosen > 0, overlap, -1.0).argmax(dim=1)  # (B, A)
    owned = torch.arange(len(corners[0]), device=owner.device)[:, None] == owner[:, None]
    chosen = chosen * owned
    best_overlap = torch.where(chosen > 0, overlap, 0.0).amax(dim=-1, keepdim=True)
    scaled = chosen / chosen.amax(dim=-1, keepdim=True).clamp(min=_LEAST) * best_overlap
    return Asked(
        scaled.amax(dim=1),
        kinds.gather(1, owner),
        corners.gather(1, owner[..., None].expand(-1, -1, 4)),
    )


def errors(found: Said, truth: Tensor, *, place: float) -> Tensor:
    """(B,) summed errors of a row's cells.

    Of the classes a cross entropy that counts the less the nearer a score is to what is asked (Li
    et al., "Generalized Focal Loss", 2020, arXiv:2006.04388, eq. 2), of the borders 1 - GIoU, which
    counts by the quality asked for, and `place` times in all.
    """
    wanted = asked(found, truth)
    classes = found.logits.shape[-1]
    of_class = functional.one_hot(wanted.kinds, classes) * wanted.quality[..., None]
    entropy = functional.binary_cross_entropy_with_logits(found.logits, of_class, reduction="none")
    far = (of_class - found.logits.sigmoid()).square()
    missed = (1 - generalised(found.boxes, wanted.boxes)) * wanted.quality
    return (entropy * far).sum(dim=(1, 2)) + place * missed.sum(dim=1)


def _near(found: Said, corners: Tensor) -> Tensor:
    """(B, T, A) whether the middle of a cell lies in an object, or near its middle."""
    x, y = found.middles.unbind(dim=-1)
    x0, y0, x1, y1 = corners[..., None].unbind(dim=2)  # (B, T, 1) each
    inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    reach = _REACH * found.strides
    close = ((x - (x0 + x1) / 2).abs() < reach) & ((y - (y0 + y1) / 2).abs() < reach)
    return inside | close
