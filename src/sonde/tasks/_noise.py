"""Noise by number: the picture with number n of a seed is the same however many are drawn at once.

A counter-based generator (Philox: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
1, 2, 3", 2011) can be set to any place, and Box and Muller's transform (1958) takes a fixed number
of its draws.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 4  # numbers that Philox gives for each value of its counter


def noise(seed: int, first: int, count: int, width: int) -> np.ndarray:
    """(count, width) float32, standard normal: of the pictures from number `first` on."""
    from sonde.core.seed import numpy_rng  # it imports torch

    blocks = -(-width // (2 * _BLOCK)) * 2
    rng = numpy_rng(seed, "noise")
    rng.bit_generator.advance(first * blocks)  # type: ignore[attr-defined]
    even = rng.random((count, blocks * _BLOCK))
    half = even.shape[1] // 2
    radius = np.sqrt(-2 * np.log1p(-even[:, :half]))
    angle = 2 * np.pi * even[:, half:]
    normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    drawn: np.ndarray = normal[:, :width].astype(np.float32)
    return drawn
