"""The rows of a source, as a split looks at them before any column is fitted."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from sonde.contracts.data import RowError, Source
from sonde.data.store import check_fields


@dataclass
class SourceRows:
    """The rows of a source as a split sees them; scanned once for the count, then by field."""

    source: Source
    errors: list[RowError] = field(default_factory=list)
    _count: int | None = None
    _fields: dict[str, pa.ChunkedArray] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of readable rows."""
        if self._count is None:
            first = [f.name for f in self.source.fields()][:1]
            self._count = sum(c.num_rows for c in self.source.scan(first, self.errors.append))
        return self._count

    def field(self, name: str) -> pa.ChunkedArray:
        """(N,) raw values of one field."""
        if name not in self._fields:
            check_fields(self.source, [name])
            kind = next(f.type for f in self.source.fields() if f.name == name)
            chunks = [chunk.column(name) for chunk in self.source.scan([name])]
            self._fields[name] = pa.chunked_array(chunks, kind)
        return self._fields[name]
