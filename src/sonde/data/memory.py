"""Data that lies in memory as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import PrivateAttr

from sonde.contracts.data import Field, RowError, Source
from sonde.core.errors import DataError
from sonde.data.guess import guess_source
from sonde.data.sources._fields import select
from sonde.data.sources._tables import to_table
from sonde.data.sources._values import ROWS, joined


class Memory(Source):
    """An Arrow table. It stands in no recipe, since a recipe cannot hold data."""

    name: str = "data"
    _table: pa.Table = PrivateAttr()

    @classmethod
    def of(cls, table: pa.Table, *, name: str = "data") -> Memory:
        """The source of a table's rows.

        Raises:
            DataError: it has no rows or no columns.
        """
        if not table.num_rows or not table.num_columns:
            raise DataError(
                f"{name}: got {table.num_rows:,} rows of {table.num_columns:,} columns, expected "
                "some of both"
            )
        made = cls(name=name)
        made._table = table
        return made

    @property
    def title(self) -> str:
        """The name it was given."""
        return self.name

    def fields(self) -> Sequence[Field]:
        """The table's columns with their types; dictionaries are read as their values."""
        empty = self._batch(0, 0, self._table.column_names)
        return [Field(field.name, field.type) for field in empty.schema]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """The rows, `ROWS` at a time; NaN is null."""
        wanted = select(self.name, self._table.column_names, fields)
        for start in range(0, self._table.num_rows, ROWS):
            yield self._batch(start, ROWS, wanted)

    def fingerprint(self) -> str:
        """SHA-256 over the rows as Arrow's stream format writes them, in even batches."""
        digest = hashlib.sha256()
        for batch in self.scan():
            digest.update(batch.schema.serialize())
            digest.update(batch.serialize())
        return digest.hexdigest()

    def _batch(self, start: int, count: int, names: Sequence[str]) -> pa.RecordBatch:
        """Rows from `start` on, whatever chunks the table came in."""
        rows = self._table.select(names).slice(start, count)
        columns = [joined(column) for column in rows.columns]
        return pa.RecordBatch.from_arrays(columns, names=list(names))


def as_source(data: Any, *, title: str = "data") -> Source:
    """A source of whatever holds rows.

    Args:
        data: a source; a path; a pandas, polars or Arrow table, a DuckDB relation, a Hugging Face
            dataset (all that speaks the Arrow C interface); such tables by part, `{"train": ...,
            "test": ...}`; a mapping of names to NumPy or torch arrays or lists, a row along the
            first axis; a list of rows, each a mapping.
        title: what messages and runs call data without a path.

    Raises:
        UsageError: it holds no rows Sonde can read.
        DataError: its columns do not fit together.
        StorageError: there is nothing at the path.
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, str | Path):
        return guess_source(str(data))
    return Memory.of(to_table(data, title), name=title)
