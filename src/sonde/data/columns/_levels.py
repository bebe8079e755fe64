"""Levels of a category: which words count as one, which are too rare, in which order they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import UNSEEN as UNSEEN_VALUE
from sonde.core.port import MISSING, RESERVED, UNSEEN
from sonde.data.columns._text import NUMBER

RARE = "(rare)"
"""The word for all values that are folded into one."""

_POOLED = 1 << 16
"""Words of several chunks that are pooled before Python sees each of them."""

MOST_ASKED = 50
"""Words up to which those that differ in case alone are asked about: among more, as of names, such
pairs are no labels."""


class Tally:
    """Counts words chunk by chunk; the words of some chunks are pooled by Arrow first."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._words: list[pa.StringArray] = []
        self._counts: list[np.ndarray] = []

    def add(self, words: pa.StringArray, counts: np.ndarray) -> None:
        """Words (n,), null for none, the same perhaps twice, and how often each came (n,)."""
        self._words.append(words)
        self._counts.append(counts)
        if sum(map(len, self._words)) > _POOLED:
            self._pool()

    def add_rows(self, words: pa.StringArray, places: np.ndarray) -> bool:
        """The words of N rows, (N,) places among them, n where a row has none.

        Returns:
            Whether a row has no word, or one that is null.
        """
        often = np.bincount(places, minlength=len(words) + 1)
        self.add(words, often[:-1])
        known = words.is_valid().to_numpy(zero_copy_only=False)
        return bool(often[-1] or often[:-1][~known].any())

    def counts(self) -> Counter[str]:
        """How often each word came, those left out that came never."""
        self._pool()
        return self._seen

    def _pool(self) -> None:
        if not self._words:
            return
        coded = pc.dictionary_encode(pa.concat_arrays(self._words))
        distinct = len(coded.dictionary)
        places = pc.fill_null(coded.indices, distinct).to_numpy(zero_copy_only=False)
        often = np.zeros(distinct + 1, np.int64)
        np.add.at(often, places, np.concatenate(self._counts))
        pairs = zip(coded.dictionary.to_pylist(), often[:-1].tolist(), strict=True)
        self._seen.update({word: count for word, count in pairs if count})
        self._words, self._counts = [], []


def decoded(values: Sequence[str], places: np.ndarray) -> list[Any]:
    """(N,) places of a category port back to K values; UNSEEN and None behind them."""
    words = np.empty(len(values) + RESERVED, object)
    words[: len(values)] = values
    words[len(values) + UNSEEN] = UNSEEN_VALUE
    words[len(values) + MISSING] = None
    found: list[Any] = words[places].tolist()
    return found


def ordered(words: Iterable[str]) -> tuple[str, ...]:
    """Numbers first and by size, then texts by letter."""
    texts = pa.array(sorted(words), pa.string())
    numbers = pc.match_substring_regex(texts, NUMBER).to_pylist()
    pairs = sorted(
        zip(numbers, texts.to_pylist(), strict=True),
        key=lambda pair: (not pair[0], float(pair[1]) if pair[0] else 0.0, pair[1]),
    )
    return tuple(text for _, text in pairs)


def one_by_case(counts: Mapping[str, int]) -> dict[str, int]:
    """Words that differ in case alone counted together, under the commonest spelling."""
    spelling: dict[str, str] = {}
    total: dict[str, int] = {}
    for word in sorted(counts, key=lambda word: (-counts[word], word)):
        chosen = spelling.setdefault(word.lower(), word)
        total[chosen] = total.get(chosen, 0) + counts[word]
    return total


def clash(counts: Mapping[str, int]) -> tuple[str, str] | None:
    """The two commonest words that differ in case alone, where words are few."""
    if len(counts) > MOST_ASKED:
        return None
    seen: dict[str, str] = {}
    for word in sorted(counts, key=lambda word: (-counts[word], word)):
        first = seen.setdefault(word.lower(), word)
        if first != word and first.lower() not in ("true", "false"):
            return first, word
    return None


def kept(counts: Mapping[str, int], *, rare: int, most: int) -> set[str]:
    """The commonest words, at most `most`, each of `rare` rows at least."""
    enough = [word for word, count in counts.items() if count >= rare and word != RARE]
    if len(enough) > most:
        enough = sorted(enough, key=lambda word: (-counts[word], word))[:most]
    return set(enough)
