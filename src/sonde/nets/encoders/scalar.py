"""Scalars: each number as it is, and beside it whether it is missing."""

from __future__ import annotations

import torch
from torch import Tensor

from sonde.core.batch import Batch, tensor_of
from sonde.core.port import Ports
from sonde.nets.encoders._base import Encoder, missing


class Scalar(Encoder):
    """n scalars, m of them optional -> n + m features: the values, then 1 for each missing one."""

    def __init__(self, ports: Ports) -> None:
        super().__init__()
        self.names = tuple(ports)
        self.marked = tuple(name for name, port in ports.items() if port.optional)
        self.width = len(self.names) + len(self.marked)
        self.reserved = tuple(range(len(ports), self.width))

    def forward(self, batch: Batch) -> Tensor:
        """From n ports of (B,) float32 -> (B, n + m) float32."""
        values = torch.stack([tensor_of(batch, name) for name in self.names], dim=1)
        if not self.marked:
            return values
        return torch.cat([values, missing(batch, self.marked, values)], dim=1)
