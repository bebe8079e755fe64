"""Class numbers as class names, where the Hugging Face `datasets` library wrote both.

It keeps a label as a number and the names in the schema's metadata, in its own files and in the
Parquet files of its hub. The names are what a person means, and what two files have in common.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from sonde.core.text import from_json

_KEY = b"huggingface"


def with_names(rows: pa.Table) -> pa.Table:
    """The same rows; a number that is no class, such as -1, is null."""
    for name, names in _class_names(rows.schema).items():
        place = rows.schema.get_field_index(name)
        if place < 0 or not pa.types.is_integer(rows.schema.field(place).type):
            continue
        numbers = rows.column(place)
        known = pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, len(names)))
        rows = rows.set_column(place, name, pc.take(names, pc.if_else(known, numbers, None)))
    return rows


def _class_names(schema: pa.Schema) -> dict[str, pa.StringArray]:
    """Field -> its classes in order, as far as the metadata is what it should be."""
    try:
        told = from_json((schema.metadata or {}).get(_KEY, b"{}").decode())
        features = told.get("info", {}).get("features", {}) if isinstance(told, Mapping) else {}
        return {
            name: pa.array(feature["names"], pa.string())
            for name, feature in features.items()
            if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, AttributeError, pa.ArrowException):
        return {}
