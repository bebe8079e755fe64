"""Times: dates, texts that are dates, and numbers, put in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Rows
from sonde.core.errors import DataError, listed
from sonde.data.columns._dates import MISSING, fitting, read_temporal, read_texts
from sonde.data.columns._text import is_numeric, is_text, plain, to_numbers, trimmed

_LOOKED_AT = 100
"""Texts that tell a field of dates from others."""


@dataclass(frozen=True)
class Times:
    """The times of N rows.

    Attributes:
        of: (N,) int64 place of each row's time among the distinct ones.
        counts: (T,) int64 rows of each distinct time, in order.
        values: (T,) the distinct times, as they are shown.
    """

    of: np.ndarray
    counts: np.ndarray
    values: np.ndarray

    @classmethod
    def read(cls, rows: Rows, field: str, form: str | None = None) -> Self:
        """Every row's time; `form` as a column of dates has it, such as %d/%m/%Y.

        Raises:
            UnknownColumn: there is no such field.
            DataError: a row has no time, or texts may be read in two ways.
        """
        chunked = rows.field(field)
        raw = plain(pa.concat_arrays(chunked.chunks) if chunked.num_chunks else pa.nulls(0))
        values, dated = _values(raw, field, form)
        if np.isnan(values).any():
            raise DataError(_no_time(field, raw, np.flatnonzero(np.isnan(values)), form))
        distinct, of, counts = np.unique(values, return_inverse=True, return_counts=True)
        return cls(of, counts, distinct.astype("datetime64[s]") if dated else distinct)

    def shown(self, place: int) -> str:
        """A distinct time, in words."""
        value = self.values[place]
        if isinstance(value, np.datetime64):
            return str(value).removesuffix("T00:00:00").replace("T", " ")
        return f"{value:.15g}"


def moments(raw: pa.Array) -> np.ndarray | None:
    """(N,) seconds since 1970, NaN where missing; None of what is surely no field of dates."""
    for texts in (raw[:_LOOKED_AT], raw) if is_text(raw.type) else (raw,):
        ways = _seconds(texts, None) if _numbers(texts) is None else {}
        if len(ways) != 1:
            return None
        (values,) = ways.values()
        if np.isnan(values).sum() > texts.null_count:
            return None
    return values


def _values(raw: pa.Array, field: str, form: str | None) -> tuple[np.ndarray, bool]:
    """(N,) float64, NaN where no time is read, and whether these are seconds since 1970.

    Raises:
        DataError: texts may be read in two ways.
    """
    numbers = _numbers(raw) if form is None else None
    if numbers is not None:
        return numbers, False
    ways = _seconds(raw, form)
    if len(ways) > 1:
        raise DataError(
            f"field {field!r} may be read as {listed(map(repr, ways))}, which differ. Say which it "
            f"is: {{kind: time, by: {field}, format: '{next(iter(ways))}'}}."
        )
    return next(iter(ways.values()), np.full(len(raw), np.nan)), True


def _no_time(field: str, raw: pa.Array, missing: np.ndarray, form: str | None) -> str:
    row = int(missing[0])
    more = f" ({len(missing):,} rows are like this)" if len(missing) > 1 else ""
    expected = (
        f"a time like {form}" if form else "a date, a time such as 2011-03-31T14:00, a number"
    )
    return (
        f"field {field!r}, row {row:,}: got {raw[row].as_py()!r}, expected {expected}{more}. "
        "Mend these rows, or split by another field."
    )


def _numbers(raw: pa.Array) -> np.ndarray | None:
    """(N,) float64, NaN where missing, of numbers and of texts that all are."""
    if not (is_numeric(raw.type) or is_text(raw.type)):
        return None
    values, wrong = to_numbers(raw, name="")
    return None if wrong.any() or np.isnan(values).all() else values


def _seconds(raw: pa.Array, form: str | None) -> dict[str, np.ndarray]:
    """Ways to read a field of dates -> (N,) float64 seconds since 1970, NaN where none is read."""
    if pa.types.is_date(raw.type) or pa.types.is_timestamp(raw.type):
        ways = {"": read_temporal(raw)}
    elif not is_text(raw.type):
        return {}
    else:
        coded = pc.dictionary_encode(trimmed(raw, ()))
        texts = pc.replace_substring_regex(coded.dictionary, r"^(\d{4}-\d{2})$", r"\1-01")
        found = {form: read_texts(texts, form)} if form else fitting(texts)
        places = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
        ways = {way: np.append(seconds, MISSING)[places] for way, seconds in found.items()}
        different = {seconds.tobytes(): way for way, seconds in reversed(ways.items())}
        ways = {way: ways[way] for way in reversed(different.values())}
    return {way: np.where(s == MISSING, np.nan, s.astype(float)) for way, s in ways.items()}
