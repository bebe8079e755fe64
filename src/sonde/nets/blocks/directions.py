"""Directions: features scaled to length 1, and classes that are directions too.

Wang, Wang, Zhou, Ji, Gong, Zhou, Li, Liu, "CosFace: Large Margin Cosine Loss for Deep Face
Recognition", 2018, arXiv:1801.09414, section 3.1: without lengths a class score is a cosine. The
margin of the paper belongs to the loss, which alone knows the class: see `tasks/_margins.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_TINY = 1e-6


class Direction(nn.Module):
    """(B, K) -> (B, K) float32 of length 1."""

    def forward(self, features: Tensor) -> Tensor:
        """In float32, since a bfloat16 knows a cosine to two digits only."""
        return functional.normalize(features.float(), dim=-1, eps=_TINY)


class Cosines(nn.Module):
    """Cosines of the angles between features and a learned direction of each class, scaled.

    Args:
        in_features: K.
        classes: O.
        scale: what cosines are multiplied with; 1 leaves them in [-1, 1].
    """

    def __init__(self, in_features: int, classes: int, *, scale: float = 1.0) -> None:
        super().__init__()
        self.in_features, self.scale = in_features, scale
        self.weight = nn.Parameter(torch.empty(classes, in_features))
        nn.init.normal_(self.weight)  # uniform over directions

    def forward(self, features: Tensor) -> Tensor:
        """(B, K) -> (B, O) float32."""
        with torch.autocast(features.device.type, enabled=False):
            rows = functional.normalize(features.float(), dim=-1, eps=_TINY)
            classes = functional.normalize(self.weight.float(), dim=-1, eps=_TINY)
            return self.scale * functional.linear(rows, classes)
