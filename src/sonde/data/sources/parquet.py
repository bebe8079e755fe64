"""Parquet: tables in columns, as data engines write them.

Row groups are streamed, and only the columns asked for are read, so memory stays bounded whatever
the size of the file. What a file claims of itself is checked before it is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from sonde.contracts.data import RowError
from sonde.core.errors import DataError
from sonde.data.sources._files import check_file, located
from sonde.data.sources._forms import bare_rows, damage, plain_schema
from sonde.data.sources._row_files import RowFiles
from sonde.data.sources._values import ROWS

_BUFFER = 1 << 20
"""Bytes of a column read at a time."""

_MOST_ROWS_A_BYTE = 250
"""Only columns that never change pack more rows into a byte of file: nothing could be learned."""


class Parquet(RowFiles):
    """Parquet files; a folder may be partitioned as hive does it."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")
    magic: ClassVar[tuple[bytes, ...]] = (b"PAR1",)

    def _schema(self, path: str) -> dict[str, tuple[str, pa.DataType]]:
        with _opened(path) as file:
            return plain_schema(path, file.schema_arrow)

    def _batches(
        self, path: str, names: Sequence[str], tell: Callable[[RowError], None]
    ) -> Iterator[pa.RecordBatch]:
        with _opened(path) as file:
            for group in range(file.num_row_groups):
                expected, seen = file.metadata.row_group(group).num_rows, 0
                if not names:
                    for start in range(0, expected, ROWS):
                        yield bare_rows(min(ROWS, expected - start))
                    continue
                for batch in file.iter_batches(ROWS, row_groups=[group], columns=list(names)):
                    seen += len(batch)
                    batch.validate()
                    yield batch
                if seen != expected:
                    raise DataError(
                        f"{path}: row group {group} holds {seen:,} rows, its footer says "
                        f"{expected:,}. Copy or write the file again."
                    )


@contextmanager
def _opened(path: str) -> Iterator[pq.ParquetFile]:
    """The file, what it claims checked against its size.

    Raises:
        StorageError: it cannot be read.
        DataError: it is no Parquet file, or is damaged, or claims what cannot be.
    """
    size = check_file(path)
    if not size:
        raise DataError(f"{path}: the file is empty, expected a Parquet file")
    with (
        damage(path, "a Parquet file"),
        pq.ParquetFile(
            located(path), buffer_size=_BUFFER, pre_buffer=False, page_checksum_verification=True
        ) as file,
    ):
        rows = file.metadata.num_rows
        if not 0 <= rows <= _MOST_ROWS_A_BYTE * size:
            raise DataError(
                f"{path}: claims {rows:,} rows in {size:,} bytes, which no table to learn from "
                "needs. Is it the file you mean?"
            )
        yield file
