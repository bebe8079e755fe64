"""Categories: labels, codes, yes and no.

A category is the place of its value among the values of the training rows. Two more places stand
behind them: one for values never seen in training, one for missing values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import UNSEEN as UNSEEN_VALUE
from sonde.contracts.data import Column, Encoded, Guess, Ragged
from sonde.core.port import MISSING, RESERVED, UNSEEN, Port
from sonde.core.spec import Learned
from sonde.data.columns._text import (
    NUMBER,
    Text,
    is_numeric,
    is_text,
    not_readable,
    to_numbers,
    to_text,
    trimmed,
)

_FEW, _ROWS = 10, 20
"""Numbers are taken for labels where at most so few whole ones stand in at least so many rows."""

_LONGEST = 50
"""Characters on average beyond which a field is taken for text."""


class Category(Column):
    """One of a set of values, as its index; an empty text is a missing value.

    Values are compared as texts without outer spaces. A value that was not met in just this form
    is looked up in its plain form, `3.0` as `3` and `True` as `true`, where one value alone has it:
    files and callers write the same thing differently.
    """

    drop: tuple[Text, ...] = ()
    """Text to remove, such as (".",) for the full stops that end the labels of adult.test."""
    values: Learned[tuple[str, ...]] = ()

    @property
    def port(self) -> Port:
        """A category of as many classes as training rows had values."""
        return Port("category", size=len(self.values))

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """The distinct values, numbers first and by size, then texts by letter."""
        seen: set[str] = set()
        for chunk in chunks:
            seen.update(pc.unique(self._text(chunk)).drop_null().to_pylist())
        texts = pa.array(sorted(seen), pa.string())
        numbers = pc.match_substring_regex(texts, NUMBER).to_pylist()
        ordered = sorted(
            zip(numbers, texts.to_pylist(), strict=True),
            key=lambda pair: (not pair[0], float(pair[1]) if pair[0] else 0.0, pair[1]),
        )
        return self.learn(values=tuple(text for _, text in ordered))

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Look values up.

        Returns:
            values (N,) of the smallest unsigned type: K known values, K unseen, K + 1 missing.
        """
        coded = pc.dictionary_encode(self._text(rows))
        places = self._places(coded.dictionary)
        missing = len(self.values) + MISSING
        dtype = np.min_scalar_type(len(self.values) + RESERVED - 1)
        table = np.append(places, missing).astype(dtype)
        codes = pc.fill_null(coded.indices, len(places)).to_numpy(zero_copy_only=False)
        return Encoded(table[codes])

    def decode(self, arrays: np.ndarray | Ragged) -> list[Any]:
        """(N,) indices back to texts; UNSEEN and None behind them."""
        assert isinstance(arrays, np.ndarray), "categories are not ragged"
        words = np.empty(len(self.values) + RESERVED, object)
        words[: len(self.values)] = self.values
        words[len(self.values) + UNSEEN] = UNSEEN_VALUE
        words[len(self.values) + MISSING] = None
        decoded: list[Any] = words[arrays].tolist()
        return decoded

    @classmethod
    def guess(cls, sample: pa.Array) -> Guess | None:
        """Claims booleans, few whole numbers, and texts that repeat and are short."""
        boolean = pa.types.is_boolean(sample.type)
        if not (boolean or is_text(sample.type) or is_numeric(sample.type)):
            return None
        text = trimmed(to_text(sample, name=""), ())
        words = pc.unique(text).drop_null()
        if not len(words):
            return None
        missing = f", {text.null_count:,} missing" if text.null_count else ""
        reason = f"{len(words):,} value{'s' if len(words) > 1 else ''}{missing}"
        if boolean:
            return Guess(0.9, reason)
        if 2 * len(words) > len(text) or pc.mean(pc.utf8_length(text)).as_py() > _LONGEST:
            return None
        if _are_numbers(words) and not (
            len(words) <= _FEW and len(text) >= _ROWS and _are_whole(words)
        ):
            return None
        return Guess(0.7, reason)

    @classmethod
    def examples(cls) -> list[Self]:
        """Plain, and with text to remove."""
        return [cls(), cls(drop=(".",))]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Words and numbers, some missing, some with outer spaces, some in few samples only."""
        rng = np.random.default_rng(seed)
        common = np.array(["north", " south", "10", "9", "2.5", "e.g."])
        rare = np.array([f"only-{seed}-{index}" for index in range(4)])
        picked = rng.choice(np.concatenate([common, rare]), rows)
        return pa.array(picked, pa.string(), mask=rng.random(rows) < 0.1)

    def _text(self, rows: pa.RecordBatch) -> pa.StringArray:
        """(N,) texts as they are compared."""
        raw = rows.column(self.reads[0])
        if pa.types.is_nested(raw.type) or isinstance(raw.type, pa.BaseExtensionType):
            raise not_readable(raw, self.name, "texts, whole numbers or booleans")
        return trimmed(to_text(raw, name=self.name), self.drop)

    def _places(self, words: pa.StringArray) -> np.ndarray:
        """(n,) int32 index of each word: as written, else in its plain form, else unseen."""
        exact, plain = self._index
        found = pc.coalesce(
            pc.index_in(words, value_set=exact),
            pc.index_in(_plain_form(words), value_set=plain),
        )
        places: np.ndarray = pc.fill_null(found, len(self.values) + UNSEEN).to_numpy()
        return places

    @cached_property
    def _index(self) -> tuple[pa.StringArray, pa.StringArray]:
        """(K,) values as written, and in plain form: null where several have the same."""
        exact = pa.array(self.values, pa.string())
        plain = _plain_form(exact).to_pylist()
        often = Counter(plain)
        alone = [word if word is not None and often[word] == 1 else None for word in plain]
        return exact, pa.array(alone, pa.string())


def _plain_form(words: pa.StringArray) -> pa.StringArray:
    """`3.00` as `3`, `True` as `true`."""
    words = pc.replace_substring_regex(words, r"^([+-]?\d+)\.0*$", r"\1")
    lower = pc.utf8_lower(words)
    boolean = pc.is_in(lower, value_set=pa.array(["true", "false"]))
    return pc.if_else(boolean, lower, words)


def _are_numbers(words: pa.StringArray) -> bool:
    """Whether so many are numbers that the rest are mistakes in writing."""
    wrong = to_numbers(words, name="")[1]
    return bool(wrong.mean() <= 0.05)


def _are_whole(words: pa.StringArray) -> bool:
    values = to_numbers(words, name="")[0]
    return bool((values == np.floor(values)).all())
