"""Rectangles in pictures, one a row: where they lie, what is inside, what fills them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from sonde.data.augment._colours import BRIGHTEST

Fill = Literal["noise", "zero", "mean"]


def placed(
    areas: Tensor, ratios: Tensor, size: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """(B, 4) whole pixels top, left, bottom, right of rectangles that lie inside.

    Args:
        areas: (B,) part of the whole that each takes.
        ratios: (B,) of height to width, in pixels; where it does not fit, it is made to.
        size: height and width of the whole, in pixels.
        generator: every place where a rectangle fits is equally likely.
    """
    pixels = areas * size[0] * size[1]
    heights = (pixels * ratios).sqrt().round().clamp(1, size[0])
    widths = (pixels / heights).round().clamp(1, size[1])
    draws = torch.rand(2, len(areas), generator=generator, device=generator.device)
    top = (draws[0] * (size[0] - heights + 1)).floor()
    left = (draws[1] * (size[1] - widths + 1)).floor()
    return torch.stack([top, left, top + heights, left + widths], dim=1)


def inside(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, H, W) bool: true inside each of (B, 4) top, left, bottom, right."""
    top, left, bottom, right = boxes[:, :, None].unbind(dim=1)  # each (B, 1)
    rows = torch.arange(size[0], device=boxes.device)
    columns = torch.arange(size[1], device=boxes.device)
    high = (rows >= top) & (rows < bottom)  # (B, H)
    wide = (columns >= left) & (columns < right)  # (B, W)
    return high[:, :, None] & wide[:, None, :]


def filling(grids: Tensor, fill: Fill, generator: torch.Generator) -> Tensor:
    """What (B, C, H, W) pictures are filled with, of the same type and memory format."""
    if fill == "zero":
        return torch.zeros_like(grids)
    if fill == "mean":
        mean = grids.float().mean(dim=(2, 3), keepdim=True)
        return torch.empty_like(grids).copy_(mean.round() if _is_whole(grids) else mean)
    shape, device = grids.shape, generator.device
    if _is_whole(grids):
        drawn = torch.randint(BRIGHTEST + 1, shape, generator=generator, device=device,
                              dtype=torch.uint8)  # fmt: skip
    else:
        drawn = torch.rand(shape, generator=generator, device=device)
    return torch.empty_like(grids).copy_(drawn)


def _is_whole(grids: Tensor) -> bool:
    return grids.dtype == torch.uint8
