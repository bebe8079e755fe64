"""Raw fields as text and as numbers: what the columns that read single values share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from sonde.core.errors import DataError
from sonde.data._spaces import may_be_empty, may_have_outer_space

Text = Annotated[str, Field(min_length=1)]
"""A text to remove: never the empty one, which stands everywhere."""

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"

_PARSED = rf"{NUMBER}|^[+-]?(?i:inf|infinity)$"
"""What Arrow reads as a number, but for its names of NaN."""

_EXACT = 2.0**53
"""Whole numbers below it are exact in float64."""


def to_text(raw: pa.Array, *, name: str) -> pa.StringArray:
    """(N,) texts, null where missing: numbers in their shortest form, 3.0 as '3', True as 'true'.

    Raises:
        DataError: the field holds lists, pictures or other things that are no single value.
    """
    raw = plain(raw)
    if pa.types.is_string(raw.type):
        return raw
    if pa.types.is_decimal(raw.type):
        raw = pc.cast(raw, pa.float64())
    try:
        return _float_text(raw) if pa.types.is_floating(raw.type) else pc.cast(raw, pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise not_readable(raw, name, "texts, whole numbers or booleans") from None


def _float_text(raw: pa.Array) -> pa.StringArray:
    raw = pc.if_else(pc.is_nan(raw), None, raw)
    whole = pc.and_(pc.equal(pc.floor(raw), raw), pc.less(pc.abs(raw), _EXACT))
    integers = pc.cast(pc.if_else(whole, raw, None), pa.int64())
    return pc.if_else(whole, pc.cast(integers, pa.string()), pc.cast(raw, pa.string()))


def trimmed(text: pa.StringArray, drop: Sequence[str]) -> pa.StringArray:
    """(N,) texts without the texts to drop and outer spaces; null where nothing is left."""
    for unwanted in drop:
        text = pc.replace_substring(text, unwanted, "")
    if may_have_outer_space(text):
        text = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.equal(text, ""), None, text) if may_be_empty(text) else text


def to_numbers(
    raw: pa.Array, *, name: str, drop: Sequence[str] = (), decimal: str = ".", thousands: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as they are or as they are written: 12, +.5, 1e-3, inf; not 1_000, 0x1f or nan.

    Args:
        raw: (N,) numbers or texts.
        name: the column's, for the message.
        drop: texts to remove.
        decimal: the decimal mark.
        thousands: what parts groups of three digits: where it stands elsewhere, no number is read.

    Returns:
        values (N,) float64, NaN where missing or wrong; wrong (N,) bool, true where a text stands
        that is no number.

    Raises:
        DataError: the field holds dates, lists, pictures or other things that are no numbers.
    """
    raw = plain(raw)
    if not pa.types.is_string(raw.type):
        try:  # not safe: integers beyond 2**53 lose digits, as any network's input does
            values = pc.cast(raw, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # the second of bytes
            raise not_readable(raw, name, "numbers, or texts that are numbers") from None
        return values, np.zeros(len(raw), bool)
    text = raw
    values = None if drop or thousands or decimal != "." else _all_parsed(raw)
    if values is None:
        text = trimmed(raw, drop)
        values = _parse(_point_only(text, decimal, thousands))
    nan = np.isnan(values)
    if np.count_nonzero(nan) == text.null_count:
        return values, np.zeros(len(raw), bool)
    return values, nan & pc.is_valid(text).to_numpy(zero_copy_only=False)


def _point_only(text: pa.StringArray, decimal: str, thousands: str) -> pa.StringArray:
    """(N,) texts without separators of thousands and with a decimal point."""
    if thousands:
        mark, point = re.escape(thousands), re.escape(decimal)
        grouped = pc.match_substring_regex(text, rf"^[+-]?\d{{1,3}}({mark}\d{{3}})+({point}\d*)?$")
        text = pc.if_else(grouped, pc.replace_substring(text, thousands, ""), text)
    if decimal != ".":
        pointed = pc.match_substring(text, ".")
        text = pc.if_else(pointed, "two marks", pc.replace_substring(text, decimal, "."))
    return text


def _parse(text: pa.StringArray) -> np.ndarray:
    """(N,) float64, NaN where no number stands."""
    values = _all_parsed(text)
    if values is None:
        written = pc.if_else(pc.match_substring_regex(text, _PARSED), text, None)
        values = pc.cast(written, pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _all_parsed(text: pa.StringArray) -> np.ndarray | None:
    """(N,) float64, None unless all are numbers as they stand.

    They nearly always are: trimming and matching each first would cost double.
    """
    try:
        values: np.ndarray = pc.cast(text, pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return values


def plain(raw: pa.Array) -> pa.Array:
    """The same values without a dictionary, texts as `pa.string()`."""
    if pa.types.is_dictionary(raw.type):
        raw = raw.dictionary_decode()
    if is_text(raw.type):
        return pc.cast(raw, pa.string())
    return raw


def is_text(kind: pa.DataType) -> bool:
    """Whether a field of this Arrow type holds texts, in whatever layout."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def is_numeric(kind: pa.DataType) -> bool:
    """Whether a field of this Arrow type holds numbers."""
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def not_readable(raw: pa.Array, name: str, expected: str) -> DataError:
    """The error for a whole field that a column cannot read."""
    return DataError(
        f"column {name!r}: got a field of type {raw.type}, expected {expected}. "
        "Declare the column as another kind, or leave it out of the recipe."
    )


def shortened(value: object, most: int = 60) -> str:
    """A value as a message can hold it."""
    text = str(value)
    return text if len(text) <= most else text[: most - 3] + "..."


def counted(number: float) -> str:
    """A number as a reader likes it: 0.1667, 2015, 13,070."""
    if not 1e4 <= abs(number) < 1e15:
        return f"{number:.4g}"
    return f"{number:,.0f}"
