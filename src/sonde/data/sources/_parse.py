"""How Arrow is told to parse a table's text, and which texts are missing values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from sonde.data._spaces import may_have_outer_space
from sonde.data.sources._detect import Layout


def parse_options(
    layout: Layout, missing: Sequence[str], reject: Callable[[csv.InvalidRow], str]
) -> dict[str, Any]:
    """What `pyarrow.csv` is told beside how to read: every field is text, bare markers are null."""
    return {
        "parse_options": csv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char=layout.quote or False,
            newlines_in_values=bool(layout.quote),
            ignore_empty_lines=False,
            invalid_row_handler=reject,
        ),
        "convert_options": csv.ConvertOptions(
            column_types=dict.fromkeys(layout.names, pa.string()),
            null_values=[text for text in _markers(missing) if text.isprintable()],
            strings_can_be_null=True,
        ),
    }


def with_nulls(rows: pa.RecordBatch, missing: Sequence[str]) -> pa.RecordBatch:
    """Null also where spaces stand around a missing marker.

    Only columns in which some value begins or ends with what may be a space are looked at closely.
    """
    markers = _markers(missing)
    odd = not all(text.isprintable() for text in markers)  # the parser was not told of those
    value_set = pa.array(markers, pa.string())
    columns = []
    for column in rows.columns:
        if odd or may_have_outer_space(column):
            found = pc.is_in(pc.utf8_trim_whitespace(column), value_set=value_set)
            column = pc.if_else(found, pa.scalar(None, pa.string()), column)
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def _markers(missing: Sequence[str]) -> list[str]:
    return sorted({text.strip() for text in missing})
