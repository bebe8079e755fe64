"""What mixup and cutmix have in common: partners, shares, and targets that say both.

A batch is mixed at most once a step: where a recipe lists several, the first whose chance comes up
mixes the whole batch, and the others leave it.
"""

from __future__ import annotations

from collections.abc import Container

import torch
from torch import Tensor

from sonde.core.batch import Batch, Padded, mapped
from sonde.core.errors import UsageError
from sonde.core.port import OTHER, PRESENT, ROW, SHARE, Ports
from sonde.data.augment._draws import chance
from sonde.data.augment._frames import is_mask

_GRID = 4  # axes of a batch of grids


def is_due(targets: Batch, probability: float, generator: torch.Generator) -> bool:
    """Whether this batch is to be mixed: nobody has done so yet, and the chance comes up."""
    if OTHER in targets:
        return False
    return probability == 1 or bool(chance(1, probability, generator))


def partners(rows: int, generator: torch.Generator) -> Tensor:
    """(B,) int64: which row is mixed into each; some may meet themselves."""
    return torch.randperm(rows, generator=generator, device=generator.device)


def with_other(targets: Batch, partner: Tensor, share: Tensor, both: Container[str] = ()) -> Batch:
    """Targets that hold the partner's beside their own, and (B,) what their own count for.

    Those in `both` hold what is of either row already, and are the same beside themselves.
    """
    other = mapped(dict(targets), lambda tensor: tensor[partner.to(tensor.device)])
    other |= {name: value for name, value in targets.items() if name in both}
    device = next(iter(_tensors(targets))).device
    return {**targets, OTHER: other, SHARE: share.float().to(device)}


def grids_in(batch: Batch) -> dict[str, Tensor]:
    """The pictures and masks of a batch, (B, C, H, W)."""
    return {n: v for n, v in batch.items() if isinstance(v, Tensor) and v.ndim == _GRID}


def masks_in(batch: Batch, ports: Ports) -> dict[str, Tensor]:
    """The masks of a batch, (B, 1, H, W)."""
    found = grids_in(batch)
    return {name: value for name, value in found.items() if name in ports
            and is_mask(name, ports[name])}  # fmt: skip


def refuse_pictures(targets: Batch, masks: Container[str], kind: str) -> None:
    """Stop where a target is a picture: one number cannot say how much of it is right.

    Raises:
        UsageError: one is.
    """
    for name in grids_in(targets):
        if name not in masks:
            raise UsageError(
                f"{kind} mixes pictures, and target {name!r} is a picture itself, which would have "
                f"to be mixed as well. Leave {kind} out."
            )


def numbers_in(inputs: Batch) -> dict[str, Tensor]:
    """What has a mean and is no grid: scalars (B,), vectors (B, D)."""
    return {
        name: value
        for name, value in inputs.items()
        if isinstance(value, Tensor)
        and value.is_floating_point()
        and value.ndim < _GRID
        and not name.startswith(PRESENT)
    }


def _tensors(batch: Batch) -> list[Tensor]:
    found: list[Tensor] = []
    for name, value in batch.items():
        if isinstance(value, Tensor) and name != ROW:
            found.insert(0, value)
        elif isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, Padded):
            found.append(value.lengths)
    assert found, "a batch to be mixed has targets"
    return found
