"""Raw fields as series of numbers: lists, lists of lists, arrays, and texts of either."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import RowError
from sonde.core.text import from_json
from sonde.data.columns._text import (
    is_numeric,
    is_text,
    not_readable,
    plain,
    shortened,
    to_numbers,
    trimmed,
)

READABLE = "lists of numbers, lists of lists of numbers, arrays, or texts of these"

_FLAT = r"^\[[^\[\]]*\]$"
_BETWEEN = r"[\s,;|]+"
_UNKNOWN = r"^(null|nan|NaN|None)$"


class Series(NamedTuple):
    """N rows of steps.

    Attributes:
        numbers: float64, all rows' steps one after another, NaN where one is missing.
        lengths: (N,) int64, numbers of each row.
        widths: (N,) int64, numbers of each of a row's steps: 1 where they stand in no lists.
        present: (N,) bool.
        errors: rows that cannot be read; they have no numbers.
    """

    numbers: np.ndarray
    lengths: np.ndarray
    widths: np.ndarray
    present: np.ndarray
    errors: list[RowError]


def is_list(kind: pa.DataType) -> bool:
    """Whether a field of this Arrow type holds lists."""
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def as_lists(raw: pa.Array) -> pa.Array:
    """Arrays of one shape as the lists that Arrow stores them in; of two axes, lists of lists."""
    if not isinstance(raw, pa.FixedShapeTensorArray):
        return raw
    known = raw.filter(raw.is_valid())
    arrays = known.to_numpy_ndarray() if len(known) else np.empty((0, *raw.type.shape))
    found = iter(arrays.tolist())
    rows = [next(found) if valid else None for valid in raw.is_valid().to_pylist()]
    number = pa.from_numpy_dtype(arrays.dtype)
    kind = pa.list_(number) if arrays.ndim == 2 else pa.list_(pa.list_(number))
    return pa.array(rows, kind)


def read_series(raw: pa.Array, *, name: str) -> Series:
    """Series in whatever form.

    Raises:
        DataError: the field holds none.
    """
    raw = as_lists(plain(raw))
    if is_text(raw.type):
        return _of_texts(trimmed(raw, ()))
    if pa.types.is_null(raw.type):
        return _of_texts(pa.nulls(len(raw), pa.string()))
    inner = raw.type.value_type if is_list(raw.type) else None
    if inner is not None and is_numeric(inner):
        return _of_lists(raw)
    if inner is not None and is_list(inner) and is_numeric(inner.value_type):
        return _of_nested(raw)
    if inner is not None and pa.types.is_null(inner):
        return _of_lists(pc.cast(raw, pa.list_(pa.float64())))
    raise not_readable(raw, name, READABLE)


def _of_lists(raw: pa.Array) -> Series:
    lengths = _lengths(raw)
    numbers = _floats(raw.flatten())
    ones = np.ones(len(raw), np.int64)
    return _finite(Series(numbers, lengths, ones, _valid(raw), []))


def _of_nested(raw: pa.Array) -> Series:
    """Lists of lists: a row whose steps differ in width, or lack a step, cannot be read."""
    steps = raw.flatten()
    counts, sizes = _lengths(raw), _lengths(steps)
    row = np.repeat(np.arange(len(raw)), counts)
    widths = np.zeros(len(raw), np.int64)
    widths[row[::-1]] = sizes[::-1]  # each row's first
    uneven = np.zeros(len(raw), bool)
    uneven[row[(sizes != widths[row]) | (sizes == 0)]] = True
    kept = np.repeat(~uneven[row], sizes)
    errors = [
        RowError(int(at), shortened(raw[int(at)].as_py()), "steps of as many numbers each")
        for at in np.flatnonzero(uneven)
    ]
    lengths = np.bincount(row, weights=sizes, minlength=len(raw)).astype(np.int64)
    lengths[uneven] = 0
    numbers = _floats(steps.flatten())[kept]
    return _finite(Series(numbers, lengths, np.maximum(widths, 1), _valid(raw), errors))


def _of_texts(text: pa.StringArray) -> Series:
    """`1.5 2 3`, `1.5, 2`, `[1.5, 2, null]`, `[[1, 2], [3, 4]]`."""
    nested = pc.fill_null(pc.starts_with(text, "[["), False).to_numpy(zero_copy_only=False)
    if nested.any():
        return _of_json(text)
    flat = pc.fill_null(pc.match_substring_regex(text, _FLAT), False)
    bare = pc.if_else(flat, pc.utf8_trim(text, "[]"), text)
    parts = pc.split_pattern_regex(pc.utf8_trim(bare, " \t\r\n,;|"), _BETWEEN)
    lengths, words = _lengths(parts), parts.flatten()
    blank = pc.or_(pc.equal(words, ""), pc.match_substring_regex(words, _UNKNOWN))
    numbers, wrong = to_numbers(pc.if_else(blank, None, words), name="")
    row = np.repeat(np.arange(len(text)), lengths)
    none = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(bare), ""), False)
    empty = none.to_numpy(zero_copy_only=False)
    broken = np.zeros(len(text), bool)
    broken[row[wrong]] = True
    errors = [
        RowError(int(at), shortened(text[int(at)].as_py()), "numbers with a space or comma between")
        for at in np.flatnonzero(broken)
    ]
    out = broken | empty
    ones = np.ones(len(text), np.int64)
    lengths = np.where(out, 0, lengths)
    return _finite(Series(numbers[~out[row]], lengths, ones, _valid(text), errors))


def _of_json(text: pa.StringArray) -> Series:
    """Texts some of which are lists of lists, read one by one."""
    rows: list[Any] = []
    errors = []
    for at, item in enumerate(text.to_pylist()):
        try:
            rows.append(None if item is None else _nested(from_json(item)))
        except (ValueError, TypeError):
            errors.append(RowError(at, shortened(item), "a JSON list of lists of numbers"))
            rows.append([])
    found = _of_nested(pa.array(rows, pa.list_(pa.list_(pa.float64()))))
    return found._replace(errors=sorted([*errors, *found.errors]))


def _nested(value: Any) -> list[list[float | None]]:
    """A JSON list as lists of numbers.

    Raises:
        ValueError, TypeError: it is none.
    """
    if not isinstance(value, list):
        raise TypeError("no list")
    steps = [step if isinstance(step, list) else [step] for step in value]
    for number in (number for step in steps for number in step):
        if isinstance(number, bool) or not isinstance(number, int | float | None):
            raise TypeError("no number")
    return [[None if n is None else float(n) for n in step] for step in steps]


def _finite(series: Series) -> Series:
    """The same, rows with an infinite number being errors."""
    row = np.repeat(np.arange(len(series.lengths)), series.lengths)
    infinite = np.isinf(series.numbers)
    if not infinite.any():
        return series
    rows = np.unique(row[infinite])
    errors = [RowError(int(at), "a series with inf", "finite numbers") for at in rows]
    lengths = series.lengths.copy()
    lengths[rows] = 0
    numbers = series.numbers[~np.isin(row, rows)]
    return series._replace(
        numbers=numbers, lengths=lengths, errors=sorted([*series.errors, *errors])
    )


def _floats(numbers: pa.Array) -> np.ndarray:
    floats: np.ndarray = pc.cast(numbers, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return floats


def _lengths(lists: pa.Array) -> np.ndarray:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    found: np.ndarray = lengths.astype(np.int64)
    return found


def _valid(raw: pa.Array) -> np.ndarray:
    valid: np.ndarray = raw.is_valid().to_numpy(zero_copy_only=False)
    return valid
