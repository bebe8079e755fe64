"""Copies of one row never lie on two sides of a split: a model would be asked what it was told.

Where rows are free to be anywhere, a copy goes where the first of its kind is. Where a part means
something of its own (published parts, times, groups), copies of test rows are left out of the
others, and copies of validation rows out of the training part.

Some values are so coarse that rows are equal by chance: a census of ages, trades and sexes has many
pairs of people who answer alike, and they are no copies. To leave those out of training would make
the common rare. So copies count only where chance would hardly make any: with fields drawn
independently, two rows agree with probability prod_j sum_v p_j(v)^2, and N rows have N (N - 1) / 2
pairs.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Assignment, Column, Source
from sonde.core.errors import DataError
from sonde.data._findings import is_bulky
from sonde.data.columns._text import plain
from sonde.data.picked import picked

_SAMPLE = 50_000
"""Rows from which it is estimated how often values agree."""

_BY_CHANCE = 1.0
"""Equal pairs that chance would make, from which equal rows are no longer taken for copies."""

_MOST_COPIES = 10
"""Rows of each kind, on average, from which there are a few kinds of rows and no copies."""

_PARTS = ("train", "valid", "test")


def keep_together(parts: Assignment, first: np.ndarray, *, pinned: bool) -> tuple[Assignment, int]:
    """The parts with all copies of a row on one side, and how many rows were moved or left out.

    Args:
        parts: as the split made them.
        first: (N,) the first row that says the same as each row, as `data/copies.py` finds it.
        pinned: rows keep their places, so that copies are left out instead of moved.

    Raises:
        DataError: a part has nothing but copies of another.
    """
    rows = np.concatenate([parts.part(name) for name in _PARTS])
    part = np.repeat(np.arange(3), [len(parts.part(name)) for name in _PARTS])
    order = np.argsort(rows)
    rows, part = rows[order], part[order]
    _, leader, kind = np.unique(first[rows], return_index=True, return_inverse=True)
    home = part[leader]
    if pinned:
        np.maximum.at(home, kind, part)  # the test part before validation before training
    away = part != home[kind]
    part = np.where(away, -1 if pinned else home[kind], part)
    kept = Assignment(*(rows[part == at] for at in range(3)))
    for name in _PARTS:
        if len(parts.part(name)) and not len(kept.part(name)):
            raise DataError(
                f"every row to {name} is an exact copy of a row of another part: "
                f"there are only {len(home):,} different rows among {len(rows):,}. Give more "
                "data, or read more of its columns."
            )
    return kept, int(away.sum())


def equal_by_chance(source: Source, columns: Iterable[Column], first: np.ndarray) -> bool:
    """Whether values are so coarse that some rows would be equal by chance alone.

    Args:
        source: of the rows.
        columns: that read the fields in which rows are equal.
        first: (N,) the first row that says the same as each. How often values agree is seen in
            rows that differ: in copies they agree of course.
    """
    readers = {field: column for column in columns for field in column.reads}
    if any(type(column).detached is not Column.detached for column in readers.values()):
        return False  # pictures and the like: no two are equal by chance
    different = np.flatnonzero(first == np.arange(len(first)))
    if len(first) > _MOST_COPIES * len(different):
        return True
    some = different[:: -(-len(different) // _SAMPLE) or 1]
    rows = pa.Table.from_batches(list(picked(source, list(readers), some)))
    agree = np.array([_agreement(rows.column(name)) for name in readers])
    count = len(different)
    return bool(agree.prod() * count * (count - 1) / 2 >= _BY_CHANCE)


def _agreement(values: pa.ChunkedArray) -> float:
    """How probably two rows have the same value; 0 of lists, arrays and bytes."""
    if is_bulky(values.type):
        return 0.0
    whole = plain(values.combine_chunks())
    counts = pc.value_counts(whole).field("counts").to_numpy()
    return float((counts * (counts - 1.0)).sum() / max(1, len(whole) * (len(whole) - 1)))
