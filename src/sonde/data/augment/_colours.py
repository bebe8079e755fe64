"""Changing colours: mixtures of a picture with something of its own.

Each change is `other + factor * (picture - other)`, as in Haeberli, Voorhies, "Image processing by
interpolation and extrapolation", 1994: the other is black for brightness, the mean grey for
contrast, the picture in grey for saturation. A factor of 1 changes nothing. Pictures are float
here, whatever their range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

BRIGHTEST = 255

Step = Callable[[Tensor, Tensor], Tensor]
"""From (B, C, H, W) float pictures and (B,) factors to pictures."""

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: what red, green, blue count for in grey
_YIQ = (_LUMA, (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))  # from red, green, blue; NTSC


def changed(grids: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """(B, C, H, W) changed as floats, then of the same type and memory format as before.

    uint8 values are rounded and kept in [0, 255].
    """
    found = change(grids.float())
    if grids.dtype == torch.uint8:
        found = found.round_().clamp_(0, BRIGHTEST)
    return torch.empty_like(grids).copy_(found)


def in_turn(pictures: Tensor, steps: Sequence[tuple[Step, Tensor]]) -> Tensor:
    """(B, C, H, W) after each step with its (B,) factors."""
    for step, factors in steps:
        pictures = step(pictures, factors.to(pictures.device))
    return pictures


def brightened(pictures: Tensor, factors: Tensor) -> Tensor:
    """(B, C, H, W) times (B,) factors."""
    return pictures * _per_row(factors)


def contrasted(pictures: Tensor, factors: Tensor) -> Tensor:
    """Away from, or towards, each picture's mean grey."""
    return _blended(grey(pictures).mean(dim=(1, 2, 3), keepdim=True), pictures, factors)


def saturated(pictures: Tensor, factors: Tensor) -> Tensor:
    """Away from, or towards, the picture in grey; pictures without three channels stay."""
    if pictures.shape[1] != len(_LUMA):
        return pictures
    return _blended(grey(pictures), pictures, factors)


def turned(pictures: Tensor, turns: Tensor) -> Tensor:
    """Hues turned by (B,) parts of a circle; pictures without three channels stay.

    In YIQ, where hue is an angle (Foley, van Dam, Feiner, Hughes, "Computer Graphics", 1990,
    section 13.3.3), so that greys stay and brightness does too.
    """
    if pictures.shape[1] != len(_LUMA):
        return pictures
    there = torch.tensor(_YIQ, device=pictures.device)
    angles = turns * (2 * torch.pi)
    cos, sin = angles.cos(), angles.sin()
    turn = torch.zeros(len(turns), 3, 3, device=pictures.device)
    turn[:, 0, 0] = 1
    turn[:, 1, 1], turn[:, 1, 2] = cos, -sin
    turn[:, 2, 1], turn[:, 2, 2] = sin, cos
    return torch.einsum("bij,bjhw->bihw", there.inverse() @ turn @ there, pictures)


def sharpened(pictures: Tensor, factors: Tensor) -> Tensor:
    """Away from, or towards, the picture smoothed over 3x3 pixels."""
    channels = pictures.shape[1]
    kernel = torch.ones(3, 3, device=pictures.device)
    kernel[1, 1] = 5.0  # the smoothing filter of the Python Imaging Library
    weights = (kernel / kernel.sum()).expand(channels, 1, 3, 3)
    edges = functional.pad(pictures, (1, 1, 1, 1), mode="replicate")
    return _blended(functional.conv2d(edges, weights, groups=channels), pictures, factors)


def grey(pictures: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 1, H, W): luma of three channels, else their mean."""
    if pictures.shape[1] != len(_LUMA):
        return pictures.mean(dim=1, keepdim=True)
    red, green, blue = pictures.unbind(dim=1)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue)[:, None]


def _blended(other: Tensor, pictures: Tensor, factors: Tensor) -> Tensor:
    return other + _per_row(factors) * (pictures - other)


def _per_row(factors: Tensor) -> Tensor:
    return factors[:, None, None, None]
