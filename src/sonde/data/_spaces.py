"""Whether texts have outer spaces: asked before every value is trimmed, which costs far more."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_FIRST, _LAST = np.uint8(ord("!")), np.uint8(ord("~"))
"""The bytes that are neither a space nor part of a character beyond ASCII lie between them."""


def may_have_outer_space(texts: pa.StringArray) -> bool:
    """Whether some text begins or ends with a space, or with a character beyond ASCII."""
    bounds, data = _buffers(texts)
    inside = data[bounds[0] : bounds[-1]]
    if not len(inside) or (inside.min() >= _FIRST and inside.max() <= _LAST):  # most columns
        return False
    filled = bounds[1:] > bounds[:-1]
    edges = (data.take(bounds[:-1], mode="clip"), data.take(bounds[1:] - 1, mode="clip"))
    return any(bool((((at < _FIRST) | (at > _LAST)) & filled).any()) for at in edges)


def may_be_empty(texts: pa.StringArray) -> bool:
    """Whether some text is empty; a null is none."""
    bounds, _ = _buffers(texts)
    empty = bounds[1:] == bounds[:-1]
    if texts.null_count and empty.any():
        empty &= texts.is_valid().to_numpy(zero_copy_only=False)
    return bool(empty.any())


def _buffers(texts: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """(n + 1,) where each text starts and the last one ends, and all their bytes."""
    _, offsets, data = texts.buffers()
    if offsets is None or not offsets.size:
        return np.zeros(1, np.int32), np.empty(0, np.uint8)
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return bounds, np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
