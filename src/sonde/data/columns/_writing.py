"""How numbers are written: the decimal mark, separators of thousands, a unit beside them.

Found only where the texts leave no doubt: `12,5` has a decimal comma, `1,234,567` has not, and
`1,234` could be either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.data.columns._text import to_numbers

_TRIED = 1000
"""Distinct texts that are looked at."""

_PARTS = r"^(?P<before>[$€£¥]?)\s*(?P<core>[+-]?[\d.,' ]*\d[.,]?)\s*(?P<after>(?:[A-Za-z%°µ].*)?)$"
"""A sign of money, digits and marks, a unit."""

_READINGS: tuple[dict[str, str], ...] = (
    {},
    {"decimal": ","},
    {"thousands": ","},
    {"decimal": ",", "thousands": "."},
    {"thousands": " "},
    {"thousands": "'"},
)


def writing_of(text: pa.StringArray) -> tuple[dict[str, Any], str | None] | None:
    """The options that make numbers of trimmed texts, and what is unsure; None where none do."""
    words = pc.unique(pc.drop_null(text[: 4 * _TRIED]))[:_TRIED]
    if not len(words):
        return None
    parts = pc.extract_regex(words, _PARTS)
    if parts.null_count:
        return None
    affixes = {name: pc.unique(parts.field(name)).to_pylist() for name in ("before", "after")}
    if any(len(found) > 1 for found in affixes.values()):
        return None
    drop = [found[0].strip() for found in affixes.values() if found[0].strip()]
    core = pc.utf8_trim_whitespace(parts.field("core"))
    read = [(reading, to_numbers(core, name="", **reading)) for reading in _READINGS]
    readings = [(reading, values) for reading, (values, wrong) in read if not wrong.any()]
    if not readings:
        return None
    options: dict[str, Any] = {"drop": drop} if drop else {}
    first, numbers = readings[0]
    other = next((r for r, values in readings[1:] if not np.array_equal(values, numbers)), None)
    if other is None:
        return options | first, None
    unsure = (
        f"its numbers, such as {words[0].as_py()!r}, could be written with {_told(first)} or "
        f"with {_told(other)}. Say which, such as  NAME: {_flow(options | other)}"
    )
    return options | first, unsure


def _told(reading: Mapping[str, str]) -> str:
    names = {"decimal": "a decimal", "thousands": "thousands parted by"}
    return " and ".join(f"{names[key]} {value!r}" for key, value in reading.items())


def _flow(options: Mapping[str, Any]) -> str:
    """Options as they stand in a recipe."""
    inner = "".join(f', {key}: "{value}"' for key, value in options.items() if key != "drop")
    drop = f", drop: {options['drop']}" if "drop" in options else ""
    return f"{{kind: number{inner}{drop}}}"
