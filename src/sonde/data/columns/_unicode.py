"""Texts as characters: one form for what looks the same, code points as arrays, and scripts.

Unicode has several spellings of one text, such as é and e with an accent beside it; NFC and NFKC
(Unicode Standard Annex 15) give one of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_MOST_MARKS = 128
"""Marks on one character beyond which a text is left as it is: to order n marks takes n * n steps,
and no language needs more than a handful."""

_LAST_MARK = 0x20000
"""Marks stand below this code point, but for selectors of variants."""


@cache
def marks() -> str:
    """What joins the character before it, as ranges for a set of a regular expression."""
    codes = [code for code in range(0x300, _LAST_MARK) if unicodedata.category(chr(code))[0] == "M"]
    jumps = [at for at, (one, two) in enumerate(pairwise(codes), 1) if two != one + 1]
    runs = [codes[a:b] for a, b in pairwise([0, *jumps, len(codes)])]
    return "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)


def normalised(text: pa.StringArray, form: str, *, lower: bool) -> pa.StringArray:
    """(N,) texts in one of the forms 'NFC' and 'NFKC', or as they are where it is ''."""
    if form and not _is_ascii(text):
        changed = pc.utf8_normalize(_without_piles(text), form=form)
        text = pc.if_else(pc.is_valid(changed), changed, text)
    return pc.utf8_lower(text) if lower else text


def _is_ascii(text: pa.StringArray) -> bool:
    return bool(pc.all(pc.string_is_ascii(text), min_count=0).as_py())


def _without_piles(text: pa.StringArray) -> pa.StringArray:
    """(N,) texts, null where more marks stand on one character than can be ordered in time."""
    long = pc.fill_null(pc.greater(pc.binary_length(text), _MOST_MARKS), False)
    rows = np.flatnonzero(long.to_numpy(zero_copy_only=False))
    pile = re.compile(f"[{marks()}]{{{_MOST_MARKS}}}")
    piled = [row for row in rows if pile.search(text[int(row)].as_py())]
    if not piled:
        return text
    keep = np.ones(len(text), bool)
    keep[piled] = False
    return pc.if_else(pa.array(keep), text, None)


def raw_places(text: str, form: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the characters of the normalised text stand in the raw one.

    Returns:
        starts and ends (n,) int64, one for each character of the normalised text: those of the
        least stretch of the raw text that becomes the stretch the character is in.
    """
    whole = normalised(pa.array([text], pa.string()), form, lower=False)[0].as_py()
    if whole == text:
        at = np.arange(len(text) + 1)
        return at[:-1], at[1:]
    stretches = re.findall(f"(?s:.)[{marks()}\u1160-\u11ff]*", text)  # those of Hangul join, too
    made = normalised(pa.array(stretches, pa.string()), form, lower=False)
    sizes = np.array([len(stretch) for stretch in stretches])
    counts = pc.utf8_length(made).to_numpy()
    ends = np.cumsum(sizes)
    return np.repeat(ends - sizes, counts), np.repeat(ends, counts)


def code_points(text: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """(M,) uint32 code points of all N texts one after another, and (N,) int64 lengths."""
    lengths = pc.fill_null(pc.utf8_length(text), 0).to_numpy(zero_copy_only=False)
    joined = "".join(known for known in text.to_pylist() if known)
    return np.frombuffer(joined.encode("utf-32-le"), np.uint32), lengths.astype(np.int64)


@cache
def script(code: int) -> str:
    """What a letter belongs to, such as 'Latin' or 'Cyrillic'; '' for what is no letter."""
    character = chr(code)
    if unicodedata.category(character)[0] != "L":
        return ""
    name = unicodedata.name(character, "").split(" ")[0].title()
    return {"Cjk": "Chinese", "Fullwidth": "Latin", "Halfwidth": "Katakana"}.get(name, name)


def scripts(codes: Iterable[int]) -> set[str]:
    """What these code points are written in."""
    return {script(code) for code in codes} - {""}


def foreign(texts: Sequence[pa.StringArray], known: Collection[str]) -> np.ndarray:
    """(N,) bool: whether most letters of a row's texts are of other scripts than the known ones."""
    letters, others = (np.zeros(len(texts[0]), np.int64) for _ in range(2))
    for text in texts:
        if "Latin" in known and _is_ascii(text):
            continue
        codes, lengths = code_points(text)
        distinct, which = np.unique(codes, return_inverse=True)
        of = [script(code) for code in distinct.tolist()]
        is_letter = np.array([bool(name) for name in of], bool)[which]
        is_other = np.array([bool(name) and name not in known for name in of], bool)[which]
        row = np.repeat(np.arange(len(text)), lengths)
        letters += np.bincount(row[is_letter], minlength=len(text))
        others += np.bincount(row[is_other], minlength=len(text))
    return 2 * others > letters
