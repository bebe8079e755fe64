"""Tables that come as a stream: DuckDB relations, Hugging Face datasets, Arrow readers.

A stream may be longer than memory and may differ when it is asked twice, while rows are named by
their number. So it is written once into a file without a name, in the folder of encoded data, and
read from there as mapped memory; the file goes when the rows do.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pyarrow as pa

from sonde.core.errors import DataError, StorageError
from sonde.data.cache import cache_folder
from sonde.data.sources._values import ROWS


def library(data: Any) -> str:
    """The package an object's class comes from."""
    return type(data).__module__.partition(".")[0]


def open_stream(data: Any) -> pa.RecordBatchReader | None:
    """What gives the rows of `data` one batch after another; None where they lie in memory."""
    if library(data) == "datasets" and hasattr(data, "with_format"):
        return _of_dataset(data)
    if isinstance(data, pa.RecordBatchReader):
        return data
    if library(data) in ("pandas", "polars", "pyarrow") or not hasattr(data, "__arrow_c_stream__"):
        return None
    return pa.RecordBatchReader.from_stream(data)


def kept(where: str, stream: pa.RecordBatchReader) -> pa.Table:
    """All rows of a stream, on disk.

    Raises:
        DataError: the stream breaks.
        StorageError: there is no room for it.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            with pa.ipc.new_file(file, stream.schema) as writer:
                for batch in stream:
                    writer.write_batch(batch)
            file.flush()
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        if error.errno is None:
            raise DataError(f"{where}: its rows cannot be read: {error}") from None
        raise StorageError(
            f"{where}: its rows cannot be kept in {folder}: {error.strerror}. SONDE_CACHE names "
            "another folder."
        ) from None
    except pa.ArrowException as error:
        raise DataError(f"{where}: its rows cannot be read: {error}") from None
    return pa.ipc.open_file(pa.py_buffer(mapped)).read_all()


def _of_dataset(data: Any) -> pa.RecordBatchReader:
    """A Hugging Face dataset, selections and shuffles applied."""
    tables: Iterator[pa.Table] = data.with_format("arrow").iter(ROWS)
    first = next(tables, None)
    if first is None:
        return pa.RecordBatchReader.from_batches(pa.schema([]), [])
    schema: pa.Schema = data.features.arrow_schema if data.features else first.schema
    every = (table.cast(schema) for table in chain([first], tables))
    batches = (batch for table in every for batch in table.to_batches())
    return pa.RecordBatchReader.from_batches(schema, batches)
