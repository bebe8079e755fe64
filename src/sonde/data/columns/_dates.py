"""Moments as they are written: patterns of days, an optional time of day, numbers since 1970.

A pattern is written with the codes of Python's `strptime`: %Y %y %m %d %b %B %H %I %M %S %p. ISO
8601 is always read besides, because it cannot be mistaken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.core.errors import UsageError
from sonde.data.columns._text import to_numbers

ISO = "%Y-%m-%d"

KNOWN = (
    ISO, "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y%m%dT%H%M%S",
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%b %d %Y",
    "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%b-%y",
)  # fmt: skip
"""Patterns that are tried where nobody gives one; each may be followed by a time of day."""

EPOCHS = {"epoch": 1, "epoch-ms": 1000}
"""Numbers since the start of 1970 in UTC: their name as a format -> how many make a second."""

_SHORT = re.compile(r"[+-]?\d{0,7}(\.\d*)?([eE][+-]?\d+)?")
"""A number that is no date such as 20150331."""

MISSING = np.iinfo(np.int64).min
"""Stands where no moment is; it is NumPy's NaT."""

_CODES = {
    "Y": r"(?P<year>\d{4})",
    "y": r"(?P<short>\d{2})",
    "m": r"(?P<month>\d{1,2})",
    "d": r"(?P<day>\d{1,2})",
    "b": r"(?P<word>[A-Za-z]{3,9})\.?",
    "B": r"(?P<word>[A-Za-z]{3,9})\.?",
    "H": r"(?P<hour>\d{1,2})",
    "I": r"(?P<hour>\d{1,2})",
    "M": r"(?P<minute>\d{2})",
    "S": r"(?P<second>\d{2})(?:[.,]\d+)?",
    "p": r"(?P<half>[AaPp])\.?[Mm]\.?",
}
_TIME = (
    r"(?:[T ]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?)?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_PIVOT = 69
"""Two-digit years from here on are of the 20th century, as POSIX has it."""


@cache
def regex_of(pattern: str) -> str:
    """The regular expression of a pattern; without a code for the hour a time may follow.

    Raises:
        UsageError: it has an unknown code, or not one each of year, month and day.
    """
    parts, time = [], True
    glued = re.search("%.%", pattern) is not None
    for text, code in re.findall(r"([^%]+)|%(.)", pattern):
        if code and code not in _CODES:
            raise UsageError(
                f"format {pattern!r}: got %{code}, expected codes of {', '.join(_CODES)}, "
                "such as %d.%m.%Y"
            )
        time &= code not in ("H", "I")
        written = _CODES[code] if code else re.escape(text)
        parts.append(written.replace("{1,2}", "{2}") if glued else written)
    found = "".join(parts)
    for names in (("year", "short"), ("month", "word"), ("day",)):
        if sum(found.count(f"<{name}>") for name in names) != 1:
            raise UsageError(f"format {pattern!r}: expected a year, a month and a day, each once, "
                             "such as %d.%m.%Y; or 'epoch' for seconds since 1970")  # fmt: skip
    return f"^{found}{_TIME if time else ''}$"


def are_plain_numbers(text: pa.StringArray) -> bool:
    """Whether all are numbers of fewer digits than a date has: no pattern reads one of them."""
    return all(value is None or _SHORT.fullmatch(value) for value in text.to_pylist())


def read_texts(text: pa.StringArray, pattern: str) -> np.ndarray:
    """(N,) trimmed texts -> (N,) int64 seconds since 1970 in UTC, `MISSING` where none is read."""
    if pattern in EPOCHS:
        return read_numbers(to_numbers(text, name="")[0], pattern)
    groups = pc.extract_regex(text, regex_of(pattern))
    if groups.null_count == len(text):  # nearly every field, and the rest costs forty times as much
        return np.full(len(text), MISSING)
    return _seconds({f.name: groups.field(f.name) for f in groups.type}, len(text))


def read_numbers(numbers: np.ndarray, epoch: str) -> np.ndarray:
    """(N,) float64 since 1970 -> (N,) int64 seconds; between the years 1 and 9999."""
    seconds = numbers / EPOCHS[epoch]
    legal = (seconds >= _FIRST) & (seconds <= _LAST)
    found: np.ndarray = np.where(legal, np.where(legal, seconds, 0.0), 0.0).astype(np.int64)
    return np.where(legal, found, MISSING)


def read_temporal(raw: pa.Array) -> np.ndarray:
    """(N,) dates or timestamps -> (N,) int64 seconds, `MISSING` where null."""
    stamps = pc.cast(raw, pa.timestamp("s"), safe=False)
    seconds = pc.fill_null(pc.cast(stamps, pa.int64()), MISSING).to_numpy(zero_copy_only=False)
    legal = (seconds >= _FIRST) & (seconds <= _LAST)
    return np.where(legal, seconds, MISSING)


def fitting(text: pa.StringArray, patterns: Sequence[str] = KNOWN) -> dict[str, np.ndarray]:
    """Pattern -> the seconds it reads, of those that read most of the texts; ties stay."""
    known = pc.is_valid(text).to_numpy(zero_copy_only=False)
    read = {pattern: read_texts(text, pattern) for pattern in patterns}
    counts = {pattern: int((found[known] != MISSING).sum()) for pattern, found in read.items()}
    most = max(counts.values(), default=0)
    return {p: read[p] for p in patterns if most and counts[p] == most}


def parts_of(seconds: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) int64 seconds as year, month (from 1), day (from 1), weekday (Monday 0), ..., second."""
    stamps = seconds.astype("datetime64[s]")
    months, days = stamps.astype("datetime64[M]"), stamps.astype("datetime64[D]")
    clock = (stamps - days).astype(np.int64)
    return {
        "year": months.astype("datetime64[Y]").astype(np.int64) + 1970,
        "month": months.astype(np.int64) % 12 + 1,
        "day": (days - months.astype("datetime64[D]")).astype(np.int64) + 1,
        "weekday": (days.astype(np.int64) + 3) % 7,  # the first of January 1970 was a Thursday
        "hour": clock // 3600,
        "minute": clock // 60 % 60,
        "second": clock % 60,
    }


def moment(year: np.ndarray, month: np.ndarray, day: np.ndarray, clock: np.ndarray) -> np.ndarray:
    """(N,) int64 seconds of days that exist, `MISSING` where they do not."""
    legal = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12) & (day >= 1)
    first = np.where(legal, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    length = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(np.int64)
    legal &= day <= length
    days = first.astype("datetime64[D]").astype(np.int64) + day - 1
    return np.where(legal, days * 86_400 + clock, MISSING)


def _seconds(groups: dict[str, pa.Array], count: int) -> np.ndarray:
    """What the groups of a regular expression say."""

    def number(name: str, otherwise: int) -> np.ndarray:
        if name not in groups:
            return np.full(count, otherwise)
        text = pc.if_else(pc.equal(groups[name], ""), None, groups[name])
        found = pc.fill_null(pc.cast(text, pa.int64()), otherwise)
        numbers: np.ndarray = found.to_numpy(zero_copy_only=False)
        return numbers

    year, short = number("year", -1), number("short", -1)
    year = np.where(short >= 0, short + np.where(short < _PIVOT, 2000, 1900), year)
    month = _month(groups["word"]) if "word" in groups else number("month", -1)
    hour, minute, second = number("hour", 0), number("minute", 0), number("second", 0)
    if "half" in groups:
        half = pc.fill_null(pc.utf8_lower(groups["half"]), "")
        after, before = (pc.equal(half, x).to_numpy(zero_copy_only=False) for x in "pa")
        wrong = (after | before) & ((hour < 1) | (hour > 12))
        hour = np.where(wrong, 99, np.where(after | before, hour % 12 + 12 * after, hour))
    legal = (hour < 24) & (minute < 60) & (second < 60)
    found = moment(year, month, number("day", -1), hour * 3600 + minute * 60 + second)
    if "zone" in groups:
        found = np.where(found == MISSING, MISSING, found - _offset(groups["zone"]))
    return np.where(legal, found, MISSING)


def _month(words: pa.Array) -> np.ndarray:
    """(N,) int64 from 1, or 0 where the word is no English month."""
    short = pc.utf8_slice_codeunits(pc.utf8_lower(words), 0, 3)
    found = pc.index_in(short, value_set=pa.array(_MONTHS))
    months: np.ndarray = pc.fill_null(found, -1).to_numpy(zero_copy_only=False)
    return months.astype(np.int64) + 1


def _offset(zones: pa.Array) -> np.ndarray:
    """(N,) int64 seconds east of Greenwich; 0 where nothing is said."""
    coded = pc.dictionary_encode(pc.fill_null(zones, ""))
    table = np.zeros(len(coded.dictionary), np.int64)
    for place, zone in enumerate(coded.dictionary.to_pylist()):
        if zone[:1] in ("+", "-"):
            size = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
            table[place] = size if zone[0] == "+" else -size
    found: np.ndarray = table[coded.indices.to_numpy(zero_copy_only=False)]
    return found


_FIRST, _LAST = (int(np.datetime64(text, "s").astype(np.int64)) for text in
                 ("0001-01-01T00:00:00", "9999-12-31T23:59:59"))  # fmt: skip
