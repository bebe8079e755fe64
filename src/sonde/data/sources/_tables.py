"""Tables that lie in memory, as Arrow: data frames, mappings of arrays, lists of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sonde.core.errors import DataError, UsageError, listed
from sonde.core.port import PART
from sonde.data.parts import PARTS
from sonde.data.sources._fields import check_names
from sonde.data.sources._forms import common_type, flattened, open_type
from sonde.data.sources._streams import kept, library, open_stream
from sonde.data.sources._values import from_numpy, from_values, simplified, to_numpy

_TAKEN = (
    "a pandas, polars or Arrow table, a DuckDB relation, a Hugging Face dataset, a mapping of "
    "names to arrays or lists, a list of rows (each a mapping), or a path"
)


def to_table(data: Any, where: str = "data") -> pa.Table:
    """An Arrow table of `data`, copied only where it must be.

    A pandas index is not data and is left out: `reset_index()` makes it a column. Tables by part,
    such as `{"train": ..., "test": ...}`, come one after another with the field `#part`.

    Raises:
        UsageError: it is nothing that holds rows.
        DataError: columns differ in length, or their names cannot name columns.
    """
    if isinstance(data, Mapping) and _are_parts(data):
        return _from_parts(data, where)
    if library(data) == "pandas" and hasattr(data, "columns"):
        table = _from_pandas(data, where)
    elif (stream := open_stream(data)) is not None:
        table = kept(where, stream)
    elif hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        try:
            table = pa.table(data)
        except (pa.ArrowInvalid, TypeError) as error:
            raise UsageError(f"{where}: got one column, expected {_TAKEN} ({error})") from None
    elif isinstance(data, Mapping):
        table = _from_columns(data, where)
    elif isinstance(data, Sequence) and not isinstance(data, str | bytes):
        table = from_rows(data)
    else:
        raise UsageError(f"{where}: got {type(data).__name__}, expected {_TAKEN}")
    table = flattened(table)
    check_names(where, table.column_names)
    return table.replace_schema_metadata(None)  # pandas notes its version there


def from_rows(rows: Sequence[Any]) -> pa.Table:
    """Rows as mappings; a field a row lacks is null there. Fields stand as first met.

    Raises:
        UsageError: a row is no mapping, or a field's name no text.
    """
    names: dict[str, None] = {}
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise UsageError(
                f"row {place}: got {type(row).__name__}, expected a mapping such as "
                '{"age": 29, "sex": "female"}'
            )
        names |= dict.fromkeys(row)
    _check_texts(names)
    table = pa.table({name: from_values(name, [row.get(name) for row in rows]) for name in names})
    return flattened(table)


def _are_parts(data: Mapping[Any, Any]) -> bool:
    """Whether these are whole tables by part, rather than columns of one."""
    tables = all(hasattr(v, "columns") or hasattr(v, "column_names") for v in data.values())
    return tables and "train" in data and data.keys() <= PARTS.keys()


def _from_parts(data: Mapping[str, Any], where: str) -> pa.Table:
    tables: dict[str, pa.Table] = {}
    for name in sorted(data, key=list(PARTS).index):
        if PARTS[name] in tables:
            raise UsageError(f"{where}: got {listed(data)}, expected one table for a part")
        tables[PARTS[name]] = to_table(data[name], f"{where}, {name}")
    first = tables["train"].column_names
    for part, table in tables.items():
        if set(table.column_names) != set(first):
            raise DataError(
                f"{where}: {part} has the columns {listed(table.column_names)}; train has "
                f"{listed(first)}. Make them alike."
            )
    kinds = {
        name: common_type(name, {p: open_type(t.field(name).type) for p, t in tables.items()})
        for name in first
    }
    alike = [
        pa.table({name: _cast(table.column(name), kind) for name, kind in kinds.items()})
        .append_column(PART, pa.repeat(part, table.num_rows))
        for part, table in tables.items()
    ]  # fmt: skip
    return pa.concat_tables(alike)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    chunks = [simplified(chunk) for chunk in column.chunks]
    return pa.chunked_array([c if c.type == kind else c.cast(kind) for c in chunks], kind)


def _from_columns(columns: Mapping[str, Any], where: str) -> pa.Table:
    _check_texts(columns)
    made = {name: _column(name, values) for name, values in columns.items()}
    lengths = {name: len(column) for name, column in made.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length:,}" for name, length in lengths.items())
        raise DataError(f"{where}: columns differ in length: {shown} rows")
    return pa.table(made)


def _column(name: str, values: Any) -> pa.Array | pa.ChunkedArray:
    values = to_numpy(values)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if isinstance(values, np.ndarray):
        return from_numpy(name, values)
    if hasattr(values, "__arrow_c_stream__"):  # a polars or pandas series
        return pa.chunked_array(values)
    if isinstance(values, Sequence) and not isinstance(values, str | bytes):
        return from_values(name, values)
    raise UsageError(
        f"column {name!r}: got {type(values).__name__}, expected an array or a list, a value per "
        "row"
    )


def _from_pandas(frame: Any, where: str) -> pa.Table:
    names = [str(name) for name in frame.columns]
    check_names(where, names)
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    for place, name in enumerate(names):
        series = frame.iloc[:, place]
        try:
            columns[name] = pa.array(series, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # objects of several types, or pictures
            columns[name] = from_values(name, series.tolist())
    return pa.table(columns)


def _check_texts(names: Mapping[Any, Any]) -> None:
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise UsageError(f"got the column name {wrong[0]!r}, expected a text")
