"""Scalars: each number as it is, and beside it whether it is missing."""

from __future__ import annotations

import torch
from torch import Tensor

from sonde.core.batch import Batch, tensor_of
from sonde.core.port import Ports
from sonde.nets.encoders._base import Encoder, missing


class Scalar(Encoder):
    """n scalars -> 2n features: the values, then 1 for each that is missing.

    The marks stand there for columns that are never missing too: a port does not say whether it
    can be, and weights must not depend on the rows at hand.
    """

    def __init__(self, ports: Ports) -> None:
        super().__init__()
        self.names = tuple(ports)
        self.width = 2 * len(ports)
        self.reserved = tuple(range(len(ports), self.width))

    def forward(self, batch: Batch) -> Tensor:
        """From n ports of (B,) float32 -> (B, 2n) float32."""
        values = torch.stack([tensor_of(batch, name) for name in self.names], dim=1)
        return torch.cat([values, missing(batch, self.names, values)], dim=1)
