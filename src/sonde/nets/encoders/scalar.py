"""Scalars: each number as it is, or as a vector, and whether it is missing."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, tensor_of
from sonde.core.port import Ports
from sonde.nets.blocks.numbers import NumberEmbedding, embed_numbers
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


class ScalarEmbedding(Encoder):
    """n scalars -> for each, a vector; a missing one has a learned vector added.

    What is added starts at zero: a number that is missing for the first time after training is
    taken for the mean.

    Args:
        ports: the scalar ports.
        width: of every vector.
        kind: how a number becomes a vector.
        frequency: of periodic embeddings, see `Periodic`.
    """

    places: Tensor

    def __init__(
        self, ports: Ports, *, width: int, kind: NumberEmbedding, frequency: float = 0.1
    ) -> None:
        super().__init__()
        self.names = tuple(ports)
        self.width = len(ports) * width
        self.embedding = embed_numbers(ports, width, kind, frequency=frequency)
        self.marked = tuple(name for name, port in ports.items() if port.optional)
        places = [index for index, port in enumerate(ports.values()) if port.optional]
        self.missing = nn.Parameter(torch.zeros(len(places), width)) if places else None
        self.register_buffer("places", torch.tensor(places, dtype=torch.int64))

    def forward(self, batch: Batch) -> Tensor:
        """From n ports of (B,) float32 -> (B, n * width) float32."""
        values = torch.stack([tensor_of(batch, name) for name in self.names], dim=1)
        vectors: Tensor = self.embedding(values)
        if self.missing is not None:
            added = missing(batch, self.marked, values)[..., None] * self.missing
            vectors = vectors.index_add(1, self.places, added.to(vectors.dtype))
        return vectors.flatten(1)
