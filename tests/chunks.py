"""A source for tests: a table in memory, scanned a few rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import pyarrow as pa

from sonde.contracts.data import Field, RowError, Source


class Chunks(Source):
    """Chunks of `size` rows."""

    kind: ClassVar[str] = "chunks"
    size: int = 3
    table: Any

    @property
    def title(self) -> str:
        return "chunks"

    def fields(self) -> Sequence[Field]:
        return [Field(f.name, f.type) for f in self.table.schema]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        picked = self.table if fields is None else self.table.select(list(fields))
        yield from picked.combine_chunks().to_batches(max_chunksize=self.size)

    def fingerprint(self) -> str:
        return "the same each time, since this source never changes"
