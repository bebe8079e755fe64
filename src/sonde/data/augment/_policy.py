"""The changes a policy draws from, on rows of a batch that chose them.

Strengths are those of Cubuk et al. 2019 and its published code, as parts of their largest.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sonde.core.batch import Batch, tensor_of
from sonde.data.augment import _colours
from sonde.data.augment._frames import Frame, num_rows
from sonde.data.augment._warp import around_middle, warped

_TURN, _SHEAR, _OFFSET = math.radians(30), 0.3, 1 / 3
_COLOUR, _BITS = 0.9, 4
_BRIGHTEST = 255.0

Recolour = Callable[[Tensor, Tensor], Tensor]
"""(n, C, H, W) pictures from 0 to 255 and (n,) strengths in [-1, 1] -> pictures."""


def played(
    batch: Batch, frame: Frame, changes: int, strength: float, generator: torch.Generator
) -> Batch:
    """The frame after `changes` drawn changes of `strength` in [0, 1]."""
    rows, device = num_rows(batch, frame), generator.device
    many = len(_RECOLOURS) + len(_MOVES) + 1  # one that changes nothing
    chosen = torch.randint(many, (changes, rows), generator=generator, device=device)
    signs = torch.randint(2, (changes, rows), generator=generator, device=device) * 2.0 - 1.0
    moved = dict(batch)
    for name in frame.pictures:
        grids = tensor_of(batch, name)
        moved[name] = _recoloured(grids, chosen.to(grids.device), strength * signs.to(grids.device))
    linear = torch.eye(2, device=device).repeat(rows, 1, 1)
    offset = torch.zeros(rows, 2, device=device)
    for which, amount in zip(chosen, strength * signs, strict=True):
        linear, offset = _further(linear, offset, which, amount)
    size = offset.new_tensor([frame.width, frame.height])
    return warped(moved, frame, around_middle(linear, offset * size, frame))


def _recoloured(grids: Tensor, chosen: Tensor, amounts: Tensor) -> Tensor:
    """(B, C, H, W) after the changes of colour among (K, B) chosen ones."""
    scale = 1.0 if grids.dtype == torch.uint8 else _BRIGHTEST

    def change(pictures: Tensor) -> Tensor:
        pictures = pictures * scale
        for which, amount in zip(chosen, amounts, strict=True):
            for index, recolour in enumerate(_RECOLOURS):
                rows = (which == index).nonzero()[:, 0]
                if len(rows):
                    pictures[rows] = recolour(pictures[rows], amount[rows]).clamp_(0, _BRIGHTEST)
        return pictures / scale

    return _colours.changed(grids, change)


def _further(
    linear: Tensor, offset: Tensor, which: Tensor, amount: Tensor
) -> tuple[Tensor, Tensor]:
    """Maps (B, 2, 2) and offsets (B, 2) after one more change of those rows that chose to move."""
    step = torch.eye(2, device=linear.device).repeat(len(linear), 1, 1)
    added = torch.zeros_like(offset)
    turn, shear_x, shear_y, move_x, move_y = (
        torch.where(which == len(_RECOLOURS) + index, amount * most, 0.0)
        for index, most in enumerate(_MOVES.values())
    )
    step[:, 0, 0], step[:, 0, 1] = turn.cos(), shear_x - turn.sin()
    step[:, 1, 0], step[:, 1, 1] = shear_y + turn.sin(), turn.cos()
    added[:, 0], added[:, 1] = move_x, move_y
    return step @ linear, (step @ offset[..., None])[..., 0] + added


def _autocontrast(pictures: Tensor, _: Tensor) -> Tensor:
    """Each channel stretched from black to full."""
    low, high = pictures.amin(dim=(2, 3), keepdim=True), pictures.amax(dim=(2, 3), keepdim=True)
    stretched = (pictures - low) * (_BRIGHTEST / (high - low).clamp(min=1e-6))
    return torch.where(high > low, stretched, pictures)


def _posterized(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Values of fewer bits, down to four."""
    step = 2.0 ** (amounts.abs() * _BITS).round()[:, None, None, None]
    return (pictures / step).floor() * step


def _solarized(pictures: Tensor, amounts: Tensor) -> Tensor:
    """Values above a threshold turned into their negative."""
    threshold = (_BRIGHTEST + 1) * (1 - amounts.abs()[:, None, None, None])
    return torch.where(pictures >= threshold, _BRIGHTEST - pictures, pictures)


def _by_factor(change: Recolour) -> Recolour:
    return lambda pictures, amounts: change(pictures, 1 + _COLOUR * amounts)


_RECOLOURS: tuple[Recolour, ...] = (
    _autocontrast,
    _posterized,
    _solarized,
    _by_factor(_colours.brightened),
    _by_factor(_colours.contrasted),
    _by_factor(_colours.saturated),
    _by_factor(_colours.sharpened),
)
_MOVES = {"turn": _TURN, "shear x": _SHEAR, "shear y": _SHEAR, "x": _OFFSET, "y": _OFFSET}
