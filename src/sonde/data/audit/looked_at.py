"""What an audit looks at: raw fields, the parts, and encoded pictures where they are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Assignment, Column, Source, Split
from sonde.core.port import PART
from sonde.data._findings import is_bulky
from sonde.data.columns._text import plain
from sonde.data.copies import copies
from sonde.data.picked import picked

_ROWS = 100_000
"""Rows whose plain fields are looked at."""

_PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class LookedAt:
    """A source before training, or before anything at all.

    Attributes:
        source: of the raw rows.
        columns: by name, inputs and targets; of a run, fitted.
        targets: columns to be predicted.
        split: how rows are divided; None where nobody said.
        parts: which row is where; None before there is a split.
        pictures: encoded pictures by column, (N, C, H, W) uint8.
        early: whether nothing is fitted yet: pictures are decoded for the look, and texts looked at
            that no column reads.
    """

    source: Source
    columns: Mapping[str, Column]
    targets: tuple[str, ...] = ()
    split: Split | None = None
    parts: Assignment | None = None
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)
    early: bool = False
    _first: dict[frozenset[str], np.ndarray] = field(default_factory=dict, init=False, repr=False)

    @property
    def inputs(self) -> dict[str, Column]:
        """Columns that are no targets."""
        return {name: c for name, c in self.columns.items() if name not in self.targets}

    @property
    def target_fields(self) -> list[str]:
        """Raw fields that targets read."""
        return [f for name in self.targets if name in self.columns
                for f in self.columns[name].reads]  # fmt: skip

    @cached_property
    def count(self) -> int:
        """The number of rows N."""
        names = [item.name for item in self.source.fields()][:1]
        return sum(chunk.num_rows for chunk in self.source.scan(names))

    @cached_property
    def rows(self) -> np.ndarray:
        """(n,) int64 ascending rows whose plain fields are looked at."""
        return np.arange(0, self.count, -(-self.count // _ROWS) or 1)

    @cached_property
    def fields(self) -> dict[str, pa.Array]:
        """(n,) values of every field of single values, at `rows`."""
        names = [f.name for f in self.source.fields() if f.name != PART and not is_bulky(f.type)]
        if not names:
            return {}
        table = pa.Table.from_batches(list(picked(self.source, names, self.rows)))
        return {name: plain(table.column(name).combine_chunks()) for name in names}

    def first_of(self, columns: Sequence[Column]) -> np.ndarray:
        """(N,) the first row that says the same as each, in the fields of these columns."""
        names = frozenset(name for column in columns for name in column.reads)
        if names not in self._first:
            self._first[names] = copies(self.source, columns)
        return self._first[names]

    @cached_property
    def sides(self) -> np.ndarray:
        """(N,) int64: 0 train, 1 valid, 2 test, -1 in no part.

        Where nobody has divided the rows each is a side of its own, for any two may be torn.
        """
        if self.parts is None:
            return np.arange(self.count)
        made = np.full(self.count, -1, np.int64)
        for side, name in enumerate(_PARTS):
            made[self.parts.part(name)] = side
        return made


def across(sides: np.ndarray) -> str:
    """Which parts some (n, 2) pairs of sides join, in words."""
    words = {(0, 1): "training and validation", (0, 2): "training and test",
             (1, 2): "validation and test"}  # fmt: skip
    pairs, counts = np.unique(np.sort(sides, axis=1), axis=0, return_counts=True)
    order = np.argsort(-counts)
    told = [f"{counts[at]:,} between {words[tuple(pairs[at].tolist())]}" for at in order]
    return ", ".join(told)
