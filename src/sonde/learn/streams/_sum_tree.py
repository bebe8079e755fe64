"""A sum tree: draws of places in proportion to their weights, in logarithmic time."""

from __future__ import annotations

import numpy as np


class SumTree:
    """Weights of `size` places; each inner node holds the sum of its two children.

    Schaul, Quan, Antonoglou, Silver, "Prioritized experience replay", 2016, arXiv:1511.05952,
    appendix B.2.1. A whole batch goes down the tree side by side.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._leaves = 1 << max(0, size - 1).bit_length()
        self._nodes = np.zeros(2 * self._leaves)

    @property
    def total(self) -> float:
        """The sum of all weights."""
        return float(self._nodes[1])

    @property
    def weights(self) -> np.ndarray:
        """(size,) float64, a view."""
        return self._nodes[self._leaves : self._leaves + self.size]

    def put(self, places: np.ndarray, weights: np.ndarray) -> None:
        """Set the weights of places; of one place named twice the last one holds."""
        nodes = places + self._leaves
        self._nodes[nodes] = weights
        while len(nodes) and nodes[0] > 1:
            nodes = nodes // 2  # one named twice is summed twice, which costs less than to find it
            self._nodes[nodes] = self._nodes[2 * nodes] + self._nodes[2 * nodes + 1]

    def find(self, points: np.ndarray) -> np.ndarray:
        """(B,) the places in which points in [0, total) fall, weights laid end to end."""
        nodes, rest = np.ones(len(points), np.int64), points.astype(float)
        while nodes[0] < self._leaves:
            left = self._nodes[2 * nodes]
            # rounding may leave a point just beyond all weights: an empty half is never entered
            right = (rest >= left) & (self._nodes[2 * nodes + 1] > 0)
            rest = np.where(right, rest - left, rest)
            nodes = 2 * nodes + right
        return np.minimum(nodes - self._leaves, self.size - 1)
