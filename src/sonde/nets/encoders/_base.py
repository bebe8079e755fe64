"""What every encoder is: the ports of one kind in a batch, as features side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, tensor_of
from sonde.core.port import PRESENT


class Encoder(nn.Module, ABC):
    """Turns the ports of one kind into features.

    Attributes:
        width: the number of features.
        reserved: the features, counted from 0, that speak of a missing or unseen value. Training
            rows may never show them, so a linear layer on top starts with zero weights there:
            what was never learned then changes nothing.
    """

    width: int
    reserved: tuple[int, ...] = ()

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """A batch of B rows -> (B, width) float32."""


def missing(batch: Batch, names: Iterable[str], values: Tensor) -> Tensor:
    """(B, n) float32 for n ports: 1 where a value is missing, 0 where the batch does not say.

    Args:
        batch: where `#present:` marks may be.
        names: the ports.
        values: (B, ...), on the device where the marks are wanted.
    """
    always = torch.ones(values.shape[0], dtype=torch.bool, device=values.device)
    keys = [PRESENT + name for name in names]
    present = [tensor_of(batch, key) if key in batch else always for key in keys]
    return torch.stack(present, dim=1).logical_not().float()
