"""What is hidden of a row, and what hiding makes of it.

Hidden are squares of pictures, all channels at once, and whole values of columns. What a network
sees there says that it is hidden, as far as it can: of a picture a learned brightness (the mask
token of SimMIM), of a category the place for missing, of a number its mean and, where training rows
had missing values, the mark of that.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sonde.core.batch import Batch, tensor_of
from sonde.core.port import MISSING, PRESENT, Port, Ports

_BRIGHTEST = 255  # of a uint8 grid
SHOWN = ("set", "sequence")
"""Port kinds of which nothing is hidden."""


def intensities(grid: Tensor) -> Tensor:
    """(B, C, H, W) as networks read them: uint8 becomes [0, 1], floats stay."""
    return grid.float() if grid.is_floating_point() else grid / _BRIGHTEST


def drawn(batch: Batch, ports: Ports, part: float, side: int, draw: torch.Generator) -> Batch:
    """Which values are hidden, by name: (B, 1, H, W) bool of a grid, else (B,) bool.

    Args:
        batch: B rows.
        ports: of the inputs; those of varying length are passed over.
        part: of each picture's squares, rounded, at least one and never all where there are two;
            of other columns the chance of each value.
        side: of a square, in pixels.
        draw: decides.
    """
    hidden: Batch = {}
    for name, port in ports.items():
        if port.kind in SHOWN:
            continue
        values = tensor_of(batch, name)
        if port.kind == "grid":
            hidden[name] = squares(len(values), tuple(values.shape[-2:]), part, side, draw)
        else:
            hidden[name] = torch.rand(len(values), generator=draw, device=draw.device) < part
    return hidden


def squares(
    rows: int, size: tuple[int, ...], part: float, side: int, draw: torch.Generator
) -> Tensor:
    """(B, 1, H, W) bool, true in as many squares of each row, every choice equally likely.

    At the right and lower edge squares are cut off where the sides do not divide.
    """
    high, wide = (-(-length // side) for length in size)
    count = high * wide
    most = min(max(1, round(part * count)), max(1, count - 1))
    order = torch.rand(rows, count, generator=draw, device=draw.device).argsort(dim=1, stable=True)
    chosen = (order.argsort(dim=1) < most).view(rows, 1, high, wide)
    whole = chosen.repeat_interleave(side, dim=2).repeat_interleave(side, dim=3)
    return whole[..., : size[0], : size[1]]


def covered(batch: Batch, hidden: Batch, ports: Ports) -> Batch:
    """The inputs with hidden values of columns taken out; pictures as intensities, still whole."""
    seen = dict(batch)
    for name in hidden:
        values, where = tensor_of(batch, name), tensor_of(hidden, name)
        if ports[name].kind == "grid":
            seen[name] = intensities(values)
            continue
        where = where.view(-1, *(1,) * (values.ndim - 1))
        seen[name] = values.masked_fill(where, _filler(ports[name]))
        if PRESENT + name in batch and ports[name].optional and ports[name].kind != "category":
            seen[PRESENT + name] = tensor_of(batch, PRESENT + name) & ~tensor_of(hidden, name)
    return seen


def known(batch: Batch, name: str, port: Port) -> Tensor:
    """(B,) bool: rows whose value can be asked for."""
    values = tensor_of(batch, name)
    if port.kind == "category":
        return values < port.classes
    if PRESENT + name in batch:
        return tensor_of(batch, PRESENT + name)
    return torch.ones(len(values), dtype=torch.bool, device=values.device)


def _filler(port: Port) -> int:
    return port.classes + MISSING if port.kind == "category" else 0
