"""Numbers as vectors: what lets a dense network see a number finely where it matters.

Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning",
2022, arXiv:2203.05556. Every number has weights of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from sonde.core.port import Ports

NumberEmbedding = Literal["plain", "piecewise", "periodic"]

_WIDE = torch.finfo(torch.float32).max
_FREQUENCIES = 32  # of a number, each a sine and a cosine


def embed_numbers(
    ports: Ports, width: int, kind: NumberEmbedding, *, frequency: float = 0.1
) -> nn.Module:
    """From n scalar ports: a module (B, n) float32 -> (B, n, width) float32."""
    match kind:
        case "plain":
            return Straight(len(ports), width)
        case "piecewise":
            return Piecewise([port.edges for port in ports.values()], width)
        case "periodic":
            return Periodic(len(ports), width, frequency=frequency)


class Straight(nn.Module):
    """A line through space for each number: x times a vector, plus a vector."""

    def __init__(self, numbers: int, width: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(numbers, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(numbers, width).uniform_(-bound, bound))

    def forward(self, numbers: Tensor) -> Tensor:
        """(B, n) -> (B, n, width)."""
        return torch.addcmul(self.bias, numbers[..., None], self.weight)


class Piecewise(nn.Module):
    """A path of straight pieces for each number, bent at quantiles of the training values.

    Piecewise linear encoding (section 3.2, eq. 1): of T bins, those below x are 1, those above it
    0, and its own says how far into the bin x lies; the first and the last bin are open. As in
    TabM (arXiv:2410.24210, appendix) the path is added to a straight one and starts at zero.

    Args:
        edges: for each number, its ascending bin edges; a number with fewer than two has one open
            bin, in which the path is straight.
        width: of the vectors.
    """

    slope: Tensor
    offset: Tensor
    least: Tensor
    largest: Tensor

    def __init__(self, edges: Sequence[Sequence[float]], width: int) -> None:
        super().__init__()
        self.straight = Straight(len(edges), width)
        bins = [_bins(of_one) for of_one in edges]
        most = max(len(of_one) for of_one in bins)
        padded = [of_one + [(0.0, 1.0, 0.0, 0.0)] * (most - len(of_one)) for of_one in bins]
        slope, offset, least, largest = torch.tensor(padded, dtype=torch.float32).unbind(-1)
        self.register_buffer("slope", slope.contiguous())  # (n, T), as are the others
        self.register_buffer("offset", offset.contiguous())
        self.register_buffer("least", least.contiguous())
        self.register_buffer("largest", largest.contiguous())
        self.path = nn.Parameter(torch.zeros(len(edges), most, width))

    def forward(self, numbers: Tensor) -> Tensor:
        """(B, n) -> (B, n, width)."""
        straight: Tensor = self.straight(numbers)
        return straight + torch.einsum("bnt,ntd->bnd", self.encode(numbers), self.path)

    def encode(self, numbers: Tensor) -> Tensor:
        """(B, n) -> (B, n, T): how much of each bin lies below a number; in [0, 1] but outside."""
        inside = torch.addcmul(self.offset, numbers[..., None], self.slope)
        return inside.clamp(self.least, self.largest)


class Periodic(nn.Module):
    """Waves of learned frequencies for each number, then a linear layer and ReLU (section 3.3).

    Args:
        numbers: how many, n.
        width: of the vectors.
        frequency: deviation of the frequencies at the start, in periods per standard deviation.
    """

    def __init__(self, numbers: int, width: int, *, frequency: float) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(frequency * torch.randn(numbers, _FREQUENCIES))
        bound = 1 / math.sqrt(2 * _FREQUENCIES)
        weight = torch.empty(numbers, 2 * _FREQUENCIES, width)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(numbers, width).uniform_(-bound, bound))

    def forward(self, numbers: Tensor) -> Tensor:
        """(B, n) -> (B, n, width)."""
        phases = 2 * math.pi * self.frequencies * numbers[..., None]
        waves = torch.cat([phases.cos(), phases.sin()], dim=-1)
        return torch.relu(torch.einsum("bnf,nfd->bnd", waves, self.weight) + self.bias)


def _bins(edges: Sequence[float]) -> list[tuple[float, float, float, float]]:
    """For each bin: slope and offset of how far a value is in it, and between what that is kept."""
    distinct = sorted(set(edges))
    if len(distinct) < 2:
        return [(1.0, 0.0, -_WIDE, _WIDE)]
    last = len(distinct) - 2
    return [
        (
            1 / (high - low),
            -low / (high - low),
            -_WIDE if index == 0 else 0.0,
            _WIDE if index == last else 1.0,
        )
        for index, (low, high) in enumerate(pairwise(distinct))
    ]
