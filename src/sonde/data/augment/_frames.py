"""Moving a grid together with all that lives in its frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sonde.core.batch import Batch, Padded, tensor_of
from sonde.core.errors import UsageError
from sonde.core.port import Port, Ports


@dataclass(frozen=True)
class Frame:
    """Ports of a batch that share one grid's coordinates.

    Attributes:
        height, width: of its grids, in pixels.
        grids, sets: names of ports; at least one grid.
        masks: those of the grids that are maps of classes, no pictures.
        name: of the frame: the grid whose coordinates they are.
    """

    height: int
    width: int
    grids: tuple[str, ...]
    sets: tuple[str, ...]
    masks: tuple[str, ...] = ()
    name: str = ""

    @property
    def pictures(self) -> tuple[str, ...]:
        """The grids whose values may be changed, since they are no masks."""
        return tuple(name for name in self.grids if name not in self.masks)


def is_mask(name: str, port: Port) -> bool:
    """Whether a grid holds classes, which have no mean, of another's pixels."""
    return port.kind == "grid" and port.frame not in (None, name) and port.size is not None


def frames_in(batch: Batch, ports: Ports) -> list[Frame]:
    """The frames of a batch; a grid without a frame is one by itself.

    Raises:
        UsageError: grids of one frame differ in size.
    """
    grids: dict[str, list[str]] = {}
    for name, port in ports.items():
        if port.kind == "grid" and name in batch:
            grids.setdefault(port.frame or name, []).append(name)
    return [_frame(batch, ports, frame, names) for frame, names in grids.items()]


def _frame(batch: Batch, ports: Ports, frame: str, grids: list[str]) -> Frame:
    sizes = {name: tuple(tensor_of(batch, name).shape[-2:]) for name in grids}
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{name} {high} x {wide}" for name, (high, wide) in sizes.items())
        raise UsageError(
            f"grids in the frame of {frame!r} differ in size: {shown}. "
            "Give their columns the same size, or leave the augmentation out."
        )
    height, width = sizes[grids[0]]
    sets = [n for n, p in ports.items() if p.kind == "set" and p.frame == frame and n in batch]
    masks = [name for name in grids if is_mask(name, ports[name])]
    return Frame(height, width, tuple(grids), tuple(sets), tuple(masks), frame)


def num_rows(batch: Batch, frame: Frame) -> int:
    """The number of rows B of a frame's grids."""
    return int(tensor_of(batch, frame.grids[0]).shape[0])


def random_windows(
    batch: Batch, frame: Frame, size: tuple[int, int], *, padding: int, generator: torch.Generator
) -> Batch:
    """A window of each padded grid at a place drawn for each row; coordinates follow.

    Args:
        batch: its own tensors stay as they are.
        frame: what moves together: one draw a row.
        size: height and width of the windows, in pixels.
        padding: zeros added on every side of the grids, in pixels.
        generator: on any device.

    Returns:
        The batch with grids (B, C, *size) and moved sets; rows beyond a set's length stay zero.
    """
    rows = num_rows(batch, frame)
    top, left = (
        torch.randint(whole + 2 * padding - part + 1, (rows,), generator=generator,
                      device=generator.device)
        for whole, part in zip((frame.height, frame.width), size, strict=True)
    )  # fmt: skip
    moved = dict(batch)
    for name in frame.grids:
        moved[name] = _windows(tensor_of(batch, name), top, left, size=size, padding=padding)
    offset = torch.stack([padding - left, padding - top], dim=1)  # (B, 2) as x, y
    for name in frame.sets:
        points = batch[name]
        assert isinstance(points, Padded), f"{name} is a set and must be padded"
        moved[name] = _translated(points, offset)
    return moved


def _windows(
    grids: Tensor, top: Tensor, left: Tensor, *, size: tuple[int, int], padding: int
) -> Tensor:
    """(B, C, H, W) -> (B, C, *size) of the same type and memory format."""
    padded = functional.pad(grids, [padding] * 4)
    views = padded.unfold(2, size[0], 1).unfold(3, size[1], 1)  # (B, C, tops, lefts, *size): a view
    rows = torch.arange(len(grids), device=grids.device)
    windows = views[rows, :, top.to(grids.device), left.to(grids.device)]  # (B, C, *size)
    channels_last = not grids.is_contiguous() and grids.is_contiguous(
        memory_format=torch.channels_last
    )
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return windows.contiguous(memory_format=layout)


def _translated(points: Padded, offset: Tensor) -> Padded:
    """(B, N, D) pairs of x, y, and their classes, moved by (B, 2) pixels; padding stays 0."""
    pairs, odd = divmod(points.values.shape[-1], 2)
    shift = functional.pad(offset.to(points.values).repeat(1, pairs), (0, odd))[:, None]
    return Padded(points.values + shift * points.mask()[..., None], points.lengths)
