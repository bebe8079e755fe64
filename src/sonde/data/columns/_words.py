"""Texts as words: cut into them, and put together again.

Words are runs of letters and digits, numbers with the marks inside them, the endings 's, 're, n't
of English, and every other sign by itself. Scripts that leave no space between words (Chinese,
Japanese, Thai and their like) are cut into characters. No word spans a space, so that a text is cut
at spaces first and each distinct run between them is looked at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.core.port import SEPARATOR, TOKENS, UNKNOWN
from sonde.data.columns._places import UNREADABLE, readable, through_distinct
from sonde.data.columns._unicode import marks

ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Thai and Lao, Burmese, Khmer, Japanese syllables, Chinese characters."""

_CLOSING = frozenset(
    ".,;:!?%)]}\u2026\u00bb\u201d\u3001\u3002\u300d\u300f\uff01\uff09\uff0c\uff1a\uff1b\uff1f"
)
_OPENING = frozenset("([{$\u00a3\u20ac\u00ab\u201c\u00bf\u00a1\u300c\u300e\uff08")
"""Signs that stand close to the word before, or after, them."""

_APOSTROPHE = "['\u2019]"


@cache
def _word() -> re.Pattern[str]:
    """Linear in the text's length: possessive, or turning back over one run only."""
    letter, mark = rf"[^\W{ALONE}]", f"[{marks()}\u200c\u200d]"
    run = f"{letter}++(?:{mark}++{letter}*+)*+"
    return re.compile(
        r"\d++(?:[.,:]\d++)++"
        rf"|(?i:n{_APOSTROPHE}t\b|{_APOSTROPHE}(?:s|t|re|ve|m|ll|d)\b)"
        rf"|{run}(?!{_APOSTROPHE}[tT]\b)|{letter}+(?=[nN]{_APOSTROPHE}[tT]\b)|{run}"
        rf"|[{ALONE}]{mark}*+|\S{mark}*+"
    )


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    return _word().findall(text)


def runs_of(text: pa.StringArray) -> pa.ListArray:
    """(N,) lists of what stands between spaces, some of it empty; none where there is no text."""
    return pc.utf8_split_whitespace(pc.fill_null(text, ""))


class Words:
    """The words of training rows, each with its place.

    Args:
        words: from place `TOKENS` on.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._place = {word: place for place, word in enumerate(words, TOKENS)}

    def encode(self, text: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
        """(N,) texts -> (M,) int64 places, and (N,) int64 lengths."""
        return through_distinct(runs_of(text), self._read)

    def decode(self, places: np.ndarray) -> str:
        """(n,) places -> a text, with spaces where they are usual."""
        named = {UNKNOWN: UNREADABLE, SEPARATOR: "\n"}
        words = [
            named.get(place) or self._words[place - TOKENS] for place in readable(places).tolist()
        ]
        return joined(words)

    def spans(self, text: str) -> np.ndarray:
        """(n, 2) int64 starts and ends of a text's words."""
        found, at = [], 0
        for run in runs_of(pa.array([text], pa.string())).flatten().to_pylist():
            for word in words_of(run):
                at = text.index(word, at)
                found.append((at, at + len(word)))
                at += len(word)
        return np.array(found, np.int64).reshape(-1, 2)

    def _read(self, runs: list[str]) -> tuple[np.ndarray, np.ndarray]:
        cut = [words_of(run) for run in runs]
        places = [self._place.get(word, UNKNOWN) for words in cut for word in words]
        return np.array(places, np.int64), np.array([len(words) for words in cut], np.int64)


def joined(words: Iterable[str]) -> str:
    """Words as a text, with spaces where they are usual; read again, it has the same words."""
    out: list[str] = []
    quoted, before = False, ""
    for word in words:
        closes = quoted if word == '"' else word[0] in _CLOSING
        opens = quoted if before == '"' else before in _OPENING
        if out and "\n" not in (before, word) and not _joins(before, word, closes or opens):
            out.append(" ")
        out.append(word)
        quoted ^= word == '"'
        before = word
    return "".join(out)


@lru_cache(1 << 14)
def _joins(before: str, word: str, usual: bool) -> bool:
    """Whether two words stand without a space: where they do, and are still read as two."""
    ending = re.match(f"(?i:n?{_APOSTROPHE}[a-z])", word)
    unspaced = re.match(f"[{ALONE}]", word) and (
        before in _CLOSING or re.match(f"[{ALONE}]", before)
    )
    if not (usual or ending or unspaced):
        return False
    return words_of(before + word) == [before, word]
