"""What mixup and cutmix have in common: partners, shares, and targets that say both.

A batch is mixed at most once a step: where a recipe lists several, the first whose chance comes up
mixes the whole batch, and the others leave it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sonde.core.batch import Batch, Padded, mapped
from sonde.core.port import OTHER, PRESENT, ROW, SHARE
from sonde.data.augment._draws import chance

_GRID = 4  # axes of a batch of grids


def is_due(targets: Batch, probability: float, generator: torch.Generator) -> bool:
    """Whether this batch is to be mixed: nobody has done so yet, and the chance comes up."""
    if OTHER in targets:
        return False
    return probability == 1 or bool(chance(1, probability, generator))


def partners(rows: int, generator: torch.Generator) -> Tensor:
    """(B,) int64: which row is mixed into each; some may meet themselves."""
    return torch.randperm(rows, generator=generator, device=generator.device)


def with_other(targets: Batch, partner: Tensor, share: Tensor) -> Batch:
    """Targets that hold the partner's beside their own, and (B,) what their own count for."""
    other = mapped(dict(targets), lambda tensor: tensor[partner.to(tensor.device)])
    device = next(iter(_tensors(targets))).device
    return {**targets, OTHER: other, SHARE: share.float().to(device)}


def grids_in(inputs: Batch) -> dict[str, Tensor]:
    """The pictures and maps of a batch, (B, C, H, W)."""
    return {n: v for n, v in inputs.items() if isinstance(v, Tensor) and v.ndim == _GRID}


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
