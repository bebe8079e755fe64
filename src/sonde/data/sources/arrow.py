"""Arrow's own files: Feather, the IPC file and the IPC stream, told apart by their first bytes.

A file is mapped and read batch by batch; a stream may be packed with gzip. Every batch is checked
in full, since a file from elsewhere may point outside itself.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import pyarrow as pa
import pyarrow.ipc as ipc

from sonde.contracts.data import RowError
from sonde.core.errors import DataError
from sonde.data.sources._files import located, open_file, reading
from sonde.data.sources._forms import damage, plain_schema, sliced
from sonde.data.sources._row_files import RowFiles
from sonde.data.sources._values import ROWS

_FILE, _FIRST_FEATHER = b"ARROW1", b"FEA1"


class Arrow(RowFiles):
    """Arrow IPC files and streams, Feather files."""

    suffixes: ClassVar[tuple[str, ...]] = (".arrow", ".feather", ".ipc", ".arrows")
    magic: ClassVar[tuple[bytes, ...]] = (b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")

    def _schema(self, path: str) -> dict[str, tuple[str, pa.DataType]]:
        with _opened(path) as (schema, _):
            return plain_schema(path, schema)

    def _batches(
        self, path: str, names: Sequence[str], tell: Callable[[RowError], None]
    ) -> Iterator[pa.RecordBatch]:
        with _opened(path, names) as (_, batches):
            for batch in batches:
                batch.validate(full=True)
                yield from sliced(batch, ROWS)


@contextmanager
def _opened(
    path: str, names: Sequence[str] | None = None
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """The whole schema, and the batches with the named top-level fields.

    Raises:
        StorageError: it cannot be read.
        DataError: it is no Arrow file, or is damaged.
    """
    with open_file(path) as file:
        with reading(path):
            head = file.read(6)
            file.seek(0)
        if not head:
            raise DataError(f"{path}: the file is empty, expected an Arrow file")
        if head.startswith(_FIRST_FEATHER):
            raise DataError(
                f"{path}: the first version of Feather, which is no longer read. Write it again "
                "with pyarrow.feather.write_feather."
            )
        with damage(path, "an Arrow file"):
            if head == _FILE and isinstance(file, gzip.GzipFile):
                raise DataError(f"{path}: an Arrow file packed with gzip. Unpack it with gunzip.")
            if head == _FILE:
                with pa.memory_map(located(path)) as mapped:
                    whole = ipc.open_file(mapped)
                    reader = ipc.open_file(mapped, options=_only(whole.schema, names))
                    found = (reader.get_batch(i) for i in range(reader.num_record_batches))
                    yield whole.schema, found
                return
            schema = ipc.open_stream(file).schema
            file.seek(0)
            yield schema, iter(ipc.open_stream(file, options=_only(schema, names)))


def _only(schema: pa.Schema, names: Sequence[str] | None) -> ipc.IpcReadOptions:
    """To read these fields; the first where there are none, since Arrow takes none for all."""
    places = [] if names is None else [schema.names.index(name) for name in names] or [0]
    return ipc.IpcReadOptions(included_fields=places)
