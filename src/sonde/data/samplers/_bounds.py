"""Where batches begin and end."""

from __future__ import annotations

import numpy as np


def training_bounds(rows: int, batch_size: int, *, drop_last: bool = False) -> np.ndarray:
    """(batches + 1,) int64 bounds; the last batch may be smaller.

    A last batch of a single row joins the one before, since batch normalisation cannot learn from
    one row. With `drop_last` a smaller last batch is left out, unless it is the only one.
    """
    bounds = even_bounds(rows, batch_size)
    last = int(bounds[-1] - bounds[-2]) if len(bounds) > 1 else batch_size
    if len(bounds) > 2 and last < batch_size:
        if drop_last:
            return bounds[:-1]
        if last == 1:
            return np.delete(bounds, -2)
    return bounds


def even_bounds(rows: int, batch_size: int) -> np.ndarray:
    """(batches + 1,) int64 bounds of batches of one size, the rest in the last."""
    return np.append(np.arange(0, rows, batch_size), rows)
