"""What a mask costs while it is learned: cross entropy of pixels, Dice of regions.

Cross entropy asks of every pixel, so that large classes decide; Dice asks of every class of a
picture, however small: Milletari, Navab, Ahmadi, "V-Net: Fully Convolutional Neural Networks for
Volumetric Medical Image Segmentation", 2016, arXiv:1606.04797, section 3, with plain sums in place
of their squares, and over those classes that a picture has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from sonde.contracts.task import Loss

if TYPE_CHECKING:
    from torch import Tensor

Weighing = Literal["inverse", "root", "log"]

_SMOOTH = 1.0
"""Pixels added above and below the fraction of Dice, so that a class of few pixels is no cliff."""

_LOG = 1.02
"""Paszke et al. 2016, section 5.2: weights lie between 1.4 and 50."""


def mask_loss(
    logits: Tensor, mask: Tensor, *, cross_entropy: float, dice: float, weights: Sequence[float]
) -> Loss:
    """The loss of each row; pixels whose class is not known count for nothing.

    Args:
        logits: (B, K, H, W) float32.
        mask: (B, 1, H, W) uint8, 0 for void, class c is c + 1.
        cross_entropy: what the mean cross entropy of a row's pixels, in nats, counts for.
        dice: what 1 less the mean soft Dice of a row's classes counts for.
        weights: (K,) what a pixel of each class counts for in the cross entropy; () for 1.

    Returns:
        Rows count by the weight of their known pixels, 1 where all are known and weigh 1.
    """
    from torch.nn import functional

    known = mask[:, 0] > 0  # (B, H, W)
    index = (mask[:, 0].long() - 1).clamp(min=0)
    counted = known.float()
    if weights:
        counted = counted * logits.new_tensor(weights)[index]
    total = counted.sum(dim=(1, 2))
    sums = logits.new_zeros(len(logits))
    if cross_entropy:
        errors = functional.cross_entropy(logits, index, reduction="none")
        sums = (errors * counted).sum(dim=(1, 2)) / total.clamp(min=1e-6) * cross_entropy
    if dice:
        sums = sums + dice * (1 - _soft_dice(logits, index, known))
    weight = total / known[0].numel()
    return Loss((sums * weight).where(total > 0, 0.0), weight)


def _soft_dice(logits: Tensor, index: Tensor, known: Tensor) -> Tensor:
    """(B,) mean over the classes that are in a row; logits (B, K, H, W), others (B, H, W)."""
    import torch

    probability = logits.softmax(dim=1) * known[:, None]
    classes = torch.arange(logits.shape[1], device=logits.device)[:, None, None]
    true = ((index[:, None] == classes) & known[:, None]).float()
    both, pixels = (probability * true).sum(dim=(2, 3)), true.sum(dim=(2, 3))  # (B, K)
    dice = (2 * both + _SMOOTH) / (probability.sum(dim=(2, 3)) + pixels + _SMOOTH)
    there = (pixels > 0).float()
    return (dice * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)


def weighed(counts: Sequence[int], how: Weighing) -> tuple[float, ...]:
    """(K,) what a pixel of each class weighs, by how many there are; the mean pixel weighs 1.

    inverse: every class has the same part in the loss, as with the median-frequency weights of
    Eigen, Fergus 2015 (arXiv:1411.4734, section 6.3.2), which differ from it by a factor; root: by
    the square root of that; log: Paszke, Chaurasia, Kim, Culurciello, "ENet", 2016,
    arXiv:1606.02147, section 5.2.
    """
    share = np.maximum(np.array(counts, np.float64), 1)
    share /= share.sum()
    raw = {"inverse": 1 / share, "root": share**-0.5, "log": 1 / np.log(_LOG + share)}[how]
    return tuple((raw / (raw * share).sum()).tolist())
