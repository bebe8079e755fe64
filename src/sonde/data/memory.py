"""Data that lies in memory, or at a path alone, as a source."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import PrivateAttr

from sonde.contracts.data import Field, RowError, Source
from sonde.core.errors import DataError, StorageError, UsageError, listed
from sonde.data.sources._fields import select
from sonde.data.sources._files import located
from sonde.data.sources._load import array_names
from sonde.data.sources._tables import to_table
from sonde.data.sources._values import ROWS, joined
from sonde.data.sources.arrays import Arrays
from sonde.data.sources.folder import Folder
from sonde.data.sources.table import Table

_PARTS = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
_NO_TABLES = {
    ".parquet": "a Parquet file; read it (pyarrow.parquet.read_table) and give the table itself",
    ".feather": "a Feather file; read it (pyarrow.feather.read_table) and give the table itself",
    ".arrow": "an Arrow file; read it with pyarrow and give the table itself",
    ".npy": "one array; name it in a recipe:  source: {kind: arrays, train: {x: FILE}}",
    ".zip": "an archive; unpack it and give the folder or the table in it",
    ".tar": "an archive; unpack it and give the folder or the table in it",
    ".tgz": "an archive; unpack it and give the folder or the table in it",
}


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
        data: a source; a path; a pandas, polars or Arrow table (all that speaks the Arrow C
            interface); a mapping of names to NumPy or torch arrays or lists, a row along the first
            axis; a list of rows, each a mapping.
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


def guess_source(path: str) -> Source:
    """The source that reads a path: a folder, an .npz file whose names say it all, else a table.

    Raises:
        StorageError: there is nothing at the path.
        UsageError: it needs a recipe, or another reader; says which.
    """
    place = Path(located(path))
    if place.is_dir():
        return Folder(path)
    if not place.exists():
        raise StorageError(f"{path}: no such file or folder. Looked from {Path.cwd()}")
    suffixes = [s.lower() for s in place.suffixes]
    bare = suffixes[:-1] if suffixes[-1:] == [".gz"] else suffixes
    suffix = bare[-1] if bare else ""
    if suffix == ".npz":
        return _guess_arrays(path)
    if suffix in _NO_TABLES:
        raise UsageError(f"{path}: {_NO_TABLES[suffix].replace('FILE', path)}")
    if place.stem.endswith("-ubyte") or suffix.endswith("-ubyte"):
        raise UsageError(
            f"{path}: one array; name it and its labels in a recipe:  source: {{kind: arrays, "
            f"train: {{image: {path}, label: ...}}}}"
        )
    return Table(path)


def _guess_arrays(path: str) -> Arrays:
    """Arrays named by part (train_images, x_test), or all of one part."""
    parts: dict[str, dict[str, str]] = {}
    names = array_names(path)
    for name in names:
        head, _, tail = name.partition("_")
        start, _, end = name.rpartition("_")
        if head in _PARTS and tail:
            parts.setdefault(_PARTS[head], {})[tail] = f"{path}:{name}"
        elif end in _PARTS and start:
            parts.setdefault(_PARTS[end], {})[start] = f"{path}:{name}"
        else:
            parts.setdefault("", {})[name] = f"{path}:{name}"
    if set(parts) == {""}:
        return Arrays(train=parts[""])
    alike = {frozenset(places) for places in parts.values()}
    if "train" not in parts or "" in parts or len(alike) > 1:
        raise UsageError(
            f"{path}: which array is what cannot be told from the names {listed(names)}. Say it in "
            "a recipe:  source: {kind: arrays, train: "
            f"{{image: '{path}:{names[0]}', label: ...}}}}"
        )
    return Arrays(train=parts["train"], valid=parts.get("valid"), test=parts.get("test"))
