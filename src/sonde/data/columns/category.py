"""Categories: labels, codes, yes and no.

A category is the place of its value among the values of the training rows. Values of few rows may
be folded into one (`rare`, `most`). Two more places stand behind them: one for values never seen in
training, one for missing values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from sonde.contracts.data import Column, Encoded, Guess, Ragged, Strange
from sonde.core.errors import DataError
from sonde.core.port import MISSING, RESERVED, UNSEEN, Port
from sonde.core.spec import Learned
from sonde.data.columns._levels import (
    MOST_ASKED,
    RARE,
    Tally,
    clash,
    decoded,
    kept,
    one_by_case,
    ordered,
)
from sonde.data.columns._strange import examples
from sonde.data.columns._text import (
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

_OFTEN = 20
"""Rows that each value stands in on average for values of any length to be labels."""


class Category(Column):
    """One of a set of values, as its index; an empty text is a missing value.

    Values are compared as texts without outer spaces. A value that was not met in just this form
    is looked up in its plain form, `3.0` as `3` and `True` as `true`, where one value alone has it:
    files and callers write the same thing differently.
    """

    drop: tuple[Text, ...] = ()
    """Text to remove, such as (".",) for the full stops that end the labels of adult.test."""
    merge: dict[Text, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field({})
    """{value: others that count as it}, such as {"1": ["2", "3", "4"]} for grades of a disease."""
    rare: int = Field(1, ge=1)
    """Values of fewer training rows share one class, '(rare)', which stands last."""
    most: int = Field(10_000, ge=1)
    """The largest number of values with a class of their own; the least common ones are '(rare)'
    where there are more. What no training row had is unseen all the same."""
    ignore_case: bool | None = None
    """Whether 'Yes' and 'yes' are one, in their commonest spelling. None asks where training rows
    have at most fifty values and both spellings of one."""
    values: Learned[tuple[str, ...]] = ()
    folded: Learned[tuple[str, ...]] = ()
    """Values that share the class '(rare)'."""
    counts: Learned[tuple[int, ...]] = ()
    """Training rows of each value; where columns share their values, of all of them together."""
    optional: Learned[bool] = True
    """Whether a training row lacked the value."""

    @property
    def port(self) -> Port:
        """A category of as many classes as training rows had values."""
        return Port("category", size=len(self.values))

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Training rows of each value."""
        return self.counts

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """The distinct values and their counts, numbers first and by size, then texts by letter.

        Raises:
            DataError: values differ in case alone, and nobody said whether they are one.
        """
        tally, optional = Tally(), False
        for chunk in chunks:
            optional |= tally.add_rows(*self._coded(chunk))
        seen = tally.counts()
        pair = clash(seen) if self.ignore_case is None else None
        if pair:
            raise DataError(_which_case(self.name, pair, seen))
        found = one_by_case(seen) if self.ignore_case else dict(seen)
        own = kept(found, rare=self.rare, most=self.most)
        values, folded = ordered(own), tuple(sorted(found.keys() - own))
        counted = [found[value] for value in values]
        if folded:
            values, counted = (*values, RARE), [*counted, sum(found[word] for word in folded)]
        return self.learn(values=values, folded=folded, counts=tuple(counted), optional=optional)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Look values up.

        Returns:
            values (N,) of the smallest unsigned type: K known values, K unseen, K + 1 missing.
        """
        words, codes = self._coded(rows)
        missing = len(self.values) + MISSING
        places = np.where(words.is_valid(), self._places(words), missing)
        dtype = np.min_scalar_type(len(self.values) + RESERVED - 1)
        table = np.append(places, missing).astype(dtype)
        return Encoded(table[codes])

    def decode(self, arrays: np.ndarray | Ragged) -> list[Any]:
        """(N,) indices back to texts; UNSEEN and None behind them."""
        assert isinstance(arrays, np.ndarray), "categories are not ragged"
        return decoded(self.values, arrays)

    def strange(self, rows: pa.RecordBatch, encoded: Encoded) -> Sequence[Strange]:
        """Values that no training row had, and missing ones where none was."""
        found = []
        new = np.flatnonzero(encoded.values == len(self.values) + UNSEEN)
        if len(new):
            shown = examples(rows.column(self.reads[0]), new)
            fate = "all such values count as one, for which nothing was learned"
            found.append(Strange(new, "hold values that no training row had", fate, shown))
        if not self.optional:
            absent = np.flatnonzero(encoded.values == len(self.values) + MISSING)
            if len(absent):
                found.append(Strange(absent, "have no value", "every training row had one"))
        return found

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
        if 2 * len(words) > len(text):
            return None
        if pc.mean(pc.utf8_length(text)).as_py() > _LONGEST and _OFTEN * len(words) > len(text):
            return None
        if _are_numbers(words) and not (
            len(words) <= _FEW and len(text) >= _ROWS and _are_whole(words)
        ):
            return None
        if pair := _clash(text):
            reason += f"; case is ignored, so that {pair[1]!r} is {pair[0]!r}"
            return Guess(0.7, reason, {"ignore_case": True})
        return Guess(0.7, reason)

    @classmethod
    def examples(cls) -> list[Self]:
        """Plain, with text to remove, with rare values folded, and with values merged."""
        merging = cls(merge={"10": ("9", "2.5"), "north": ("south",)})
        return [cls(), cls(drop=(".",)), cls(rare=3, most=5), merging]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Words and numbers, some missing, some with outer spaces, some in few samples only."""
        rng = np.random.default_rng(seed)
        common = np.array(["north", " south", "10", "9", "2.5", "e.g."])
        rare = np.array([f"only-{seed}-{index}" for index in range(4)])
        picked = rng.choice(np.concatenate([common, rare]), rows)
        return pa.array(picked, pa.string(), mask=rng.random(rows) < 0.1)

    def _coded(self, rows: pa.RecordBatch) -> tuple[pa.StringArray, np.ndarray]:
        """The words, and the place of each row's among them: a word is trimmed once for all rows.

        Returns:
            words (n,) as they are compared, null where nothing is left of one, some perhaps alike;
            places (N,) in 0 .. n, n where there is no word.
        """
        raw = rows.column(self.reads[0])
        if pa.types.is_nested(raw.type) or isinstance(raw.type, pa.BaseExtensionType):
            raise not_readable(raw, self.name, "texts, whole numbers or booleans")
        coded = pc.dictionary_encode(to_text(raw, name=self.name))
        words = self._merged(trimmed(coded.dictionary, self.drop))
        return words, pc.fill_null(coded.indices, len(words)).to_numpy(zero_copy_only=False)

    def _merged(self, words: pa.StringArray) -> pa.StringArray:
        """(N,) texts with each that counts as another replaced by it."""
        if not self.merge:
            return words
        pairs = [(other, kept) for kept, others in self.merge.items() for other in others]
        others, kept = (pa.array(texts, pa.string()) for texts in zip(*pairs, strict=True))
        place = pc.index_in(self._plain_form(words), value_set=self._plain_form(others))
        return pc.coalesce(kept.take(place), words)

    def _places(self, words: pa.StringArray) -> np.ndarray:
        """(n,) int32 index of each word: as written, else in its plain form, else unseen."""
        exact, plain = self._index
        found = pc.index_in(words, value_set=exact)
        if found.null_count:
            found = pc.coalesce(found, pc.index_in(self._plain_form(words), value_set=plain))
        if self.folded:
            looked_up = pc.utf8_lower(words) if self.ignore_case else words
            is_rare = pa.array([word in self._rare for word in looked_up.to_pylist()])
            found = pc.coalesce(found, pc.if_else(is_rare, len(self.values) - 1, None))
        places: np.ndarray = pc.fill_null(found, len(self.values) + UNSEEN).to_numpy()
        return places

    @cached_property
    def _rare(self) -> frozenset[str]:
        """The folded values, as they are looked up."""
        return frozenset(word.lower() if self.ignore_case else word for word in self.folded)

    @cached_property
    def _index(self) -> tuple[pa.StringArray, pa.StringArray]:
        """(K,) values as written, and in plain form: null where several have the same."""
        exact = pa.array(self.values, pa.string())
        plain = self._plain_form(exact).to_pylist()
        often = Counter(plain)
        alone = [word if word is not None and often[word] == 1 else None for word in plain]
        return exact, pa.array(alone, pa.string())

    def _plain_form(self, words: pa.StringArray) -> pa.StringArray:
        """`3.00` as `3`, `True` as `true`; all in lower case where case is ignored."""
        words = pc.replace_substring_regex(words, r"^([+-]?\d+)\.0*$", r"\1")
        lower = pc.utf8_lower(words)
        if self.ignore_case:
            return lower
        boolean = pc.is_in(lower, value_set=pa.array(["true", "false"]))
        return pc.if_else(boolean, lower, words)


def _clash(text: pa.StringArray) -> tuple[str, str] | None:
    words, counts = pc.value_counts(text.drop_null()).flatten()
    if len(words) > MOST_ASKED:
        return None
    return clash(dict(zip(words.to_pylist(), counts.to_pylist(), strict=True)))


def _which_case(name: str, pair: tuple[str, str], counts: Mapping[str, int]) -> str:
    rows = " and ".join(f"{word!r} ({counts[word]:,} training rows)" for word in pair)
    return (
        f"column {name!r}: {rows} differ in case alone. Say whether they are one:  "
        f"{name}: {{kind: category, ignore_case: true}}, or false to keep them apart."
    )


def _are_numbers(words: pa.StringArray) -> bool:
    """Whether so many are numbers that the rest are mistakes in writing."""
    wrong = to_numbers(words, name="")[1]
    return bool(wrong.mean() <= 0.05)


def _are_whole(words: pa.StringArray) -> bool:
    values = to_numbers(words, name="")[0]
    return bool((values == np.floor(values)).all())
