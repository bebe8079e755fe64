"""JSON lines: an object on each line, packed with gzip or not; or all objects in one list.

    {"age": 29, "sex": "female", "address": {"city": "Bath"}}

Objects inside a row become dotted fields (`address.city`). A field that a row lacks is null there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import ClassVar

import pyarrow as pa

from sonde.contracts.data import RowError
from sonde.data.sources._forms import bare_rows
from sonde.data.sources._json_items import LINES, before_items
from sonde.data.sources._json_lines import find_types, read_objects, to_array
from sonde.data.sources._row_files import RowFiles
from sonde.data.sources._values import ROWS


class Jsonl(RowFiles):
    """Files with a JSON object on each line, or a list of them: alone, or under a name."""

    suffixes: ClassVar[tuple[str, ...]] = LINES
    magic: ClassVar[tuple[bytes, ...]] = (b'{"', b"{}", b'{ "')

    @classmethod
    def claims(cls, path: str, head: bytes) -> bool:
        """Whether an object or a list of objects begins there."""
        return super().claims(path, head) or before_items(path, head) is not None

    def _schema(self, path: str) -> dict[str, tuple[str, pa.DataType]]:
        return {name: (name, kind) for name, kind in find_types(path).items()}

    def _batches(
        self, path: str, names: Sequence[str], tell: Callable[[RowError], None]
    ) -> Iterator[pa.RecordBatch]:
        kinds = {name: self._forms[path].fields[name][1] for name in names}
        objects = read_objects(path, tell)
        while rows := [row for _, row in islice(objects, ROWS)]:
            columns = {n: to_array([row.get(n) for row in rows], k) for n, k in kinds.items()}
            yield pa.record_batch(columns) if columns else bare_rows(len(rows))
