"""Cells: what each of them says of a place, and where that lies in the picture.

A level is a grid of cells of one stride; cell (i, j) has its middle at ((j + 0.5), (i + 0.5))
strides. It says how far from there the middle of an object is, in strides, and by which factor, as
a natural logarithm, its width and height differ from four strides. So the middle of an object may
lie in another cell, and a small one need not cover the middle of any: Ge, Liu, Wang, Li, Sun,
"YOLOX: Exceeding YOLO Series in 2021", arXiv:2107.08430, section 2.1, "Anchor-free".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sonde.core.batch import Batch, tensor_of
from sonde.core.cells import PLACE

_USUAL = 4.0
"""Strides that an object is wide and high as long as nothing is learned."""
_FURTHEST = 6.0
"""Largest logarithm of a size: 1,600 strides, so that no size overflows."""
_TINY = 1e-7


class Said(NamedTuple):
    """What all cells of all levels say, the finest level first.

    Attributes:
        logits: (B, A, K) of the classes.
        boxes: (B, A, 4) x0, y0, x1, y1 in pixels.
        middles: (A, 2) x, y of the cells, in pixels.
        strides: (A,) in pixels.
    """

    logits: Tensor
    boxes: Tensor
    middles: Tensor
    strides: Tensor


def said(outputs: Mapping[str, Tensor], strides: Mapping[str, int]) -> Said:
    """From (B, K + 4, H, W) for each level; `strides` are in pixels, by output."""
    levels = [outputs[name].flatten(2).mT for name in strides]  # (B, H * W, K + 4)
    raw = torch.cat(levels, dim=1).float()
    places = [_middles(outputs[name], stride) for name, stride in strides.items()]
    middles = torch.cat(places)
    each = torch.cat([
        middles.new_full((len(own),), stride)
        for own, stride in zip(places, strides.values(), strict=True)
    ])  # fmt: skip
    logits, moved, scaled = raw[..., :-PLACE], raw[..., -4:-2], raw[..., -2:]
    middle = middles + moved * each[:, None]
    half = scaled.clamp(-_FURTHEST, _FURTHEST).exp() * (_USUAL / 2 * each)[:, None]
    return Said(logits, torch.cat([middle - half, middle + half], dim=-1), middles, each)


def _middles(level: Tensor, stride: int) -> Tensor:
    """(H * W, 2) x, y in pixels of the cells of (B, C, H, W)."""
    high, wide = level.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(high, device=level.device), torch.arange(wide, device=level.device),
        indexing="ij",
    )  # fmt: skip
    return (torch.stack([x, y], dim=-1).flatten(0, 1) + 0.5) * stride


def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """(B, T, 4) and (B, A, 4) -> (B, T, A) intersection over union, in [0, 1]."""
    boxes, others = boxes[:, :, None], others[:, None]
    shared = _area(
        torch.maximum(boxes[..., :2], others[..., :2]),
        torch.minimum(boxes[..., 2:], others[..., 2:]),
    )
    union = _area(boxes[..., :2], boxes[..., 2:]) + _area(others[..., :2], others[..., 2:]) - shared
    return shared / union.clamp(min=_TINY)


def generalised(boxes: Tensor, others: Tensor) -> Tensor:
    """(..., 4) twice -> (...) generalised intersection over union, in (-1, 1].

    Rezatofighi, Tsoi, Gwak, Sadeghian, Reid, Savarese, "Generalized Intersection over Union", 2019,
    arXiv:1902.09630, algorithm 1.
    """
    low, high = boxes[..., :2], boxes[..., 2:]
    low_too, high_too = others[..., :2], others[..., 2:]
    shared = _area(torch.maximum(low, low_too), torch.minimum(high, high_too))
    union = (_area(low, high) + _area(low_too, high_too) - shared).clamp(min=_TINY)
    hull = _area(torch.minimum(low, low_too), torch.maximum(high, high_too)).clamp(min=_TINY)
    return shared / union - (hull - union) / hull


def in_picture(boxes: Tensor, known: Tensor, size: Sequence[int]) -> Tensor:
    """(B, T, 5) boxes with classes, cut at the borders of pictures (height, width), and a mark.

    Returns:
        (B, T, 6), T at least 1: x0, y0, x1, y1, class, and 1 where there is an object to learn
        from: where `known` (B, T) says so, its middle lies in the picture, and it has an area.
    """
    if not boxes.shape[1]:
        return boxes.new_zeros(len(boxes), 1, 6)
    corners, kinds = boxes[..., :4].float(), boxes[..., 4:5].float()
    most = corners.new_tensor([size[1], size[0]])
    middle = (corners[..., :2] + corners[..., 2:]) / 2
    inside = ((middle >= 0) & (middle < most)).all(dim=-1)
    cut = torch.minimum(corners.clamp(min=0), torch.cat([most, most]))
    counts = known & inside & (cut[..., 2:] > cut[..., :2]).all(dim=-1)
    whole = torch.cat([cut, kinds, torch.ones_like(kinds)], dim=-1)
    return whole * counts[..., None]


def _area(low: Tensor, high: Tensor) -> Tensor:
    """(..., 2) corners -> (...), 0 where they have changed sides."""
    sides = (high - low).clamp(min=0)
    return sides[..., 0] * sides[..., 1]


def beside_mirrored(found: Batch, mirrored: Batch, width: int) -> Batch:
    """What was read of a picture, with what its mirror image, left for right, showed besides.

    Args:
        found: {"boxes": (B, M, 4), "class": (B, M), "score": (B, M), "cut": (B,)}.
        mirrored: the same of the mirror image.
        width: of both in pixels.
    """
    x0, y0, x1, y1 = tensor_of(mirrored, "boxes").unbind(dim=-1)
    back = {**mirrored, "boxes": torch.stack([width - x1, y0, width - x0, y1], dim=-1)}
    both: Batch = {
        name: torch.cat([tensor_of(found, name), tensor_of(back, name)], dim=1)
        for name in ("boxes", "class", "score")
    }
    return {**both, "cut": found["cut"]}
