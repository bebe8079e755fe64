"""Kept rows: a source whose scan is costly is parsed once; later scans read an Arrow file.

A run looks at its rows again and again: it counts them, splits, fits, encodes, judges and reports.
The first scan writes every row into the cache while its reader goes on; each later one reads the
fields it wants from there, in far less time. A batch is mapped into memory while it is looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from pydantic import PrivateAttr

from sonde.contracts.data import Field, RowError, Source
from sonde.core.errors import StorageError
from sonde.core.notice import say
from sonde.core.text import to_json
from sonde.data.cache import Draft, Entries, writing

_FORM = 2
"""Of the entry itself: raise it when what lies in it changes."""

_ROWS = "rows.arrow"

Tell = Callable[[RowError], None]


class Kept(Source):
    """A source and the copy of its rows in the cache. It stands in no recipe."""

    _source: Source = PrivateAttr()

    @classmethod
    def of(cls, source: Source) -> Source:
        """The source itself where scanning it is cheap."""
        if source.scan_version is None or isinstance(source, cls):
            return source
        made = cls()
        made._source = source
        return made

    @property
    def title(self) -> str:
        """That of the source."""
        return self._source.title

    def describe(self) -> str:
        """As the source says."""
        return self._source.describe()

    def fields(self) -> Sequence[Field]:
        """Those of the source."""
        return self._source.fields()

    def scan(self, fields: Sequence[str] | None = None, on_error: Tell | None = None,
             ) -> Iterator[pa.RecordBatch]:  # fmt: skip
        """The source's rows and errors, in its order."""
        known = [field.name for field in self.fields()]
        wanted = known if fields is None else list(fields)
        tell = on_error or _ignore
        index = self._entries.index(self._key) if self._entries else None
        if not set(wanted) <= set(known):
            yield from self._source.scan(fields, on_error)  # which says what is wrong
        elif index is not None:
            yield from self._read(index, wanted, tell)
        else:
            for batch in self._written(tell):
                yield batch.select(wanted)

    def fingerprint(self) -> str:
        """That of the source, found out once."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return self._source.fingerprint()

    @cached_property
    def _entries(self) -> Entries | None:
        """Where the copy lies; None where the cache cannot be used, which is said."""
        try:
            return Entries(self._fingerprint)
        except StorageError as error:
            say(f"rows are parsed anew for every look at them: {error}")
            return None

    @cached_property
    def _key(self) -> str:
        """A name for what decides the rows, and the places that stand in their errors."""
        said = to_json([_FORM, self._source.dump(), self._source.scan_version])
        return f"rows-{hashlib.sha256(said.encode()).hexdigest()[:20]}"

    def _read(self, index: Any, wanted: Sequence[str], tell: Tell) -> Iterator[pa.RecordBatch]:
        """Rows from the copy, and the errors that were told before each batch of them."""
        assert self._entries is not None
        errors = [(at, RowError(*error)) for at, error in index["errors"]]
        path = str(self._entries.place(self._key) / _ROWS)
        for number in range(index["batches"]):
            while errors and errors[0][0] <= number:
                tell(errors.pop(0)[1])
            with pa.memory_map(path) as file:  # each batch anew: what is mapped counts as memory
                yield pa.ipc.open_file(file).get_batch(number).select(wanted)
        for _, error in errors:
            tell(error)

    def _written(self, tell: Tell) -> Iterator[pa.RecordBatch]:
        """The source's rows, copied while they pass; a scan that ends early leaves no copy."""
        errors: list[tuple[int, RowError]] = []
        count = 0

        def note(error: RowError) -> None:
            errors.append((count, error))
            tell(error)

        with _Copy(self._entries, self._key) as copy:
            for batch in self._source.scan(None, note):
                copy.add(batch)
                count += 1
                yield batch
            copy.finish(self.fields(), errors)


class _Copy:
    """Rows on their way into the cache; where they cannot be written, that is said once."""

    def __init__(self, entries: Entries | None, key: str) -> None:
        self._key = key
        self._stack = ExitStack()
        self._draft = self._stack.enter_context(entries.draft()) if entries else None
        self._writer: pa.RecordBatchFileWriter | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        with suppress(OSError):  # a disk that is full was told of before
            self._stack.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """The next rows."""
        with self._or_none() as draft:
            if draft is None:
                return
            self._open(draft, batch.schema).write_batch(batch)
            self._count += 1

    def finish(self, fields: Sequence[Field], errors: Sequence[tuple[int, RowError]]) -> None:
        """That was all: the copy may be used from now on."""
        told = [(at, [e.row, str(e.got), *e[2:]]) for at, e in errors]
        with self._or_none() as draft:
            if draft is None:
                return
            self._open(draft, pa.schema([(f.name, f.type) for f in fields])).close()
            draft.finish(self._key, {"errors": told, "batches": self._count})

    def _open(self, draft: Draft, schema: pa.Schema) -> pa.RecordBatchFileWriter:
        if self._writer is None:
            path = draft.start(self._key) / _ROWS
            file = self._stack.enter_context(pa.OSFile(str(path), "wb"))
            self._writer = self._stack.enter_context(pa.ipc.new_file(file, schema))
        return self._writer

    @contextmanager
    def _or_none(self) -> Iterator[Draft | None]:
        """The draft as long as it can be written."""
        try:
            with writing(self._draft.folder if self._draft else Path()):
                yield self._draft
        except StorageError as error:
            say(f"rows are parsed anew for every look at them: {error}")
            self._draft = None


def _ignore(error: RowError) -> None:
    """Nobody asked."""
