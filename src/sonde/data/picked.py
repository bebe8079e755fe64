"""Some rows of a source, in one scan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Source


def picked(source: Source, fields: Sequence[str], rows: np.ndarray) -> Iterator[pa.RecordBatch]:
    """The named fields of these ascending rows, a chunk of the source at a time."""
    before = 0
    for chunk in source.scan(list(fields)):
        start, stop = np.searchsorted(rows, (before, before + chunk.num_rows))
        yield chunk.take(pa.array(rows[start:stop] - before))
        before += chunk.num_rows
