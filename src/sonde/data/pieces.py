"""Encoded rows, divided so that one long or large row does not make a whole batch large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from sonde.contracts.data import Encoded

_STEP = 32
"""Pixels that a step of a sequence counts as: what a network makes of it is that much wider."""


def pieces(encoded: Mapping[str, Encoded], most: int) -> Iterator[dict[str, Encoded]]:
    """The rows in their order, in runs that are together no larger than `most`, or of one row.

    A run is as large as its largest row times its rows, because shorter ones are padded. Without
    columns there is one piece, which has none either.

    Args:
        encoded: columns of the same rows.
        most: pixels, padding counted.
    """
    sizes = np.max([_sizes(part) for part in encoded.values()], axis=0) if encoded else np.zeros(0)
    for start, stop in pairwise(_ends(sizes, most)):
        yield {name: _part(each, start, stop) for name, each in encoded.items()}


def _ends(sizes: np.ndarray, most: int) -> list[int]:
    """Where runs begin, and the end of the last."""
    if sizes.max(initial=1) * len(sizes) <= most:
        return [0, len(sizes)]
    ends, largest = [0], 0
    for row, size in enumerate(sizes.tolist()):
        largest = max(largest, size)
        if row > ends[-1] and largest * (row + 1 - ends[-1]) > most:
            ends.append(row)
            largest = size
    return [*ends, len(sizes)]


def _sizes(part: Encoded) -> np.ndarray:
    """(N,) what each row counts as, in pixels."""
    if part.lengths is not None:
        sizes: np.ndarray = np.maximum(1, part.lengths * _STEP)
        return sizes
    is_grid = part.values.ndim == 4
    size = int(np.prod(part.values.shape[-2:])) if is_grid else 1
    return np.full(len(part.values), size)


def _part(encoded: Encoded, start: int, stop: int) -> Encoded:
    """A view of some rows."""
    at = slice(start, stop)
    present = None if encoded.present is None else encoded.present[at]
    if encoded.starts is None or encoded.lengths is None:
        return replace(encoded, values=encoded.values[at], present=present)
    return replace(encoded, starts=encoded.starts[at], lengths=encoded.lengths[at], present=present)
