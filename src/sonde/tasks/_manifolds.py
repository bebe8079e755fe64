"""Neighbours among drawn and real rows: how near each is, and who lies among whom.

Kynkäänniemi, Karras, Laine, Lehtinen, Aila, "Improved Precision and Recall Metric for Assessing
Generative Models", 2019, arXiv:1904.06991, eq. 1: a set's manifold is the union of balls around its
points, each out to the point's k-th nearest neighbour. Precision is the part of the drawn points in
the real manifold, recall that of the real points in the drawn one.
"""

from __future__ import annotations

import numpy as np

NEIGHBOURS = 3
"""The k of the paper, section 3."""
_AT_ONCE = 1024


def within(points: np.ndarray, others: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """(N,) bool: which of (N, D) points lie in the manifold of (M, D) others."""
    reach = radii(others, neighbours)
    found = np.zeros(len(points), bool)
    for rows in _slices(len(points)):
        found[rows] = (_squared(points[rows], others) <= reach).any(axis=1)
    return found


def radii(points: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """(N,) squared distance of each of (N, D) points to its k-th nearest other one."""
    place = min(neighbours, len(points) - 1)
    reach = np.zeros(len(points))
    for rows in _slices(len(points)):
        squared = _squared(points[rows], points)
        squared[np.arange(len(squared)), np.arange(len(points))[rows]] = 0.0
        reach[rows] = np.partition(squared, place, axis=1)[:, place]
    return reach


def nearest(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each of (N, D) points the nearest of (M, D) others: (N,) which, (N,) how far."""
    which, far = np.zeros(len(points), np.int64), np.zeros(len(points))
    for rows in _slices(len(points)):
        squared = _squared(points[rows], others)
        which[rows] = squared.argmin(axis=1)
        far[rows] = np.sqrt(squared.min(axis=1))
    return which, far


def mean_distance(points: np.ndarray) -> float:
    """The mean distance of (N, D) points from one another; NaN of fewer than two."""
    if len(points) < 2:
        return float("nan")
    squared = _squared(points, points)
    np.fill_diagonal(squared, 0.0)
    return float(np.sqrt(squared).sum() / (len(points) * (len(points) - 1)))


def _slices(count: int) -> list[slice]:
    return [slice(start, start + _AT_ONCE) for start in range(0, count, _AT_ONCE)]


def _squared(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, M) float64 squared distances; what rounding takes below 0 is 0."""
    points, others = points.astype(np.float64), others.astype(np.float64)
    middle = others.mean(axis=0)  # differences of large squares would lose digits
    points, others = points - middle, others - middle
    own = np.square(points).sum(axis=1)[:, None] + np.square(others).sum(axis=1)
    squared: np.ndarray = np.maximum(own - 2 * points @ others.T, 0.0)
    return squared
