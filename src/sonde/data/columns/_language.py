"""Which fields hold language: several words in a text, many different texts, words that come again.

Codes, names of files, links, dates and numbers have few letters or no spaces; names of people have
two words and tell little.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Guess
from sonde.data.columns._text import is_text, plain, trimmed
from sonde.data.columns._words import ALONE

_LONG = 1_000
"""Words that are read of a text where nobody says more."""

_LOOKED_AT = 20_000
"""Distinct texts that nearly always tell."""

_BEGINNING = 20 * _LONG
"""Characters of each that are looked at: enough to see whether there are more words than that."""

_FEWEST = 5
"""Distinct texts, at least: fewer are values of a category."""

_WORDS, _LETTERS, _AGAIN = 2.5, 0.6, 0.3
"""Words a text must have on average; share of letters among signs; and share of words that come
more than once, where there are texts enough to tell."""

_ENOUGH = 50
"""Distinct texts from which on language repeats words."""

_SENTENCES, _MANY = 4.0, 100
"""Words on average, and distinct texts, from which on texts are no categories, though they come
again and again."""

_PLACE = r"^(\.{0,2}/|~/|[A-Za-z]:[\\/]|\w+://)"
"""How paths and links begin."""


def claim(sample: pa.Array) -> Guess | None:
    """A claim on texts that read like language."""
    if not is_text(sample.type):
        return None
    text = trimmed(plain(sample), ())
    distinct = pc.unique(text).drop_null()
    seen = pc.utf8_slice_codeunits(distinct[:_LOOKED_AT], 0, _BEGINNING)
    if len(distinct) < _FEWEST or _placed(seen) or not _lettered(seen):
        return None
    counts = pc.add(pc.count_substring_regex(seen, r"\S*\p{L}\S*"), _unspaced(seen))
    words = pc.mean(counts).as_py()
    if words < _WORDS or (len(seen) >= _ENOUGH and _repeated(seen) < _AGAIN):
        return None
    length = pc.mean(pc.utf8_length(text)).as_py()
    missing = f", {text.null_count:,} missing" if text.null_count else ""
    reason = f"{len(distinct):,} distinct, {length:.0f} characters{missing}"
    sure = 0.72 if words >= _SENTENCES and len(distinct) >= _MANY else 0.5
    if pc.max(counts).as_py() <= _LONG:
        return Guess(sure, reason)
    return Guess(sure, f"{reason}; the first {_LONG:,} words are read", {"longest": _LONG})


def _placed(text: pa.StringArray) -> bool:
    """Whether most are paths or links."""
    return bool(2 * pc.sum(pc.match_substring_regex(text, _PLACE)).as_py() > len(text))


def _lettered(text: pa.StringArray) -> bool:
    """Whether most signs are letters."""
    letters = pc.sum(pc.count_substring_regex(text, r"[\p{L}\p{M}]")).as_py()
    return bool(letters >= _LETTERS * pc.sum(pc.count_substring_regex(text, r"\S")).as_py())


def _unspaced(text: pa.StringArray) -> pa.Array:
    """(n,) words beyond the first of scripts that part none: about two characters are one."""
    return pc.divide(pc.count_substring_regex(text, f"[{ALONE}]"), 2)


def _repeated(text: pa.StringArray) -> float:
    """The share of words that come more than once; of scripts without spaces, of characters."""
    pattern = rf"([{ALONE}])"
    spaced = pc.replace_substring_regex(text, pattern, r" \1 ")
    words = pc.utf8_split_whitespace(pc.utf8_lower(spaced)).flatten()
    often = pc.value_counts(words.filter(pc.not_equal(words, ""))).field("counts")
    again = pc.sum(often.filter(pc.greater(often, 1))).as_py() or 0
    return float(again / (pc.sum(often).as_py() or 1))
