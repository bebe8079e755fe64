"""Words one by one: a list of words, or a text that is cut into words, with a step for each.

Where every word is to be answered for by itself (a label per word), the text column will not do: it
may cut a word of a list in two. What is not a word's own self helps with words never seen: its
shape (Xx, 99, xx-xx) and its ending, each as a column that reads the same field. Collobert et al.,
"Natural Language Processing (Almost) from Scratch", 2011, sections 4.1.3 and 6.1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PositiveInt

from sonde.contracts.data import Column, Encoded, Ragged
from sonde.core.port import TOKENS, Port
from sonde.core.spec import Learned
from sonde.data.columns._places import UNREADABLE
from sonde.data.columns._unicode import normalised
from sonde.data.columns._word_lists import flat, items_of, lists_of, places_of, words_in

_LONG_RUN = re.compile(r"(.)\1+")


class Tokens(Column):
    """A list of words as a sequence of places, one for each word."""

    of: Literal["words", "shapes", "endings"] = "words"
    """What of a word has a place: the word; how it is written (Xx for Anna, 99-99 for 12-31);
    its last letters."""
    letters: PositiveInt = 3
    """How many letters an ending has."""
    vocabulary: PositiveInt = 20_000
    """The largest number of words: the commonest of training rows."""
    at_least: PositiveInt = 2
    """How often a word must come to have a place: with 1 no training row shows what is unknown."""
    lower: bool = False
    """Whether capitals count as small letters."""
    words: Learned[tuple[str, ...]] = ()
    """What has a place, the commonest first."""
    optional: Learned[bool] = True
    """Whether a training row lacked the list."""

    @property
    def port(self) -> Port:
        """A sequence of places; columns of one `shares` have one alphabet."""
        size = TOKENS + len(self.words)
        return Port("sequence", size=size, alphabet=self.shares, optional=self.optional)

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """The commonest words; of equally common ones the first by letter."""
        often: Counter[str] = Counter()
        optional = False
        for chunk in chunks:
            lists, items = self._items(chunk)
            optional |= lists.null_count > 0
            words, counts = pc.value_counts(items).flatten()
            often.update(dict(zip(words.to_pylist(), counts.to_pylist(), strict=True)))
        often.pop(UNREADABLE, None)
        kept = sorted((word for word in often if often[word] >= self.at_least),
                      key=lambda word: (-often[word], word))  # fmt: skip
        return self.learn(words=tuple(kept[: self.vocabulary]), optional=optional)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Words as places.

        Returns:
            values (M,) uint16, or int32 where there are more than 65,536 places, with starts and
            lengths (N,) int64, and present (N,) bool.
        """
        return places_of(*self._items(rows), self._place)

    def decode(self, arrays: np.ndarray | Ragged) -> list[list[str]]:
        """Lists of words; U+FFFD where a word has no place."""
        return items_of(arrays, self.words)

    @classmethod
    def examples(cls) -> list[Self]:
        """Words, shapes, endings in small letters."""
        return [cls(), cls(of="shapes", at_least=1), cls(of="endings", letters=2, lower=True)]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Sentences as lists, each with words all share; some empty, some missing."""
        rng = np.random.default_rng(seed)
        own = f"only{seed}{'9' * seed}{chr(96 + seed) * 2}"
        words = np.array(["Anna", "lives", "in", "New-York", "שלום", "3.5", own])
        picked = [["all", *rng.choice(words, rng.integers(0, 6)).tolist()] for _ in range(rows)]
        lists = [[] if at % 9 == 0 else words for at, words in enumerate(picked)]
        missing = rng.random(rows) < 0.1
        kept = [None if gone else words for gone, words in zip(missing, lists, strict=True)]
        return pa.array(kept, pa.list_(pa.string()))

    def _items(self, rows: pa.RecordBatch) -> tuple[pa.ListArray, pa.StringArray]:
        """(N,) lists, and (M,) of their items what has a place."""
        lists = lists_of(rows.column(self.reads[0]), words_in, name=self.name)
        items = normalised(flat(lists), "NFC", lower=self.lower)
        match self.of:
            case "shapes":
                coded = pc.dictionary_encode(items)
                shapes = pa.array(
                    [shape(word) for word in coded.dictionary.to_pylist()], pa.string()
                )
                return lists, shapes.take(coded.indices)
            case "endings":
                return lists, pc.utf8_slice_codeunits(items, -self.letters, 2**31 - 1)
        return lists, items

    @cached_property
    def _place(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words, TOKENS)}


def shape(word: str) -> str:
    """X for capitals, x for small letters, 9 for digits; of longer runs two are kept."""
    drawn = "".join(
        "X" if c.isupper() else "x" if c.isalpha() else "9" if c.isdigit() else c for c in word
    )
    return _LONG_RUN.sub(r"\1\1", drawn)
