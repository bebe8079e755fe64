"""Vectors: as they are, or through a linear layer each, and whether they are missing."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, tensor_of
from sonde.core.errors import UsageError
from sonde.core.port import Ports
from sonde.nets.encoders._base import Encoder, missing


class Vector(Encoder):
    """n vectors of lengths D1, ..., Dn -> D1 + ... + Dn values, then n marks of what is missing.

    Raises:
        UsageError: a vector's length varies from row to row.
    """

    def __init__(self, ports: Ports) -> None:
        super().__init__()
        self.names = tuple(ports)
        values = sum(_length(name, port.shape) for name, port in ports.items())
        self.width = values + len(ports)
        self.reserved = tuple(range(values, self.width))

    def forward(self, batch: Batch) -> Tensor:
        """From n ports of (B, D) float32 -> (B, width) float32."""
        values = torch.cat([tensor_of(batch, name) for name in self.names], dim=1)
        return torch.cat([values, missing(batch, self.names, values)], dim=1)


class VectorEmbedding(Encoder):
    """n vectors -> for each, a vector of one width; a missing one has a learned vector added.

    What is added starts at zero.

    Raises:
        UsageError: a vector's length varies from row to row.
    """

    def __init__(self, ports: Ports, *, width: int) -> None:
        super().__init__()
        self.names = tuple(ports)
        self.width = len(ports) * width
        lengths = (_length(name, port.shape) for name, port in ports.items())
        self.layers = nn.ModuleList(nn.Linear(length, width) for length in lengths)
        self.missing = nn.Parameter(torch.zeros(len(ports), width))

    def forward(self, batch: Batch) -> Tensor:
        """From n ports of (B, D) float32 -> (B, n * width) float32."""
        read = [
            layer(tensor_of(batch, name))
            for name, layer in zip(self.names, self.layers, strict=True)
        ]
        vectors = torch.stack(read, dim=1)
        vectors = vectors + missing(batch, self.names, vectors)[..., None] * self.missing
        return vectors.flatten(1)


def _length(name: str, shape: tuple[int | None, ...]) -> int:
    length = shape[0] if len(shape) == 1 else None
    if length is None:
        raise UsageError(
            f"column {name!r}: got a vector of shape {shape}, expected one fixed length, "
            "such as (16,). Give its column a fixed length."
        )
    return length
