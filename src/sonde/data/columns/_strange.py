"""A few values for a notice, out of the many that no training row was like."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sonde.data.columns._text import shortened, to_text

MOST_SHOWN = 3
"""Examples a notice has; one more is gathered, so that it can say that there are others."""

_LOOKED_AT = 64


def examples(raw: pa.Array, rows: np.ndarray) -> tuple[str, ...]:
    """The first distinct values at these rows (n,), as texts a message can hold."""
    texts = to_text(raw.take(pa.array(rows[:_LOOKED_AT])), name="").to_pylist()
    return tuple(dict.fromkeys(shortened(text, 30) for text in texts))[: MOST_SHOWN + 1]


def only(rows: pa.RecordBatch, name: str, places: np.ndarray) -> pa.RecordBatch:
    """One field of a chunk, at these places (n,) alone."""
    return pa.record_batch([rows.column(name).take(pa.array(places))], [name])
