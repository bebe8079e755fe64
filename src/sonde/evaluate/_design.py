"""The plain matrix that baselines are given, made from encoded columns by port kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Design
from sonde.core.port import PRESENT, Port, Ports

_MOST_OF_A_GRID = 196
"""Numbers a picture is averaged down to at most: 14 x 14 in one channel."""
_ROWS_AT_ONCE = 4096
_READABLE = ("scalar", "category", "vector", "grid")
"""Port kinds that have the same number of values in every row."""


@dataclass(frozen=True)
class Features:
    """(N, P) features and what could not become one.

    Attributes:
        numbers: (N, P) float32, NaN where missing.
        categorical: (P,) bool.
        left_out: names of ports that have no fixed number of values.
    """

    numbers: np.ndarray
    categorical: np.ndarray
    left_out: tuple[str, ...]

    def design(self, targets: Arrays) -> Design:
        """The same with targets."""
        return Design(self.numbers, self.categorical, targets)


def features(inputs: Ports, encoded: Arrays, rows: np.ndarray) -> Features:
    """The features of some rows.

    With no usable port at all, one constant feature remains, from which an estimator learns what
    the targets alone tell.

    Args:
        inputs: the ports a baseline may see.
        encoded: (N, ...) arrays by name, with their `#present:` arrays.
        rows: (n,) positions.
    """
    usable = {n: p for n, p in inputs.items() if p.kind in _READABLE and None not in p.shape}
    left_out = tuple(name for name in inputs if name not in usable)
    chunks = [rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE)]
    if not usable:
        return Features(np.zeros((len(rows), 1), np.float32), np.zeros(1, bool), left_out)
    blocks, categorical = [], []
    for name, port in usable.items():
        parts = [_block(name, port, encoded, chunk) for chunk in chunks or [rows]]
        blocks.append(np.concatenate(parts))
        categorical += [port.size is not None] * blocks[-1].shape[1]
    return Features(np.hstack(blocks), np.array(categorical), left_out)


def _block(name: str, port: Port, encoded: Arrays, rows: np.ndarray) -> np.ndarray:
    """(n, P) float32: one port's features; what has classes has one for missing already."""
    values = encoded[name][rows]
    if port.kind == "grid":
        values = _pooled(values)
    width = int(np.prod(values.shape[1:]))
    block: np.ndarray = values.astype(np.float32).reshape(len(rows), width)
    if PRESENT + name in encoded and port.size is None:
        block[~encoded[PRESENT + name][rows]] = np.nan
    return block


def _pooled(pictures: np.ndarray) -> np.ndarray:
    """(n, C, H, W) -> (n, C, h, w): means of the smallest square windows that give few enough."""
    channels, height, breadth = pictures.shape[1:]
    step = 1
    while channels * -(-height // step) * -(-breadth // step) > _MOST_OF_A_GRID:
        step += 1
        if step >= max(height, breadth):
            break
    tops, lefts = np.arange(0, height, step), np.arange(0, breadth, step)
    sums = np.add.reduceat(pictures.astype(np.float32), tops, axis=2)
    sums = np.add.reduceat(sums, lefts, axis=3)
    sizes = np.diff(tops, append=height)[:, None] * np.diff(lefts, append=breadth)
    means: np.ndarray = sums / sizes  # windows at the right and lower edge may be smaller
    return means
