"""Sets of categories: genres, tags, symptoms; several of them in one row, in no order.

A set is a vector with a place for each word of the training rows: 1 where the row has it. Sets come
as lists, as JSON lists (`["Action", "Comedy"]`), or as texts with something between the words
(`Action|Comedy`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from sonde.contracts.data import Column, Encoded, Guess, Ragged, RowError, Strange
from sonde.core.port import Port
from sonde.core.spec import Learned
from sonde.core.text import from_json
from sonde.data.columns._strange import examples
from sonde.data.columns._text import (
    Text,
    is_text,
    not_readable,
    plain,
    shortened,
    to_numbers,
    to_text,
    trimmed,
)

_SEPARATORS = ("|", ";", ",")
"""What is looked for between words, the most telling first."""

_PER_SET, _REPEATED = 1.3, 2.0
"""Words a text must have on average, and rows a word must stand in, to be taken for sets."""

_PARTED = 0.1
"""Share of the texts in which the separator stands, at least."""

_LONGEST = 40
"""Characters of a word on average beyond which texts are taken for sentences."""

_JSON = r"^\[.*\]$"

_FIRST = 100
"""Texts that nearly always tell whether all are JSON, before all are matched."""


class Set(Column):
    """Some of a set of values, as 0 and 1; an empty text is a missing set, `[]` an empty one."""

    separator: Text | None = None
    """What stands between the words of a text; None finds it: one of | ; and comma."""
    most: int = Field(256, ge=1)
    """The largest number of words that get a place: the commonest ones."""
    rare: int = Field(1, ge=1)
    """Words of fewer training rows get no place."""
    values: Learned[tuple[str, ...]] = ()
    """The words, by letter."""
    folded: Learned[tuple[str, ...]] = ()
    """Words of training rows that got no place."""
    between: Learned[str] = "|"
    """The separator found."""
    optional: Learned[bool] = True
    """Whether a training row lacked the set."""

    @property
    def port(self) -> Port:
        """A vector of as many places as there are words."""
        return Port("vector", (len(self.values),), optional=self.optional)

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """The separator and the commonest words; of equally common ones the first by letter."""
        candidates = (self.separator,) if self.separator else _SEPARATORS
        counts: dict[str, Counter[str]] = {separator: Counter() for separator in candidates}
        parted: Counter[str] = Counter()
        optional = False
        for chunk in chunks:
            for separator in candidates:
                lists, _ = self._lists(chunk, separator)
                words = pc.value_counts(pc.drop_null(_unique_words(lists)[1]))
                found, often = words.flatten()
                counts[separator].update(
                    dict(zip(found.to_pylist(), often.to_pylist(), strict=True))
                )
                parted[separator] += int((_lengths(lists) > 1).sum())
            optional |= lists.null_count > 0
        between = max(candidates, key=lambda separator: parted[separator])
        ranked = sorted(counts[between].items(), key=lambda pair: (-pair[1], pair[0]))
        kept = sorted(word for word, count in ranked[: self.most] if count >= self.rare)
        folded = sorted(counts[between].keys() - kept)
        return self.learn(
            values=tuple(kept), folded=tuple(folded), between=between, optional=optional
        )

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Sets as indicators.

        Returns:
            values (N, K) float32 of 0 and 1 and present (N,) bool; words without a place are
            passed over, and a broken JSON list comes back as a row error.
        """
        lists, errors = self._lists(rows, self.separator or self.between)
        owner, words = _unique_words(lists)
        place = pc.index_in(words, value_set=pa.array(self.values, pa.string()))
        known = place.is_valid().to_numpy(zero_copy_only=False)
        values = np.zeros((len(lists), len(self.values)), np.float32)
        values[owner[known], pc.drop_null(place).to_numpy(zero_copy_only=False)] = 1.0
        return Encoded(values, present=lists.is_valid().to_numpy(zero_copy_only=False),
                       errors=errors)  # fmt: skip

    def decode(self, arrays: np.ndarray | Ragged) -> list[list[str]]:
        """(N, K) back to lists of words: those above one half."""
        assert isinstance(arrays, np.ndarray), "sets are not ragged"
        return [[self.values[place] for place in np.flatnonzero(row > 0.5)] for row in arrays]

    def strange(self, rows: pa.RecordBatch, encoded: Encoded) -> Sequence[Strange]:
        """Missing where none was, and sets with words that no training row had."""
        found = super().strange(rows, encoded)
        owner, words = _unique_words(self._lists(rows, self.separator or self.between)[0])
        seen = pc.is_in(words, value_set=pa.array((*self.values, *self.folded), pa.string()))
        known = pc.or_(seen, pc.is_null(words)).to_numpy(zero_copy_only=False)
        if known.all():
            return found
        new = np.flatnonzero(~known)
        what, fate = "hold words that no training row had", "such words are passed over"
        return (*found, Strange(np.unique(owner[new]), what, fate, examples(words, new)))

    @classmethod
    def guess(cls, sample: pa.Array) -> Guess | None:
        """Claims lists of texts, and texts that part into words that come again and again."""
        if _is_list(sample.type):
            if not is_text(sample.type.value_type):
                return None
            words = pc.drop_null(_unique_words(sample)[1])
            return Guess(0.9, f"sets of {len(pc.unique(words)):,} words")
        if not is_text(sample.type):
            return None
        text = pc.drop_null(trimmed(plain(sample), ()))
        if not len(text):
            return None
        if _all_json(text[:_FIRST]) and _all_json(text):
            lists, errors = _parted(text, "|")
            words = pc.drop_null(_unique_words(lists)[1])
            return None if errors else Guess(0.86, f"sets of {len(pc.unique(words)):,} words")
        for separator in _SEPARATORS:
            if claim := _claim(text, separator):
                return claim
        return None

    @classmethod
    def examples(cls) -> list[Self]:
        """Found, with a separator, and few words."""
        return [cls(), cls(separator="|", most=3)]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Two words in every set and some of six others, one of them its own; some missing."""
        rng = np.random.default_rng(seed)
        words = np.array(["red", "green", "blue", "dark blue", "x, y", f"only-{seed}"])
        picked = [
            "|".join(["all", "each", *rng.permutation(words[rng.random(6) < 0.4])])
            for _ in range(rows)
        ]
        return pa.array(picked, pa.string(), mask=rng.random(rows) < 0.1)

    def _lists(self, rows: pa.RecordBatch, separator: str) -> tuple[pa.Array, list[RowError]]:
        """(N,) lists of words, null where missing, and the rows that cannot be read.

        Raises:
            DataError: the field holds pictures, numbers in lists or the like.
        """
        raw = rows.column(self.reads[0])
        if _is_list(raw.type):
            return raw, []
        if pa.types.is_nested(raw.type) or isinstance(raw.type, pa.BaseExtensionType):
            raise not_readable(raw, self.name, "lists of texts, or texts")
        return _parted(trimmed(to_text(raw, name=self.name), ()), separator)


def _all_json(text: pa.StringArray) -> bool:
    return bool(pc.all(pc.match_substring_regex(text, _JSON)).as_py())


def _claim(text: pa.StringArray, separator: str) -> Guess | None:
    """A claim on texts that part at the separator into few words, each of which comes often."""
    holding = pc.mean(pc.cast(pc.match_substring(text, separator), pa.float64())).as_py()
    if holding < _PARTED:
        return None
    lists, _ = _parted(text, separator)
    words = pc.drop_null(_unique_words(lists)[1])
    distinct, texts = pc.unique(words), len(pc.unique(text))
    if len(words) < _PER_SET * len(text) or len(words) < _REPEATED * len(distinct):
        return None
    if separator == "," and (2 * len(distinct) > texts or to_numbers(distinct, name="")[1].sum()
                             < len(distinct) / 2):  # fmt: skip
        return None  # such as places in their states, and numbers with a decimal comma
    if pc.mean(pc.utf8_length(distinct)).as_py() > _LONGEST:
        return None
    reason = f"sets of {len(distinct):,} words, {texts:,} different"
    return Guess(0.75, reason, {"separator": separator})


def _parted(text: pa.StringArray, separator: str) -> tuple[pa.Array, list[RowError]]:
    """(N,) texts as lists of words, and those that begin as a JSON list and are none."""
    lists = pc.split_pattern(text, separator)
    as_json = pc.fill_null(pc.match_substring_regex(text, _JSON), False)
    if not pc.any(as_json).as_py():
        return lists, []
    values, errors = lists.to_pylist(), []
    for row in np.flatnonzero(as_json.to_numpy(zero_copy_only=False)):
        try:
            values[row] = _texts(from_json(text[int(row)].as_py()))
        except ValueError:
            errors.append(RowError(int(row), shortened(text[int(row)].as_py()),
                                   "a JSON list of texts"))  # fmt: skip
            values[row] = None
    return pa.array(values, pa.list_(pa.string())), errors


def _texts(items: list[Any]) -> list[str]:
    """The items of a JSON list as texts.

    Raises:
        ValueError: one is a list or a mapping.
    """
    if any(isinstance(item, list | dict) for item in items):
        raise ValueError("nested")
    return [str(item) for item in items if item is not None]


def _unique_words(lists: pa.Array) -> tuple[np.ndarray, pa.StringArray]:
    """Each word once a row: the row it stands in, (M,) int64, and the word, null where empty."""
    owner = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    words = trimmed(to_text(pc.list_flatten(lists), name=""), ())
    codes = pc.fill_null(pc.dictionary_encode(words).indices, -1).to_numpy(zero_copy_only=False)
    first = np.unique(np.stack([owner, codes], axis=1), axis=0, return_index=True)[1]
    return owner[first], words.take(pa.array(first))


def _lengths(lists: pa.Array) -> np.ndarray:
    lengths: np.ndarray = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    return lengths


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))
