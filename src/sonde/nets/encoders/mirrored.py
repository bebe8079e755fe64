"""Pictures and their mirror images: what both have in common is the mean of their features.

Of a face seen half from the side the other half is guessed by its mirror image. Averaging over the
two is usual where faces are compared (Deng et al. 2019, arXiv:1801.07698, join both instead).
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from sonde.core.batch import Batch, tensor_of
from sonde.nets.encoders._base import Encoder


class Mirrored(Encoder):
    """An encoder of grids that, outside training, gives the mean over a picture and its mirror.

    Args:
        inner: reads the grids.
        names: of the grid ports.
    """

    def __init__(self, inner: Encoder, names: Iterable[str]) -> None:
        super().__init__()
        self.inner = inner
        self.names = tuple(names)
        self.width, self.reserved = inner.width, inner.reserved

    def forward(self, batch: Batch) -> Tensor:
        """(B, C, H, W) -> (B, width) float32."""
        features: Tensor = self.inner(batch)
        if self.training:  # where an augmentation mirrors some
            return features
        turned = {name: tensor_of(batch, name).flip(-1) for name in self.names}
        other: Tensor = self.inner({**batch, **turned})
        return (features + other) / 2
