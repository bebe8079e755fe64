"""Pictures that a table names: its rows, with the pictures beside the other fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Field, RowError
from sonde.core.errors import DataError, StorageError, listed
from sonde.core.notice import tell as notice
from sonde.core.text import to_json
from sonde.data.sources._fields import select
from sonde.data.sources._files import Hash, located
from sonde.data.sources._forms import plain_batch
from sonde.data.sources._name_tables import NameTable, name_table
from sonde.data.sources._shelf import Shelf, spans
from sonde.data.sources._within import into_archive

_ROW = "row"  # the word of a pattern that counts rows
_WORD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Named:
    """The rows of a table beside a shelf.

    Attributes:
        named: the column of file names, or field -> pattern of names.
        like: the training rows, whose fields these have too; one that this table lacks is missing.
    """

    shelf: Shelf
    given: str | NameTable
    named: str | Mapping[str, str]
    like: Named | None = None

    @property
    def fields(self) -> list[Field]:
        """The table's fields; a column of names becomes the pictures."""
        if self.like is not None:
            return self.like.fields
        pictures = [Field(name, self.shelf.type, "image") for name in self._patterns]
        others = {f.name: f for f in self._table.fields() if f.name not in self._patterns}
        if isinstance(self.named, str):  # it stays where it stands in the table
            return [others.get(name, pictures[0]) for name in self._columns]
        return [*others.values(), *pictures]

    def scan(
        self, wanted: Sequence[str], tell: Callable[[RowError], None]
    ) -> Iterator[tuple[dict[str, pa.Array], int]]:
        """Columns, and how many rows they have; without rows whose pictures are not there."""
        known = set(self._columns)
        types = {f.name: f.type for f in self.fields if f.name not in self._patterns}
        types = {name: types[name] for name in wanted if name in types}
        read = list(dict.fromkeys([*(n for n in types if n in known), *self._naming]))
        first = 0
        with self.shelf.reader() as fetch:
            for batch in self._table.scan(read or self._columns[:1], self._strict(tell)):
                names = {f: _filled(p, batch, first) for f, p in self._patterns.items()}
                kept = self._there(names, first, tell)
                first += batch.num_rows
                columns = self._others(batch.take(kept), types) if len(kept) else {}
                chosen = {f: names[f].take(kept).to_pylist() for f in names if f in wanted}
                for rows in spans(len(kept), self._sizes(chosen, len(kept))):
                    length = rows.stop - rows.start
                    part = {n: c.slice(rows.start, length) for n, c in columns.items()}
                    part |= {f: fetch(of[rows]) for f, of in chosen.items()}
                    yield part, length

    def feed(self, into: Hash) -> None:
        """Feed a hash with the table, the pattern and the pictures it names."""
        into.update(self._table.fingerprint().encode())
        if not isinstance(self.named, str):
            into.update(to_json(dict(self.named)).encode())
        named: set[str] = set()
        first = 0
        for batch in self._table.scan(self._naming or self._columns[:1]):
            for pattern in self._patterns.values():
                named.update(_filled(pattern, batch, first).drop_null().to_pylist())
            first += batch.num_rows
        self.shelf.feed(sorted(named), into)

    @cached_property
    def _table(self) -> NameTable:
        """The table, in the shelf or at a path of its own.

        Raises:
            StorageError: it is neither in the folder nor a path of its own.
            UnknownColumn: it has no column of file names.
        """
        table = name_table(self.given) if isinstance(self.given, str) else self.given
        inside = self.shelf.place(table.path)
        is_inside = self.shelf.holds(table.path)
        is_elsewhere = Path(located(table.path)).exists() or into_archive(table.path) is not None
        if not is_inside and not is_elsewhere:
            raise StorageError(f"no such table: neither {inside} nor {table.path}")
        found = table.model_copy(update={"path": inside}) if is_inside else table
        known = [field.name for field in found.fields()]
        select(found.path, known, self._naming)
        self._compare(found.path, known)
        return found

    @property
    def _columns(self) -> list[str]:
        return [field.name for field in self._table.fields()]

    @property
    def _patterns(self) -> Mapping[str, str]:
        return {self.named: f"{{{self.named}}}"} if isinstance(self.named, str) else self.named

    @property
    def _naming(self) -> list[str]:
        """The table's columns that pictures are named by."""
        return [w for p in self._patterns.values() for w in _words(p) if w != _ROW]

    def _compare(self, path: str, known: list[str]) -> None:
        """Say in which fields this table and that of the training rows differ."""
        if self.like is None:
            return
        wanted = [f.name for f in self.like.fields if f.name not in self._patterns]
        lacking = [name for name in wanted if name not in known]
        if len(lacking) == len(wanted) and wanted:
            raise DataError(f"{path} has no column of the training table: {listed(wanted)}")
        if lacking:
            notice(f"{path} has no {listed(lacking)}; they are missing in its rows")
        added = [name for name in known if name not in [*wanted, *self._patterns]]
        if added:
            notice(f"{path} has {listed(added)}, which the training table has not; left out")

    def _strict(self, tell: Callable[[RowError], None]) -> Callable[[RowError], None]:
        """Refuses a line that cannot be read where rows are counted: all names would shift."""
        if not any(_ROW in _words(pattern) for pattern in self._patterns.values()):
            return tell

        def refuse(error: RowError) -> None:
            if not error.harmless:
                raise DataError(
                    f"{error.place or self._table.path}: got {error.got}, expected "
                    f"{error.expected}; pictures are named by {{{_ROW}}}, which this would shift"
                )
            tell(error)

        return refuse

    def _there(
        self, names: Mapping[str, pa.Array], first: int, tell: Callable[[RowError], None]
    ) -> np.ndarray:
        """(n,) rows of a batch all of whose pictures may be there; the others are told."""
        count = len(next(iter(names.values())))
        is_there = np.ones(count, bool)
        for column in names.values():
            for row, name in enumerate(column.to_pylist()):
                if name is not None and is_there[row] and self.shelf.lacks(name):
                    is_there[row] = False
                    place = f"{self._table.path}, row {first + row}"
                    tell(RowError(first + row, name, "a picture in the archive", place))
        return np.flatnonzero(is_there)

    def _others(
        self, batch: pa.RecordBatch, types: Mapping[str, pa.DataType]
    ) -> dict[str, pa.Array]:
        """The fields that are no pictures, of the types that they have in the training rows."""
        try:
            return plain_batch(batch, types)
        except DataError as error:
            raise DataError(f"{self._table.path}: {error}") from None

    def _sizes(self, chosen: Mapping[str, list[str | None]], rows: int) -> list[int] | None:
        """Bytes that the pictures of each row take; None where no picture is asked for."""
        if not chosen:
            return None
        sizes = np.zeros(rows, np.int64)
        for names in chosen.values():
            taken = [0 if name is None else self.shelf.size(name) for name in names]
            sizes += np.array(taken, np.int64)
        return sizes.tolist()


def _words(pattern: str) -> list[str]:
    return _WORD.findall(pattern)


def _filled(pattern: str, batch: pa.RecordBatch, first: int) -> pa.Array:
    """(n,) file names, null where a field is missing; {row} is `first` + 1 in the first row."""
    pieces = _WORD.split(pattern)  # texts and words take turns
    made: list[pa.Array | pa.Scalar] = []
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            made.append(pa.scalar(piece))
        elif piece == _ROW:
            numbers = np.arange(first + 1, first + 1 + batch.num_rows)
            made.append(pc.cast(pa.array(numbers), pa.string()))
        else:
            made.append(pc.utf8_trim_whitespace(pc.cast(batch.column(piece), pa.string())))
    if len(made) == 1:  # one and the same picture for all
        made.append(pa.array([""] * batch.num_rows, pa.string()))
    return pc.binary_join_element_wise(*made, "")
