"""Pictures of one colour all over: black frames, blank scans, what a broken export leaves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sonde.contracts.data import Column
from sonde.data.audit.concern import Concern
from sonde.data.audit.looked_at import LookedAt
from sonde.data.columns.image import Image
from sonde.data.picked import picked

_MOST, _MOST_DECODED = 20_000, 500
"""Pictures looked at, evenly spread; fewer where they are decoded for this look alone."""

_SIZE = (64, 64)

_MANY = 0.5
"""Part of the pictures from which there is hardly anything to learn from the rest."""


def flat_pictures(data: LookedAt) -> Iterator[Concern]:
    """Pictures in which no pixel differs from another: nothing in them tells classes apart."""
    for name, column in data.inputs.items():
        looks = list(_looks(data, name, column))
        flat = [row for row, is_flat in looks if is_flat]
        if not flat:
            continue
        rows = ", ".join([*(f"{row:,}" for row in flat[:3]), *(["..."] if flat[3:] else [])])
        among = " looked at" if len(looks) < data.count else ""
        yield Concern(
            "flat pictures",
            "doubt" if len(flat) >= _MANY * len(looks) else "note",
            f"{name!r}: {len(flat):,} of {len(looks):,} pictures{among} are of one colour all "
            f"over, such as black (rows {rows}): nothing can be learned from them.",
            "See how they were made or saved, and take those out that show nothing by mistake.",
            count=len(flat),
        )


def _looks(data: LookedAt, name: str, column: Column) -> Iterator[tuple[int, bool]]:
    """Ascending rows whose pictures can be read, and whether each is flat."""
    if name in data.pictures:
        rows = np.flatnonzero(data.sides >= 0)
        for row in rows[_spread(len(rows), _MOST)].tolist():
            yield row, bool(_are_flat(data.pictures[name][row][None])[0])
    elif data.early and isinstance(column, Image):
        rows = _spread(data.count, _MOST_DECODED)
        small = Image(size=_SIZE, channels=1, field=column.reads[0], name=name).fit(())
        for chunk in picked(data.source, list(column.reads), rows):
            encoded = small.encode(chunk)
            unread = {error.row for error in encoded.errors}
            for place, is_flat in enumerate(_are_flat(encoded.values).tolist()):
                if place not in unread:
                    yield int(rows[place]), is_flat
            rows = rows[len(chunk) :]


def _spread(count: int, most: int) -> np.ndarray:
    """At most so many of the first `count` numbers, evenly."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def _are_flat(pictures: np.ndarray) -> np.ndarray:
    """(N, C, H, W) -> (N,) whether each of a picture's channels is constant."""
    planes = pictures.reshape(*pictures.shape[:2], -1)
    same: np.ndarray = (planes == planes[:, :, :1]).all(axis=(1, 2))
    return same
