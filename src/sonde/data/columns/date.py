"""Dates and times: birthdays, orders, hours of measurement.

A date becomes the days since the training rows' mean date and its year, both standardised, and for
what comes round again (month, day, weekday, and hour, minute, second where training rows have them)
the sine and cosine of its angle, so that December lies beside January. Fractions of a second are
left off; a time with a zone is counted in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import field_validator

from sonde.contracts.data import Column, Encoded, Guess, Ragged, RowError, Strange
from sonde.core.errors import DataError
from sonde.core.port import Port
from sonde.core.spec import Learned
from sonde.data.columns._dates import (
    EPOCHS,
    ISO,
    KNOWN,
    MISSING,
    are_plain_numbers,
    fitting,
    moment,
    parts_of,
    read_numbers,
    read_temporal,
    read_texts,
    regex_of,
)
from sonde.data.columns._moments import Moments
from sonde.data.columns._strange import examples
from sonde.data.columns._text import is_numeric, is_text, not_readable, plain, shortened, trimmed

_PERIODS = {"month": 12, "day": 31, "weekday": 7, "hour": 24, "minute": 60, "second": 60}
"""What comes round again, and after how many steps."""

_UNITS = {"day": "D", "hour": "m", "minute": "m", "second": "s"}
"""How far ISO 8601 writes a moment: an hour never stands without its minutes."""

_CLOCK = {"hour": 3600, "minute": 60, "second": 1}
_DAY = 86_400

_FIRST, _TRIED = 50, 1000
"""Texts on which every known format is tried, and then those that read any of them."""

_READABLE = 0.95
"""Share of a field's texts that must be dates for the field to be taken for dates."""


class Date(Column):
    """A day or a moment as a vector; an empty text is a missing one."""

    format: str | None = None
    """As `strptime` has it, such as '%d/%m/%Y'; 'epoch' or 'epoch-ms' for seconds or milliseconds
    since 1970. None finds it among the usual ones, and asks where day and month could be either."""
    found: Learned[str] = ""
    """The format that reads the training rows."""
    finest: Learned[str] = "day"
    """The finest part that training rows have: 'day', 'hour', 'minute' or 'second'."""
    mean: Learned[float] = 0.0
    """Of the training rows, in days since 1970."""
    deviation: Learned[float] = 1.0
    year: Learned[float] = 1970.0
    """The mean year."""
    years: Learned[float] = 1.0
    """The deviation of the year."""
    optional: Learned[bool] = True
    """Whether a training row lacked the date."""
    span: Learned[tuple[int, ...]] = ()
    """The first and the last moment of the training rows, in seconds since 1970."""

    @field_validator("format")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in EPOCHS:
            regex_of(value)
        return value

    @property
    def port(self) -> Port:
        """A vector of days, year, and two numbers for each part that comes round again."""
        return Port("vector", (2 + 2 * len(self._parts),), optional=self.optional)

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """The format, the finest part, means and deviations, in one pass.

        Raises:
            DataError: two formats read the training rows equally well.
        """
        drafts = {f: _Draft() for f in ([self.format] if self.format else KNOWN)}
        for chunk in chunks:
            for pattern in list(drafts):
                drafts[pattern].add(self._read(chunk, pattern, iso=self.format is not None)[0])
            most = max(draft.count for draft in drafts.values())
            drafts = {p: d for p, d in drafts.items() if 2 * d.count >= most}
        most = max(draft.count for draft in drafts.values())
        best = {p: d for p, d in drafts.items() if d.count == most}
        pattern, draft = next(iter(best.items()))
        if most and any(d.days.mean != draft.days.mean for d in best.values()):
            raise DataError(f"column {self.name!r}: {_unsure(list(best)[:2], self.name)}")
        return self.learn(
            found=pattern,
            finest=draft.finest,
            mean=draft.days.mean,
            deviation=draft.days.deviation,
            year=draft.year.mean if most else 1970.0,
            years=draft.year.deviation,
            optional=draft.optional,
            span=draft.span,
        )

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Dates as vectors.

        Returns:
            values (N, D) float32 and present (N,) bool; what is no date comes back as a row error.
        """
        seconds, wrong = self._read(rows, self.format or self.found or ISO)
        present = seconds != MISSING
        seconds = self._whole(np.where(present, seconds, round(self.mean * _DAY)))
        parts = parts_of(seconds)
        columns = [(seconds / _DAY - self.mean) / self.deviation,
                   (parts["year"] - self.year) / self.years]  # fmt: skip
        for name in self._parts:
            angle = 2 * np.pi * (parts[name] - (name in ("month", "day"))) / _PERIODS[name]
            columns += [np.sin(angle), np.cos(angle)]
        vector = np.where(present[:, None], np.stack(columns, axis=1), 0.0)
        raw = rows.column(self.reads[0])
        expected = f"a date that exists, like {self._like()}"
        errors = [RowError(int(row), shortened(raw[int(row)].as_py()), expected) for row in wrong]
        return Encoded(vector.astype(np.float32), present=present, errors=errors)

    def decode(self, arrays: np.ndarray | Ragged) -> list[str]:
        """(N, D) back to ISO 8601, to the finest part that training rows had."""
        assert isinstance(arrays, np.ndarray), "dates are not ragged"
        steps = {}
        for place, name in enumerate(self._parts):
            sine, cosine = arrays[:, 2 + 2 * place], arrays[:, 3 + 2 * place]
            turn = np.arctan2(sine.astype(np.float64), cosine.astype(np.float64)) / (2 * np.pi)
            steps[name] = np.rint(turn * _PERIODS[name]).astype(np.int64) % _PERIODS[name]
        year = np.rint(arrays[:, 1].astype(np.float64) * self.years + self.year)
        year = np.clip(year, 1, 9999).astype(np.int64)
        clock = sum((steps[n] * s for n, s in _CLOCK.items() if n in steps), np.zeros_like(year))
        seconds, day = moment(year, steps["month"] + 1, steps["day"] + 1, clock), steps["day"]
        while (over := seconds == MISSING).any():  # the 31st of a shorter month
            day = np.where(over, day - 1, day)
            seconds = moment(year, steps["month"] + 1, day + 1, clock)
        stamps = seconds.astype("datetime64[s]").astype(f"datetime64[{_UNITS[self.finest]}]")
        texts: list[str] = stamps.astype(str).tolist()
        return texts

    def strange(self, rows: pa.RecordBatch, encoded: Encoded) -> Sequence[Strange]:
        """Missing where none was, and before the first or after the last of the training rows."""
        found = super().strange(rows, encoded)
        if not self.span:
            return found
        ends = (self._whole(np.array(self.span)) / _DAY - self.mean) / self.deviation
        first, last = ends.astype(np.float32)  # as they are encoded
        days = encoded.values[:, 0]
        out = np.flatnonzero(encoded.present & ((days < first) | (days > last)))
        if not len(out):
            return found
        what = f"lie outside the training rows' {_range(np.array(self.span))}"
        fate = "nothing was learned about that time"
        return (*found, Strange(out, what, fate, examples(rows.column(self.reads[0]), out)))

    def advice(self, errors: Sequence[RowError]) -> str:
        """To name the format that reads them."""
        got = pa.array([str(e.got) for e in errors], pa.string())
        for pattern in fitting(got):
            return (
                f"Fix them, or write all dates alike: these look like {pattern}, the others like "
                f"{self.format or self.found}."
            )
        return super().advice(errors)

    @classmethod
    def guess(cls, sample: pa.Array) -> Guess | None:
        """Claims dates and timestamps, and texts nearly all of which are dates in one format."""
        if pa.types.is_timestamp(sample.type) or pa.types.is_date(sample.type):
            return Guess(0.9, _range(read_temporal(sample)))
        text = trimmed(plain(sample), ()) if is_text(sample.type) else _digits(sample)
        if text is None or text.null_count == len(text):
            return None
        known = pc.drop_null(text)
        if are_plain_numbers(known[:_FIRST]):
            return None
        hopeful = [p for p in KNOWN if (read_texts(known[:_FIRST], p) != MISSING).any()]
        likely = fitting(known[:_TRIED], hopeful)
        found = fitting(text, list(likely))
        if not found:
            return None
        pattern, seconds = next(iter(found.items()))
        wrong = int((seconds == MISSING).sum()) - text.null_count
        if wrong > (1 - _READABLE) * (len(text) - text.null_count):
            return None
        if pattern.startswith("%Y%m%d") and not _are_recent(seconds):
            return None
        reason = _range(seconds) + (f", {text.null_count:,} missing" if text.null_count else "")
        reason += f", {wrong:,} no date" if wrong else ""
        rival = next((p for p, s in found.items() if not np.array_equal(s, seconds)), None)
        unsure = _unsure([pattern, rival], "NAME") if rival else None
        return Guess(0.85, reason, {} if pattern == ISO else {"format": pattern}, unsure)

    @classmethod
    def examples(cls) -> list[Self]:
        """Found, and with a format."""
        return [cls(), cls(format="%d.%m.%Y %H:%M")]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Moments in ISO 8601, to the minute, some missing."""
        rng = np.random.default_rng(seed)
        minutes = rng.integers(15_000_000, 27_000_000, rows)
        texts = np.datetime_as_string((minutes * 60).astype("datetime64[s]"), "m")
        return pa.array(texts.tolist(), pa.string(), mask=rng.random(rows) < 0.1)

    @property
    def _parts(self) -> list[str]:
        names = list(_PERIODS)
        return names[: names.index(self.finest) + 1] if self.finest != "day" else names[:3]

    def _whole(self, seconds: np.ndarray) -> np.ndarray:
        """(N,) seconds down to the finest part that training rows have."""
        step = _CLOCK.get(self.finest, _DAY)
        down: np.ndarray = seconds // step * step
        return down

    def _like(self) -> str:
        pattern = self.format or self.found
        iso = "2015-03-31"
        return iso if pattern in ("", ISO) else f"{pattern} or {iso}"

    def _read(
        self, rows: pa.RecordBatch, pattern: str, *, iso: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """(N,) int64 seconds, `MISSING` where missing or wrong, and the rows that are wrong.

        Texts in ISO 8601 are read besides those of the pattern where `iso`.

        Raises:
            DataError: the field holds pictures, lists or other things that are no dates.
        """
        raw = plain(rows.column(self.reads[0]))
        if pa.types.is_timestamp(raw.type) or pa.types.is_date(raw.type):
            seconds = read_temporal(raw)
            known = raw.is_valid().to_numpy(zero_copy_only=False)
            return seconds, np.flatnonzero((seconds == MISSING) & known)
        if is_numeric(raw.type) and pattern in EPOCHS:
            numbers = pc.cast(raw, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            seconds = read_numbers(np.nan_to_num(numbers, nan=np.inf), pattern)
            return seconds, np.flatnonzero((seconds == MISSING) & ~np.isnan(numbers))
        if not pa.types.is_string(raw.type):
            raw = _digits(raw)
            if raw is None:
                raise not_readable(rows.column(self.reads[0]), self.name, "dates or timestamps")
        text = trimmed(raw, ())
        seconds = read_texts(text, pattern)
        if iso and pattern != ISO:
            seconds = np.where(seconds == MISSING, read_texts(text, ISO), seconds)
        known = pc.is_valid(text).to_numpy(zero_copy_only=False)
        return seconds, np.flatnonzero((seconds == MISSING) & known)


class _Draft:
    """What a format finds in the training rows."""

    def __init__(self) -> None:
        self.count = 0
        self.optional = False
        self.finest = "day"
        self.span: tuple[int, ...] = ()
        self.days, self.year = Moments(), Moments()

    def add(self, seconds: np.ndarray) -> None:
        """The moments of a chunk."""
        self.optional |= bool((seconds == MISSING).any())
        seconds = seconds[seconds != MISSING]
        self.count += len(seconds)
        if len(seconds):
            ends = (*self.span, int(seconds.min()), int(seconds.max()))
            self.span = (min(ends), max(ends))
        parts = parts_of(seconds)
        order = ["day", *_CLOCK]
        for name in _CLOCK:
            if parts[name].any() and order.index(name) > order.index(self.finest):
                self.finest = name
        self.days.add(seconds / _DAY)
        self.year.add(parts["year"].astype(np.float64))


def _digits(raw: pa.Array) -> pa.StringArray | None:
    """Whole numbers as texts, for dates written like 20150331."""
    return pc.cast(raw, pa.string()) if pa.types.is_integer(raw.type) else None


def _are_recent(seconds: np.ndarray) -> bool:
    """Whether all are of 1900 to 2100, so that their digits are no mere numbers."""
    years = parts_of(seconds[seconds != MISSING])["year"]
    return bool(((years >= 1900) & (years <= 2100)).all())


def _range(seconds: np.ndarray) -> str:
    known = seconds[seconds != MISSING]
    if not len(known):
        return "dates, all missing"
    days = np.array([known.min(), known.max()]).astype("datetime64[s]").astype("datetime64[D]")
    return f"{days[0]} to {days[1]}"


def _unsure(patterns: Sequence[str], name: str) -> str:
    return (
        f"its dates could be {patterns[0]} or {patterns[1]}. Say which, such as  "
        f'{name}: {{kind: date, format: "{patterns[0]}"}}'
    )
