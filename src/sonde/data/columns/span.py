"""Spans: the part of a text that answers a question, or none of it.

    context: {kind: text}
    answer: {kind: span, start: answer_start, within: context}

A span is the first and the last step of its text that it covers: words, characters or pieces, as
the text's own column cuts them. No answer, -1 and -1, is a value like any other; a missing one is
not known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column, Encoded, Ragged, RowError
from sonde.core.errors import UnknownColumn, UsageError, unknown
from sonde.core.notice import tell
from sonde.core.port import Port
from sonde.core.spec import Learned
from sonde.data.columns._answers import Fit, Misplaced, Place, placed, starts_of

NO_ANSWER = -1
"""First and last step where there is no answer."""

_SHOWN = 60  # characters of a value in a message


@runtime_checkable
class Placing(Protocol):
    """A column that knows where the steps of a text stand in it."""

    def offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """(start, end) in characters of each step of each text."""


class Span(Column):
    """A part of a text column's text; of several answers of a row the first one."""

    start: str | None = None
    """The raw field that says where answers start, in characters: a whole number, a list of them,
    or start and end as (3, 17). Without it the column's own field holds pairs [start, end]."""
    within: str | None = None
    """The text column whose text it is a part of; without it steps are characters."""
    none: tuple[str, ...] = ()
    """Texts that mean that there is no answer; an empty text or an empty list does anyway."""
    text: Learned[Column | None] = None
    """The text column, fitted."""

    @property
    def leans_on(self) -> tuple[str, ...]:
        """The text column."""
        return () if self.within is None else (self.within,)

    def beside(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows the text column.

        Raises:
            UnknownColumn: there is none of that name.
            UsageError: it is no text of one field.
        """
        if self.within is None:
            return self
        if self.within not in columns:
            raise UnknownColumn(
                f"column {self.name!r}, within: {unknown('column', self.within, columns)}"
            )
        text = columns[self.within]
        if not isinstance(text, Placing) or len(text.reads) != 1:
            raise UsageError(
                f"column {self.name!r}: {self.within!r} is a {text.kind} of {len(text.reads)} "
                "fields, expected a text of one. Declare  "
                f"{self.within}: {{kind: text}}"
            )
        return self.learn(name=self.name, text=text)

    @property
    def reads(self) -> tuple[str, ...]:
        """The answers, where they start, and the raw text they are parts of."""
        context = self.text.reads if self.text is not None else ()
        return tuple(name for name in (*super().reads, self.start, *context) if name is not None)

    @property
    def port(self) -> Port:
        """The first and the last step."""
        return Port("vector", (2,))

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """Nothing is learned; answers that are not written as their text stands are counted."""
        fits: Counter[Fit] = Counter()
        several = 0
        for chunk in chunks:
            rows = list(self._rows(chunk))
            several += sum(len(row.answers or ()) > 1 for row in rows)
            places = map(self._first, rows)
            fits.update(place.fit for place in places if isinstance(place, Place))
        if several:
            tell(f"{self.name}: {several:,} rows have several answers: the first one teaches, all "
                 "count when answers are judged", column=self.name, several=several)  # fmt: skip
        total = sum(fits.values())
        for fit, words in _TOLD.items():
            if fits[fit]:
                said = f"{self.name}: {fits[fit]:,} of {total:,} answers {words}"
                tell(said, column=self.name, **{fit: fits[fit]})
        return self.learn(name=self.name, text=self.text)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Answers as steps of their text.

        Returns:
            values (N, 2) float32, the first and the last step, -1 where there is no answer, and
            present (N,) bool, false where none is known; an answer that does not stand in its
            text comes back as a row error.
        """
        values = np.full((rows.num_rows, 2), NO_ANSWER, np.float32)
        present = np.ones(rows.num_rows, bool)
        errors: list[RowError] = []
        steps = _Steps(self.text)
        for at, row in enumerate(self._rows(rows)):
            place = self._first(row)
            if self.text is not None and row.context is None:
                present[at] = False
                continue
            if isinstance(place, Place):
                place = steps.of(place, row.context) or self._cut_off(place)
            if isinstance(place, Misplaced):
                errors.append(RowError(at, place.got[:_SHOWN], place.expected))
            elif place is None:
                present[at] = row.answers is not None
            else:
                values[at] = place[:2]
        return Encoded(values, present=present, errors=errors)

    def decode(self, arrays: np.ndarray | Ragged) -> list[list[int]]:
        """(N, 2) back to pairs of steps [start, end), an empty one where there is no answer."""
        assert isinstance(arrays, np.ndarray), "spans are not ragged"
        pairs = arrays.astype(np.int64).tolist()
        return [[] if first < 0 else [first, last + 1] for first, last in pairs]

    def texts(self, rows: pa.RecordBatch) -> list[list[str]]:
        """All answers of each row as the data writes them, else as its text does."""
        found = []
        for row in self._rows(rows):
            place = self._first(row) if self.start is None else None
            if isinstance(place, Place) and row.context is not None:
                found.append([row.context[place.start : place.end]])
            else:
                found.append(list(row.answers or ()))
        return found

    def places(self, rows: pa.RecordBatch) -> list[tuple[int, int] | None]:
        """Characters [start, end) of each row's first answer; None where there is none."""
        places = [self._first(row) for row in self._rows(rows)]
        return [(at.start, at.end) if isinstance(at, Place) else None for at in places]

    def advice(self, errors: Sequence[RowError]) -> str:
        """What the user may do about answers that stand nowhere."""
        return (
            "Mend them; name the field with `start`; or, where these texts mean that there is no "
            f"answer, say so:  {self.name}: {{kind: span, none: [...], ...}}"
        )

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Pairs, some without an answer, some missing."""
        rng = np.random.default_rng(seed)
        first, size = rng.integers(0, 40, rows), rng.integers(1, 9, rows)
        pairs = np.stack([first, first + size], axis=1).tolist()
        drawn = rng.random(rows)
        values = [
            None if chance < 0.1 else [] if chance < 0.3 else pair
            for chance, pair in zip(drawn, pairs, strict=True)
        ]
        return pa.array(values, pa.list_(pa.int64()))

    def _rows(self, rows: pa.RecordBatch) -> Iterator[_Row]:
        """Every row's answers, where the first starts, and its text."""
        own = rows.column(self.field or self.name).to_pylist()
        starts = [None] * len(own) if self.start is None else rows.column(self.start).to_pylist()
        contexts = [None] * len(own)
        if self.text is not None:
            contexts = rows.column(self.text.reads[0]).to_pylist()
        for raw, start, context in zip(own, starts, contexts, strict=True):
            if self.start is None:
                pair = raw if raw is None or len(raw) == 0 else [""]
                yield _Row(pair, raw, context)
            else:
                yield self._row([raw] if isinstance(raw, str) else raw, start, context)

    def _row(self, raw: list[str] | None, start: Any, context: str | None) -> _Row:
        if raw is None:
            return _Row(None, start, context)
        kept = [at for at, text in enumerate(raw) if text and text not in self.none]
        return _Row([raw[at] for at in kept], start, context, kept[0] if kept else 0)

    def _first(self, row: _Row) -> Place | Misplaced | None:
        """Where the first answer stands; None where there is none, or none is known."""
        if not row.answers:
            return None
        starts: Any
        if self.start is None:
            starts = Place(*row.start) if len(row.start) == 2 else None
        else:
            starts = starts_of(row.start)
        if isinstance(starts, list):
            starts = starts[row.first] if row.first < len(starts) else None
        if starts is None:
            return Misplaced(str(row.start), "where the answer starts, such as 17 or (17, 31)")
        return placed(row.answers[0], starts, row.context)

    def _cut_off(self, place: Place) -> Misplaced:
        return Misplaced(
            f"characters {place.start} to {place.end}",
            f"an answer that covers a step of {self.within!r} as it is read: what lies beyond its "
            "`longest` is not",
        )


class _Row:
    """What a row says: its answers (None: not known), where they start, the text around them.

    `first` is the place of the first answer among all that the data lists.
    """

    __slots__ = ("answers", "context", "first", "start")

    def __init__(
        self, answers: list[str] | None, start: Any, context: str | None, first: int = 0
    ) -> None:
        self.answers = answers
        self.start = start
        self.context = context
        self.first = first


class _Steps:
    """From characters to steps; a text that comes again and again is cut once."""

    def __init__(self, text: Column | None) -> None:
        self._text = text
        self._known: tuple[str, np.ndarray] | None = None

    def of(self, place: Place, context: str | None) -> Place | None:
        """First and last step that the characters touch; None where they touch none."""
        if not isinstance(self._text, Placing) or context is None:
            return Place(place.start, place.end - 1)
        if self._known is None or self._known[0] != context:
            pairs = np.array(self._text.offsets([context])[0], np.int64).reshape(-1, 2)
            self._known = context, pairs
        starts, ends = self._known[1].T
        first = int(np.searchsorted(ends, place.start, "right"))
        last = int(np.searchsorted(starts, place.end, "left")) - 1
        return Place(first, last) if first <= last else None


_TOLD: Mapping[Fit, str] = {
    "moved": "stand a few characters beside the place the data says, and were taken where they do",
    "spaced": "are written with other spaces or signs than their text: the place counts",
    "other": "are written with other words than stand at their place: the place counts",
}
