"""Straight maps of a frame: grids are sampled anew, points and boxes follow.

A map is (B, 2, 3): where the point (x, y) of a row goes, in pixels from the upper left corner of
the grid, so that the middle of the first pixel is at (0.5, 0.5).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from sonde.core.batch import Batch, Padded, tensor_of
from sonde.data.augment._frames import Frame

_BOX = 4  # numbers that place a box: two opposite corners
_BRIGHTEST = 255


def warped(batch: Batch, frame: Frame, maps: Tensor) -> Batch:
    """The frame's grids and sets moved by (B, 2, 3) maps; zeros come in from outside.

    A picture is sampled bilinearly. A mask's values have no mean between them: it takes the
    nearest. A box becomes the smallest upright one around its moved corners.
    """
    moved = dict(batch)
    for name in frame.grids:
        grids = tensor_of(batch, name)
        moved[name] = _sampled(grids, maps.to(grids.device), nearest=name in frame.masks)
    return _with_sets(moved, frame, maps)


def flipped(batch: Batch, frame: Frame, rows: Tensor, *, axis: int) -> Batch:
    """The frame mirrored, where (B,) `rows` is true, along axis -1 (x) or -2 (y) of its grids."""
    moved = dict(batch)
    for name in frame.grids:
        grids = tensor_of(batch, name)
        chosen = rows.to(grids.device)[:, None, None, None]
        moved[name] = torch.where(chosen, grids.flip(axis), grids)
    sign = 1.0 - 2.0 * rows.float()  # -1 where mirrored
    size = (frame.width if axis == -1 else frame.height) * rows.float()
    maps = torch.eye(2, 3, device=rows.device).repeat(len(rows), 1, 1)
    line = 0 if axis == -1 else 1
    maps[:, line, line], maps[:, line, 2] = sign, size
    return _with_sets(moved, frame, maps)


def _with_sets(batch: Batch, frame: Frame, maps: Tensor) -> Batch:
    """The batch with the frame's sets moved by (B, 2, 3) maps."""
    moved = dict(batch)
    for name in frame.sets:
        points = batch[name]
        assert isinstance(points, Padded), f"{name} is a set and must be padded"
        moved[name] = mapped_points(points, maps)
    return moved


def mapped_points(points: Padded, maps: Tensor) -> Padded:
    """(B, N, D) pairs of x, y, of boxes where there are two, moved by (B, 2, 3) maps.

    What stands behind the pairs, a class, stays; padding stays 0.
    """
    count = points.values.shape[-1] // 2 * 2
    values, behind = points.values[..., :count], points.values[..., count:]
    pairs = values.reshape(*values.shape[:2], count // 2, 2)  # (B, N, D // 2, 2)
    if count == _BOX:
        low, high = pairs.unbind(dim=2)
        other = torch.stack([low[..., 0], high[..., 1]], dim=-1)
        fourth = torch.stack([high[..., 0], low[..., 1]], dim=-1)
        pairs = torch.stack([low, high, other, fourth], dim=2)  # (B, N, 4, 2)
    maps = maps.to(values)[:, None]  # (B, 1, 2, 3)
    placed = pairs @ maps[..., :2].transpose(-1, -2) + maps[..., None, :, 2]
    if count == _BOX:
        placed = torch.stack([placed.amin(dim=2), placed.amax(dim=2)], dim=2)
    moved = torch.cat([placed.reshape(values.shape), behind], dim=-1)
    return Padded(moved * points.mask()[..., None], points.lengths)


def around_middle(linear: Tensor, offset: Tensor, frame: Frame) -> Tensor:
    """(B, 2, 3) maps that turn and stretch around a frame's middle, then move.

    Args:
        linear: (B, 2, 2), of x and y seen from the middle.
        offset: (B, 2) in pixels.
        frame: whose middle it is.
    """
    middle = linear.new_tensor([frame.width / 2, frame.height / 2])
    return torch.cat([linear, (middle + offset - linear @ middle)[..., None]], dim=-1)


def rotation(angles: Tensor) -> Tensor:
    """(B,) radians, clockwise as a picture is seen -> (B, 2, 2)."""
    cosine, sine = angles.cos(), angles.sin()
    return torch.stack([cosine, -sine, sine, cosine], dim=-1).reshape(-1, 2, 2)


def _sampled(grids: Tensor, maps: Tensor, *, nearest: bool) -> Tensor:
    """(B, C, H, W) seen through (B, 2, 3) maps, in the same type and memory format."""
    height, width = grids.shape[-2:]
    back = _inverse(maps.float())
    # affine_grid and grid_sample count from -1 to 1 across the picture
    half = back.new_tensor([width / 2, height / 2])
    linear = back[:, :, :2] * half / half[:, None]
    offset = (back[:, :, 2] + (back[:, :, :2] @ half)) / half - 1
    theta = torch.cat([linear, offset[..., None]], dim=-1)
    places = functional.affine_grid(theta, list(grids.shape), align_corners=False)
    mode = "nearest" if nearest else "bilinear"
    found = functional.grid_sample(grids.float(), places, mode=mode, align_corners=False)
    if grids.dtype == torch.uint8:
        found = found.round_().clamp_(0, _BRIGHTEST)
    return torch.empty_like(grids).copy_(found)


def _inverse(maps: Tensor) -> Tensor:
    """(B, 2, 3) the maps that lead back."""
    inverse = torch.linalg.inv(maps[:, :, :2])
    return torch.cat([inverse, -inverse @ maps[:, :, 2:]], dim=-1)
