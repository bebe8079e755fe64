"""Class numbers as class names, where the Hugging Face `datasets` library wrote both.

It keeps a label as a number and the names in the schema's metadata, in its own files and in the
Parquet files of its hub. The names are what a person means, and what two files have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.core.text import from_json

_KEY = b"huggingface"


def with_names(rows: pa.Table) -> pa.Table:
    """The same rows; a number that is no class, such as -1, is null."""
    for name, names in _class_names(rows.schema).items():
        place = rows.schema.get_field_index(name)
        kind = rows.schema.field(place).type if place >= 0 else pa.null()
        if pa.types.is_integer(kind):
            rows = rows.set_column(place, name, _named(rows.column(place), names))
        elif pa.types.is_list(kind) and pa.types.is_integer(kind.value_type):
            chunks = [_named_lists(chunk, names) for chunk in rows.column(place).chunks]
            listed = pa.chunked_array(chunks, pa.list_(pa.string()))
            rows = rows.set_column(place, name, listed)
    return rows


def _named(numbers: Any, names: pa.StringArray) -> Any:
    known = pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, len(names)))
    return pc.take(names, pc.if_else(known, numbers, None))


def _named_lists(lists: pa.ListArray, names: pa.StringArray) -> pa.ListArray:
    counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    starts = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    values = _named(pc.list_flatten(lists), names)
    return pa.ListArray.from_arrays(starts, values, mask=lists.is_null())


def _class_names(schema: pa.Schema) -> dict[str, pa.StringArray]:
    """Field -> its classes in order, as far as the metadata is what it should be."""
    try:
        told = from_json((schema.metadata or {}).get(_KEY, b"{}").decode())
        features = told.get("info", {}).get("features", {}) if isinstance(told, Mapping) else {}
        return {
            name: pa.array(inner["names"], pa.string())
            for name, feature in features.items()
            if isinstance(inner := _item(feature), Mapping) and inner.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, AttributeError, pa.ArrowException):
        return {}


def _item(feature: Any) -> Any:
    """What a list is of, as any version of the library wrote it; of anything else itself."""
    if isinstance(feature, list) and len(feature) == 1:
        return feature[0]
    is_list = isinstance(feature, Mapping) and feature.get("_type") in ("Sequence", "List")
    return feature.get("feature") if is_list else feature
