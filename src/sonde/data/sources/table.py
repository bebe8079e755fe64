"""Tables: CSV and TSV files, packed with gzip or not.

Every field is text: what a value means is for its column to say, so no answer hangs on what the
first lines of a file look like. Outer spaces stay in a value, but do not hide a missing marker.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError
from sonde.core.errors import DataError, listed
from sonde.core.port import PART
from sonde.data.sources._csv import place, read_lines
from sonde.data.sources._detect import Dialect, Layout, find_layout, first_rows
from sonde.data.sources._encoding import Encoding
from sonde.data.sources._fields import select, with_part
from sonde.data.sources._in_parts import InParts, ignore, several, unlabelled

_MISSING = ("", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
_SUFFIXES = frozenset((".csv", ".tsv", ".tab", ".txt", ".dat", ".data", ".gz"))


class Table(InParts):
    """A CSV or TSV file; separate files for validation and test are read as its parts."""

    endings: ClassVar[Collection[str]] = _SUFFIXES
    untitled: ClassVar[str] = "table"
    scan_version: ClassVar[int | None] = 2

    path: str
    """A file, or several with the same columns by a pattern such as `sales-*.csv`."""
    names: tuple[str, ...] | None = None
    """The columns' names, where the file has no header (or, with header: true, a wrong one)."""
    delimiter: str | None = Field(None, pattern=r"^[ -~\t]$")
    """None finds tab, semicolon, bar or comma."""
    quote: str | None = Field(None, pattern=r"^[ -~]?$")
    """None finds it; '' where quotes mean nothing."""
    encoding: Encoding = None
    """None takes a byte order mark's word, then UTF-8, then Windows-1252 or Latin-1."""
    header: bool | None = None
    """None finds out; without a header and `names` columns are c1, c2, ..."""
    missing: tuple[str, ...] = _MISSING
    """Texts that mean a missing value, whatever spaces stand around them."""

    # written out again, since type checkers make a keyword-only one for every class of fields
    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Table("houses.csv")`: the path may stand without its name."""
        super().__init__(path, **options)

    def describe(self) -> str:
        """How the file is read, such as '14 columns, comma, utf-8, header'."""
        return self._layouts[self._files[0][1]].describe() + several(self._files)

    def fields(self) -> Sequence[RawField]:
        """Every column as text, and `#part` where there are separate files."""
        return [RawField(name, pa.string()) for name in self._names]

    def glimpse(self) -> dict[str, list[str]]:
        """Column -> its cells in the first rows, trimmed; missing ones are left out."""
        path = self._files[0][1]
        layout = self._layouts[path]
        rows = first_rows(path, layout)
        missing = {text.strip() for text in self.missing}
        columns = zip(*rows, strict=True) if rows else ()
        return {
            name: [cell.strip() for cell in cells if cell.strip() not in missing]
            for name, cells in zip(layout.names, columns, strict=False)
        }

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of train, then valid, then test, parsed 4 MiB at a time.

        Told to `on_error`, with the line number as `row`: a row with another number of fields, one
        that is wholly missing, one with a NUL byte.
        """
        wanted = select(self.path, self._names, fields)
        tell = on_error or ignore
        for part, path in self._files:
            of = part if PART in self._names else None
            for batch, lines in read_lines(path, self._layouts[path], self.missing, tell):
                empty = _empty_rows(batch)
                for line in lines[empty].tolist():
                    where = place(path, line)
                    tell(RowError(line, "an empty row", "some value", where, harmless=True))
                if len(empty):
                    batch = batch.take(pa.array(np.delete(np.arange(len(batch)), empty)))
                if batch.num_rows:
                    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
                    yield with_part(columns, of, wanted, batch.num_rows)

    def fingerprint(self) -> str:
        """SHA-256 over the files' bytes and the options that change how they are read."""
        return self._hashed(self._files)

    @cached_property
    def _files(self) -> list[tuple[str, str]]:
        """Part and path of every file, in the order they are read."""
        return self._expanded()

    @cached_property
    def _names(self) -> list[str]:
        return [*self._layouts[self._files[0][1]].names, *([PART] if self._has_parts else [])]

    @cached_property
    def _layouts(self) -> dict[str, Layout]:
        """Path -> the form of that file; they must have the same columns."""
        dialect = Dialect(
            self.delimiter,
            self.quote,
            self.encoding,
            self.header,
            self.names,
            frozenset(text.strip() for text in self.missing),
        )
        (_, first_path), *others = self._files
        first = find_layout(first_path, dialect)
        found = {first_path: first}
        for _, path in others:
            found[path] = find_layout(path, dialect, like=first.names)
            _check_alike(first_path, first, path, found[path])
        return found


def _empty_rows(batch: pa.RecordBatch) -> np.ndarray:
    """(n,) int64: the wholly missing rows. Columns are looked at only as long as some may be."""
    rows = np.arange(batch.num_rows)
    for column in sorted(batch.columns, key=lambda column: column.null_count):
        if not (len(rows) and column.null_count):
            return rows[:0]
        rows = rows[pc.is_null(column).to_numpy(zero_copy_only=False)[rows]]
    return rows


def _check_alike(path: str, first: Layout, other_path: str, other: Layout) -> None:
    if set(first.names) == set(other.names):
        return
    absent = [name for name in first.names if name not in other.names]
    added = [name for name in other.names if name not in first.names]
    pairs = (("lacks", absent), ("adds", added))
    differences = " and ".join(f"{verb} {listed(names)}" for verb, names in pairs if names)
    raise DataError(
        f"{other_path} has not the columns of {path}: it {differences} (read as "
        f"{other.describe()}; the first as {first.describe()}). Make them alike, or give `names`."
        f"{unlabelled(other_path, absent, added)}"
    )
