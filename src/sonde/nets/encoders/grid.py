"""Grids: pictures and the like, each read by a tower of its own, by default flattened.

A grid has no mark of being missing: a picture that is missing arrives as zeros.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, tensor_of
from sonde.core.errors import UsageError
from sonde.core.port import Ports
from sonde.nets.encoders._base import Encoder

_BRIGHTEST = 255  # of a uint8 grid

Tower = Callable[[str, tuple[int, int, int]], tuple[nn.Module, int]]
"""From a column's name and (C, H, W): a module (B, C, H, W) float32 -> (B, F), and F."""


def flatten(_: str, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Every value a feature."""
    return nn.Flatten(), math.prod(shape)


class Grid(Encoder):
    """n grids -> the features of their towers; uint8 values become [0, 1], floats stay.

    Raises:
        UsageError: a grid's size varies from row to row.
    """

    def __init__(self, ports: Ports, *, tower: Tower = flatten) -> None:
        super().__init__()
        self.names = tuple(ports)
        self.towers = nn.ModuleList()
        self.width = 0
        for name, port in ports.items():
            module, width = tower(name, _fixed(name, port.shape))
            self.towers.append(module)
            self.width += width

    def forward(self, batch: Batch) -> Tensor:
        """From n ports of (B, C, H, W) uint8 or float32 -> (B, width) float32."""
        features = [
            tower(_as_float(tensor_of(batch, name)))
            for name, tower in zip(self.names, self.towers, strict=True)
        ]
        return torch.cat(features, dim=1)


def _as_float(grid: Tensor) -> Tensor:
    return grid if grid.is_floating_point() else grid / _BRIGHTEST


def _fixed(name: str, shape: tuple[int | None, ...]) -> tuple[int, int, int]:
    match shape:
        case (int(channels), int(height), int(width)):
            return channels, height, width
    raise UsageError(
        f"column {name!r}: got pictures of (channels, height, width) {shape}, expected one size "
        "for all. Give its column a size, such as size: [28, 28]."
    )
