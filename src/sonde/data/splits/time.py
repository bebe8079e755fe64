"""A split by time: training rows come before validation rows, and these before test rows.

What will be asked of a model lies after what it learned from; a random split lets it see the
future and flatters it. With a gap, rows before validation and before test rows are left out, so
that no window of time reaches over a border.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Self

import numpy as np

from sonde.contracts.data import Assignment, Rows
from sonde.core.errors import DataError
from sonde.core.notice import tell
from sonde.data.splits._gap import Gap, end_before
from sonde.data.splits._parts import HoldOut
from sonde.data.splits._times import Times


class Time(HoldOut):
    """Parts in the order of time; rows of one time are never divided."""

    by: str
    """The field of dates, of texts such as 2011-03-31 or 31/03/2011 14:00, or of numbers."""
    format: str | None = None
    """How texts are written, such as %d/%m/%Y, where that does not follow from all of them."""
    gap: Gap = 0
    """Left out before validation and before test rows: so many rows, or a duration such as 7d."""

    @property
    def pinned(self) -> bool:
        """A row belongs where its time is."""
        return True

    def folds(self, rows: Rows) -> Iterator[Assignment]:
        """One assignment; where the borders lie is told.

        Raises:
            UnknownColumn: there is no such field.
            DataError: a value that is no time, fewer times than parts, a gap that leaves nothing.
        """
        times = Times.read(rows, self.by, self.format)
        asked = [part for part in ("valid", "test") if getattr(self, part) > 0]
        if len(times.counts) < 1 + len(asked):
            raise DataError(
                f"field {self.by!r} has {len(times.counts)} distinct times in {rows.count:,} rows; "
                f"rows to {', '.join(['train', *asked])} need at least {1 + len(asked)}, for equal "
                "times are never divided. Name another field, or use the split 'random'."
            )
        first = self._starts(times.counts)
        place = np.searchsorted(list(first.values()), times.of, side="right")
        for part, start in first.items():
            tell(f"rows to {part} begin at {self.by} {times.shown(start)}")
        if self.gap:
            self._leave_gaps(times, first, place)
        made = {part: np.flatnonzero(place == at) for at, part in enumerate(("train", *first))}
        none = np.empty(0, np.int64)
        yield Assignment(made["train"], made.get("valid", none), made.get("test", none))

    @classmethod
    def examples(cls) -> list[Self]:
        """By the field 'day'; without validation rows; with a gap of rows, and of days."""
        gaps = [cls(by="day", gap=2), cls(by="day", gap="1d")]
        return [cls(by="day"), cls(by="day", valid=0.0, test=0.3), *gaps]

    def _leave_gaps(self, times: Times, first: Mapping[str, int], place: np.ndarray) -> None:
        """Take the gap before each border out of the (N,) places of rows in the parts.

        Raises:
            DataError: it is as long as a part.
        """
        names = ("train", *first)
        for at, start in enumerate(first.values()):
            end = end_before(times, start, self.gap, self.by)
            place[(times.of >= end) & (times.of < start) & (place == at)] = -1
            if not (place == at).any():
                raise DataError(
                    f"a gap of {self._gap_in_words} before rows to {names[at + 1]}, which begin at "
                    f"{self.by} {times.shown(start)}, leaves no rows to {names[at]}. Give a "
                    "shorter gap, or other fractions."
                )
        left_out = int((place < 0).sum())
        tell(f"{left_out:,} rows are left out, in gaps of {self._gap_in_words} before rows to "
             f"{' and '.join(first)}", left_out=left_out)  # fmt: skip

    @property
    def _gap_in_words(self) -> str:
        return self.gap if isinstance(self.gap, str) else f"{self.gap:,} rows"

    def _starts(self, counts: np.ndarray) -> dict[str, int]:
        """Part -> its first time, so that parts come nearest to their fractions of (T,) counts."""
        before = np.cumsum(counts) - counts  # rows before each time
        wanted = {"valid": 1 - self.valid - self.test, "test": 1 - self.test}
        sizes = {"valid": self.valid, "test": self.test}
        parts = [part for part in ("valid", "test") if sizes[part] > 0]
        starts: dict[str, int] = {}
        lowest = 1  # the first time is for training
        for place, part in enumerate(parts):
            highest = len(counts) - (len(parts) - place)  # times are left for the parts after it
            distance = np.abs(before - wanted[part] * counts.sum())
            starts[part] = lowest + int(np.argmin(distance[lowest : highest + 1]))
            lowest = starts[part] + 1
        return starts
