"""A caller's rows as a record batch, and rows as plain JSON values for a bundle."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Row
from sonde.core.errors import DataError, UnknownColumn, UsageError, listed, nearest
from sonde.core.port import PART, ROW
from sonde.data.sources._tables import from_rows, to_table
from sonde.data.sources._values import joined, simplified, to_png

_BYTES, _FLOAT, _TIME = "$bytes", "$float", "$time"


def as_rows(
    rows: Any, fields: Sequence[str], *, known: Collection[str] = ()
) -> tuple[pa.RecordBatch, list[str]]:
    """N rows as a record batch with exactly `fields`.

    Args:
        rows: a row or a list of rows (mappings), or a pandas, polars or Arrow table. A picture is
            a path, encoded bytes, an array (H, W) or (H, W, 3) uint8, or a PIL image; the last
            two become PNG bytes.
        fields: the fields wanted, in this order.
        known: further fields that may come and are left out.

    Returns:
        The batch, and the fields that no row has; those are null, as texts.

    Raises:
        UsageError: these are no rows, or a column's values have no common type.
        UnknownColumn: a row has a field that is neither wanted nor known.
    """
    rows = [rows] if isinstance(rows, Mapping) else rows
    table = from_rows(rows) if isinstance(rows, list | tuple) else _of_table(rows)
    allowed = {*fields, *known, ROW, PART}
    for name in table.column_names:
        if name not in allowed:
            near = nearest(name, fields)
            hint = f" Did you mean {near!r}?" if near else ""
            raise UnknownColumn(
                f"the model knows no field {name!r}.{hint} Fields: {listed(fields, 30)}"
            )
    absent = [name for name in fields if name not in table.column_names]
    count = len(rows) if isinstance(rows, list | tuple) else table.num_rows
    columns = [
        pa.nulls(count, pa.string()) if name in absent else joined(table.column(name))
        for name in fields
    ]
    return pa.RecordBatch.from_arrays(columns, names=list(fields)), absent


def to_jsonable(batch: pa.RecordBatch) -> list[Row]:
    """Rows as plain JSON values; `from_jsonable` brings them back.

    Bytes are `{"$bytes": base64}`; a picture given as a uint8 tensor is written as PNG bytes; NaN
    is None; infinities are `{"$float": "inf"}`; a date or time is `{"$time": ISO 8601}`, to the
    microsecond; a list is a list of such values, or of mappings of them where it holds
    structures, such as boxes.

    Raises:
        DataError: a column's type has no such form, or a structure's field is called like a mark.
    """
    columns = {
        name: _plain_column(name, column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return [{name: column[row] for name, column in columns.items()} for row in range(len(batch))]


def from_jsonable(rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Rows that `to_jsonable` wrote.

    Raises:
        DataError: a value is neither plain nor one of the marked forms.
    """
    table = from_rows([{name: _restored(name, v) for name, v in row.items()} for row in rows])
    columns = [joined(column) for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, names=table.column_names)


def _of_table(rows: Any) -> pa.Table:
    if isinstance(rows, str | Path):
        raise UsageError(
            f"rows: got the {'text' if isinstance(rows, str) else 'path'} {str(rows)[:60]!r}, "
            "expected a table or a list of rows, such as [{'text': ...}] with the model's fields. "
            "A file of rows is answered by  sonde predict MODEL FILE"
        )
    names = set(rows.schema.names) if isinstance(rows, pa.RecordBatch | pa.Table) else set()
    return to_table(rows.drop_columns(list(names & {ROW, PART})) if names else rows, "rows")


def _plain_column(name: str, column: pa.Array) -> list[Any]:
    kind = column.type
    if isinstance(kind, pa.FixedShapeTensorType) and kind.value_type == pa.uint8():
        return [_marked(to_png(name, picture)) for picture in column.to_numpy_ndarray()]
    column = simplified(column)
    kind = column.type
    if pa.types.is_binary(kind):
        return [value if value is None else _marked(value) for value in column.to_pylist()]
    if pa.types.is_floating(kind):
        return [
            {_FLOAT: str(value)} if value is not None and math.isinf(value) else value
            for value in column.to_pylist()
        ]
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_string(kind):
        return list(column.to_pylist())
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        moments = _to_microseconds(column).to_pylist()
        return [value if value is None else {_TIME: value.isoformat()} for value in moments]
    if pa.types.is_decimal(kind):
        return list(column.cast(pa.float64()).to_pylist())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _plain_lists(name, column)
    raise DataError(
        f"column {name!r} has type {kind}, which a bundle's rows cannot hold; expected truth "
        "values, numbers, texts, times, bytes, pictures, or lists of these"
    )


def _to_microseconds(column: pa.Array) -> pa.Array:
    """Dates and times of any unit as timestamps in microseconds, which Python can hold."""
    zone = column.type.tz if pa.types.is_timestamp(column.type) else None
    return column.cast(pa.timestamp("us", zone), safe=False)


def _plain_lists(name: str, column: pa.Array) -> list[Any]:
    held = column.flatten()
    plain = _plain_structures if pa.types.is_struct(held.type) else _plain_column
    values = plain(name, held)
    ends = pc.cumulative_sum(pc.fill_null(pc.list_value_length(column), 0)).to_pylist()
    pairs = zip([0, *ends], ends, column.is_valid().to_pylist(), strict=False)
    return [values[start:end] if valid else None for start, end, valid in pairs]


def _plain_structures(name: str, column: pa.Array) -> list[Any]:
    fields = [field.name for field in column.type]
    if any(field.startswith("$") for field in fields):
        raise DataError(f"column {name!r}: got fields {fields}, expected none that begins with $")
    values = [_plain_column(f"{name}.{own}", column.field(own)) for own in fields]
    rows = zip(*values, strict=True) if values else [()] * len(column)
    known = column.is_valid().to_pylist()
    return [
        dict(zip(fields, row, strict=True)) if valid else None
        for row, valid in zip(rows, known, strict=True)
    ]


def _marked(value: bytes) -> dict[str, str]:
    return {_BYTES: base64.b64encode(value).decode("ascii")}


def _restored(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_restored_item(name, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    match dict(value):
        case {"$bytes": str(text)} if len(value) == 1:
            try:
                return base64.b64decode(text, validate=True)
            except ValueError:
                raise DataError(f"column {name!r}: got bytes that are not base64") from None
        case {"$time": str(text)} if len(value) == 1:
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                raise DataError(f"column {name!r}: got {text!r}, expected a time") from None
        case {"$float": "inf" | "-inf" as text} if len(value) == 1:
            return float(text)
    raise DataError(f"column {name!r}: got {value!r}, expected a plain value or bytes")


def _restored_item(name: str, value: Any) -> Any:
    """Of a list: a structure too."""
    if isinstance(value, Mapping) and not any(field.startswith("$") for field in value):
        return {field: _restored(f"{name}.{field}", item) for field, item in value.items()}
    return _restored(name, value)
