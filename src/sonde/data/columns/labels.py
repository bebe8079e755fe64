"""A label for each word of a row: kinds of words, or stretches of words in the form B-, I-, O.

    tokens   Anna   lives in New    York
    labels   B-PER  O     O  B-LOC  I-LOC

A step is a label; a label never met in training, and none at all, count as unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PrivateAttr

from sonde.contracts.data import Column, Encoded, Ragged, RowError
from sonde.core.errors import UnknownColumn, unknown
from sonde.core.port import TOKENS, Port
from sonde.core.spec import Learned
from sonde.data.columns._places import UNREADABLE
from sonde.data.columns._word_lists import flat, items_of, lists_of, places_of, words_in


class Labels(Column):
    """A list of labels, or labels with spaces between them, as a sequence of places."""

    along: str | None = None
    """The column of the words: a row that has not a label for each is told, and no row."""
    classes: Learned[tuple[str, ...]] = ()
    """The labels of training rows, by letter."""
    counts: Learned[tuple[int, ...]] = ()
    """How often each stands in training rows."""
    optional: Learned[bool] = True
    """Whether a training row lacked its labels."""

    _words: str | None = PrivateAttr(None)

    @property
    def reads(self) -> tuple[str, ...]:
        """The labels, and the words they are for."""
        return super().reads + ((self._words,) if self._words else ())

    @property
    def leans_on(self) -> tuple[str, ...]:
        """The column of the words."""
        return (self.along,) if self.along else ()

    def beside(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows where the words stand.

        Raises:
            UnknownColumn: there is no such column.
        """
        if self.along is None:
            return self
        if self.along not in columns:
            raise UnknownColumn(unknown("column", self.along, columns))
        known = self.model_copy()
        known._words = columns[self.along].reads[0]
        return known

    @property
    def port(self) -> Port:
        """A sequence of places, behind those that are reserved."""
        return Port("sequence", size=TOKENS + len(self.classes), optional=self.optional)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """How often each label stands in training rows."""
        return self.counts

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """Every label, by letter."""
        often: Counter[str] = Counter()
        optional = False
        for chunk in chunks:
            lists = self._lists(chunk)
            optional |= lists.null_count > 0
            labels, counts = pc.value_counts(flat(lists)).flatten()
            often.update(dict(zip(labels.to_pylist(), counts.to_pylist(), strict=True)))
        for none in ("", UNREADABLE):
            often.pop(none, None)
        classes = tuple(sorted(often))
        counts = tuple(often[label] for label in classes)
        return self.learn(classes=classes, counts=counts, optional=optional)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Labels as places.

        Returns:
            values (M,) uint16 with starts and lengths (N,) int64, and present (N,) bool; a row
            with more or fewer labels than words comes back as a row error.
        """
        lists = self._lists(rows)
        encoded = places_of(lists, flat(lists), self._place)
        errors = self._uneven(rows, encoded)
        return Encoded(encoded.values, encoded.starts, encoded.lengths, encoded.present, errors)

    def decode(self, arrays: np.ndarray | Ragged) -> list[list[str]]:
        """Lists of labels; U+FFFD where one is unknown."""
        return items_of(arrays, self.classes)

    @classmethod
    def examples(cls) -> list[Self]:
        """Labels alone."""
        return [cls()]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Lists of a few labels; some empty, some missing."""
        rng = np.random.default_rng(seed)
        labels = np.array(["O", "O", "B-PER", "I-PER", "B-LOC", f"B-only{seed}"])
        picked = [rng.choice(labels, rng.integers(1, 7)).tolist() for _ in range(rows)]
        lists = [[] if at % 9 == 0 else row for at, row in enumerate(picked)]
        missing = rng.random(rows) < 0.1
        kept = [None if gone else row for gone, row in zip(missing, lists, strict=True)]
        return pa.array(kept, pa.list_(pa.string()))

    def _lists(self, rows: pa.RecordBatch) -> pa.ListArray:
        return lists_of(rows.column(self.reads[0]), str.split, name=self.name)

    def _uneven(self, rows: pa.RecordBatch, encoded: Encoded) -> Sequence[RowError]:
        """Rows whose labels are not as many as their words."""
        if self._words is None or self._words not in rows.schema.names:
            return ()
        words = lists_of(rows.column(self._words), words_in, name=self._words)
        asked = pc.fill_null(pc.list_value_length(words), 0).to_numpy(zero_copy_only=False)
        assert encoded.lengths is not None and encoded.present is not None, "it is ragged"
        wrong = np.flatnonzero(encoded.present & (encoded.lengths != asked))
        return [
            RowError(int(row), f"{encoded.lengths[row]:,} labels", f"{asked[row]:,}, one a word")
            for row in wrong
        ]

    @cached_property
    def _place(self) -> dict[str, int]:
        return {label: place for place, label in enumerate(self.classes, TOKENS)}
