"""Raw texts of rows, as they stand in the data: for whoever has a tokeniser of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column, Source


def text_fields(columns: Iterable[Column], types: Mapping[str, pa.DataType]) -> list[str]:
    """The raw fields of columns of words that hold texts, or lists of texts."""
    read = [
        field
        for column in columns
        if column.port.kind == "sequence" and column.port.size is not None
        for field in column.reads
    ]
    return [name for name in dict.fromkeys(read) if name in types and _is_text(types[name])]


def raw_texts(
    columns: Iterable[Column], source: Source, rows: np.ndarray
) -> Mapping[str, Sequence[str]]:
    """Field -> the texts of these rows, in their order; a missing one is empty."""
    fields = text_fields(columns, {field.name: field.type for field in source.fields()})
    if not fields:
        return {}
    wanted, order = np.unique(rows, return_inverse=True)
    held: dict[str, list[str]] = {name: [] for name in fields}
    first = 0
    for chunk in source.scan(fields):
        start, stop = np.searchsorted(wanted, (first, first + chunk.num_rows))
        picked = chunk.take(pa.array(wanted[start:stop] - first))
        for name in fields:
            held[name] += as_texts(picked.column(name))
        first += chunk.num_rows
    return {name: [texts[at] for at in order] for name, texts in held.items()}


def as_texts(values: pa.Array) -> list[str]:
    """(N,) texts, or lists of texts with a space between; missing ones are empty."""
    if _is_list(values.type):
        values = pc.binary_join(values.cast(pa.list_(pa.string())), " ")
    texts: list[str] = pc.fill_null(values, "").to_pylist()
    return texts


def _is_text(kind: pa.DataType) -> bool:
    inner = kind.value_type if _is_list(kind) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))
