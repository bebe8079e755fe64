"""The layer of `cosine_net`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Cosines(nn.Module):
    """The cosine between the input and each unit's weights, times `scale`."""

    def __init__(self, in_features: int, out_features: int, *, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features))
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) -> (B, G), in [-scale, scale]; zero where the input is all zeros."""
        directions = functional.normalize(self.weight, dim=1)
        return self.scale * functional.linear(functional.normalize(features, dim=1), directions)
