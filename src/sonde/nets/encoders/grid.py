"""Grids: pictures and the like, each read by a tower of its own or one for all alike.

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

    Args:
        ports: the grid ports.
        tower: makes what reads a grid; by default it is flattened.
        share: whether grids of one shape are read by one tower, as views of one thing; weights are
            then learned from all of them.

    Raises:
        UsageError: a grid's size varies from row to row.
    """

    def __init__(self, ports: Ports, *, tower: Tower = flatten, share: bool = False) -> None:
        super().__init__()
        self.towers = nn.ModuleList()
        self.read_by: dict[object, list[str]] = {}  # for each tower in order, the grids it reads
        self.width = 0
        widths: dict[object, int] = {}
        for name, port in ports.items():
            shape = _fixed(name, port.shape)
            key = shape if share else name
            if key not in widths:
                module, widths[key] = tower(name, shape)
                self.towers.append(module)
            self.read_by.setdefault(key, []).append(name)
            self.width += widths[key]

    def forward(self, batch: Batch) -> Tensor:
        """From n ports of (B, C, H, W) uint8 or float32 -> (B, width) float32."""
        features = []
        for names, tower in zip(self.read_by.values(), self.towers, strict=True):
            grids = [as_float(tensor_of(batch, name)) for name in names]
            # pictures that share a tower go through it as rows of one batch
            read = tower(torch.cat(grids) if len(grids) > 1 else grids[0])
            features += read.unflatten(0, (len(grids), -1)).unbind(0)
        return torch.cat(features, dim=1)


def as_float(grid: Tensor) -> Tensor:
    """uint8 as [0, 1], floats as they are."""
    return grid if grid.is_floating_point() else grid / _BRIGHTEST


def _fixed(name: str, shape: tuple[int | None, ...]) -> tuple[int, int, int]:
    match shape:
        case (int(channels), int(height), int(width)):
            return channels, height, width
    raise UsageError(
        f"column {name!r}: got pictures of (channels, height, width) {shape}, expected one size "
        "for all. Give its column a size, such as size: [28, 28]."
    )
