"""Pictures of a source, decoded small and grey: near copies are told before any fitting."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sonde.contracts.data import RowError, Source
from sonde.core.errors import DataError
from sonde.core.notice import listening, unheard
from sonde.data.columns.image import Image
from sonde.data.picked import picked

MOST_DECODED = 5_000
"""Pictures decoded: of JPEG files from a camera that is about a minute, of small ones a second."""

_SIDE = 64
"""Pixels a side at most: what `near_pictures` compares is no larger."""

_HEADERS = 200
"""Pictures whose headers tell the common size."""


def small_pictures(
    source: Source, column: Image, rows: np.ndarray, unread: list[RowError]
) -> Iterator[np.ndarray]:
    """(1, H, W) uint8 of each of these ascending rows, all of one size; black where unreadable.

    What cannot be read is added to `unread`, with its row.
    """
    fields = list(column.reads)
    try:
        with listening(unheard):  # of the size that learning takes
            headers = picked(source, fields, rows[:_HEADERS])
            looked = column.unlearned().named(column.name).fit(headers)
    except DataError:
        return  # not one can be read, which the run that decodes them all will say
    size = (min(_SIDE, looked.height), min(_SIDE, looked.width))
    small = Image(size=size, channels=1, field=fields[0], name=column.name).fit(())
    before = 0
    for chunk in picked(source, fields, rows):
        if chunk.num_rows:
            encoded = small.encode(chunk)
            unread += [e._replace(row=int(rows[before + e.row])) for e in encoded.errors]
            yield from encoded.values
            before += chunk.num_rows
