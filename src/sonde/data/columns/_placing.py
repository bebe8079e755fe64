"""Where the points of raw pictures lie in the grids that a column makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, Self

import numpy as np

Resize = Literal["stretch", "crop", "pad"]
"""How a picture of another shape fits: see `Image.resize`."""


class Placing(NamedTuple):
    """For N pictures: a point (x, y) of one lies at (x, y) * scale + offset of its grid.

    Points are in pixels from the upper left corner, so that the middle of the first pixel is at
    (0.5, 0.5).

    Attributes:
        sizes: (N, 2) int64 height and width of the pictures, held upright; 0 where one is missing
            or cannot be read.
        scale: (N, 2) float64 of x and y.
        offset: (N, 2) float64 pixels of the grid.
    """

    sizes: np.ndarray
    scale: np.ndarray
    offset: np.ndarray

    @classmethod
    def of(cls, sizes: Iterable[tuple[int, int]], to: tuple[int, int], resize: Resize) -> Self:
        """How pictures of these heights and widths fit into grids of one height and width."""
        have = np.array(list(sizes), np.int64).reshape(-1, 2)
        known = np.maximum(have, 1).astype(np.float64)
        want = np.array(to, np.float64)
        if resize == "pad":
            shared = (want / known).min(axis=1, keepdims=True)
            inner = np.clip(np.rint(known * shared), 1, want)  # bars are whole pixels
            ratio, offset = inner / known, (want - inner) // 2
        else:
            ratio = want / known
            if resize == "crop":
                ratio = np.repeat(ratio.max(axis=1, keepdims=True), 2, axis=1)
            offset = (want - known * ratio) / 2
        return cls(have, ratio[:, ::-1], offset[:, ::-1])

    def into(self, row: int, points: np.ndarray) -> np.ndarray:
        """(..., 2) points x, y of a raw picture -> where they lie in its grid."""
        moved: np.ndarray = points * self.scale[row] + self.offset[row]
        return moved

    def back(self, row: int, points: np.ndarray) -> np.ndarray:
        """(..., 2) points x, y of a grid -> where they lie in its raw picture."""
        moved: np.ndarray = (points - self.offset[row]) / self.scale[row]
        return moved
