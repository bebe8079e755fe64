"""Draws: one number a row, from a generator on whatever device it lives."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def uniform(rows: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """(B,) float32 in [low, high), on the generator's device."""
    drawn = torch.rand(rows, generator=generator, device=generator.device)
    return low + (high - low) * drawn


def chance(rows: int, probability: float, generator: torch.Generator) -> Tensor:
    """(B,) bool, true with the given probability, on the generator's device."""
    return torch.rand(rows, generator=generator, device=generator.device) < probability


def beta(rows: int, alpha: float, generator: torch.Generator) -> Tensor:
    """(B,) float32 in [0, 1] from Beta(alpha, alpha), on the host: torch's takes no generator."""
    seed = torch.randint(2**62, (), generator=generator, device=generator.device)
    drawn = np.random.default_rng(int(seed)).beta(alpha, alpha, rows)
    return torch.from_numpy(drawn.astype(np.float32))
