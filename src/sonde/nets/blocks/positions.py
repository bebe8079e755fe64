"""Where a step stands in its row, told to attention, which would not know it.

Rotary positions turn queries and keys, so that their product depends on how far apart they are:
Su, Lu, Pan, Murtadha, Wen, Liu, "RoFormer: Enhanced Transformer with Rotary Position Embedding",
2021, arXiv:2104.09864, eq. 34. We pair feature i with feature i + d / 2 instead of its neighbour,
which is the same up to the order of features. Learned positions are vectors added to the steps
(Gehring et al. 2017, arXiv:1705.03122, section 3.1).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Positions = Literal["rotary", "learned"] | int
"""Rotary; learned for so many places, of which `learned` alone means 512."""

PLACES = 512
_BASE = 10_000.0


def turns(places: Tensor, width: int) -> Tensor:
    """Cosines and sines of the angles by which a head's features are turned.

    Args:
        places: (...,) int64, counted from 0.
        width: of a head, d, even.

    Returns:
        (2, ..., d) float32: pair i is turned by place * 10000^(-2i / d); a first feature's sine has
        the sign with which the second one is added to it.
    """
    pairs = torch.arange(0, width, 2, device=places.device, dtype=torch.float32)
    angles = places[..., None].float() * _BASE ** (-pairs / width)
    cosine, sine = angles.cos(), angles.sin()
    return torch.stack([torch.cat([cosine, cosine], dim=-1), torch.cat([-sine, sine], dim=-1)])


def turned(vectors: Tensor, by: Tensor) -> Tensor:
    """Queries or keys, each turned by the angles of its place.

    Args:
        vectors: (..., d).
        by: (2, ..., d) of `turns`, to be spread over the vectors.
    """
    cosine, sine = by.to(vectors.dtype)
    swapped = vectors.roll(vectors.shape[-1] // 2, dims=-1)
    found: Tensor = vectors * cosine + swapped * sine
    return found


class LearnedPlaces(nn.Module):
    """A learned vector for each place, added to the step there.

    Args:
        longest: how many places have a vector; all that follow share the last one.
        width: of a step, E.
    """

    def __init__(self, longest: int, width: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.table = nn.Parameter(torch.empty(longest, width).uniform_(-bound, bound))

    def forward(self, steps: Tensor, places: Tensor) -> Tensor:
        """(B, T, E) at places (T,) or (B, T) -> (B, T, E)."""
        return steps + self.table[places.clamp(max=len(self.table) - 1)]
