"""Answers to each pixel of a grid, as large as the raw picture that the grid was made of."""

from __future__ import annotations

import numpy as np

from sonde.data.columns._placing import Placing

_AT_ONCE = 1 << 20
"""Pixels made at once, so that a picture of 20 million of them takes little memory besides."""


def full_size(
    values: np.ndarray, confidence: np.ndarray, placing: Placing, row: int, *, outside: int = 0
) -> np.ndarray:
    """What is said of each pixel of a raw picture.

    A pixel between four of the grid is what most of them say, each by its confidence and nearness,
    so that outlines stay smooth where a picture was made smaller.

    Args:
        values: (H, W) uint8, what is said of each pixel of the grid.
        confidence: (H, W) float32, how sure that is.
        placing: of the raw pictures.
        row: which of them.
        outside: what stands where the grid shows nothing of the picture.

    Returns:
        (H', W') uint8.
    """
    height, width = (int(side) for side in placing.sizes[row])
    scale, offset = placing.scale[row], placing.offset[row]
    if values.shape == (height, width) and (scale == 1).all() and (offset == 0).all():
        return values
    down = _Axis(height, scale[1], offset[1], values.shape[0])
    across = _Axis(width, scale[0], offset[0], values.shape[1])
    out = np.empty((height, width), values.dtype)
    step = max(1, _AT_ONCE // max(1, width))
    for start in range(0, height, step):
        rows = slice(start, start + step)
        out[rows] = _voted(values, confidence, down, across, rows)
    out[~down.inside] = outside
    out[:, ~across.inside] = outside
    return out


def means_of_squares(values: np.ndarray, side: int) -> np.ndarray:
    """(N, H, W) float32 -> (N, ceil(H / side), ceil(W / side)) means of squares, cut at edges."""
    sums = values.astype(np.float64)
    for axis, length in ((1, values.shape[1]), (2, values.shape[2])):
        starts = np.arange(0, length, side)
        sizes = np.diff(starts, append=length)
        sums = np.add.reduceat(sums, starts, axis=axis)
        sums /= sizes[:, None] if axis == 1 else sizes
    return sums.astype(np.float32)


class _Axis:
    """Where the n pixels of a raw picture lie along one axis of its grid.

    Attributes:
        before, after: (n,) the nearest pixels of the grid on both sides.
        near: (n,) float32 how near the second one is, in [0, 1].
        inside: (n,) bool, whether the grid shows it at all.
    """

    def __init__(self, length: int, scale: float, offset: float, grid: int) -> None:
        place = (np.arange(length) + 0.5) * scale + offset  # of the middle of each pixel
        self.inside = (place >= 0) & (place < grid)
        first = max(0, int(np.floor(offset)))  # what lies beyond is a bar beside the picture
        last = min(grid, int(np.ceil(length * scale + offset))) - 1
        middle = np.floor(place - 0.5)
        self.near = (place - 0.5 - middle).astype(np.float32)
        self.before = np.clip(middle.astype(np.int64), first, last)
        self.after = np.clip(middle.astype(np.int64) + 1, first, last)


def _voted(
    values: np.ndarray, confidence: np.ndarray, down: _Axis, across: _Axis, rows: slice
) -> np.ndarray:
    """Some rows of the raw picture: of the four pixels around each the value with most votes."""
    near = down.near[rows, None]
    said, votes = [], []
    for ys, high in ((down.before[rows], 1 - near), (down.after[rows], near)):
        for xs, wide in ((across.before, 1 - across.near), (across.after, across.near)):
            at = np.ix_(ys, xs)
            said.append(values[at])
            votes.append(confidence[at] * high * wide)
    best, most = said[0], np.full(said[0].shape, -1.0, np.float32)
    for value in said:
        shared = np.zeros_like(most)
        for other, vote in zip(said, votes, strict=True):
            shared += np.where(other == value, vote, np.float32(0))
        best = np.where(shared > most, value, best)
        most = np.maximum(most, shared)
    return best
