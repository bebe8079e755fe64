"""Fields that say nothing an earlier one does not: copies, and the same under other names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.data.columns._text import plain, to_text, trimmed

_OFTEN = 2
"""Rows a value must have on average for two fields to be one-to-one by more than chance: fields in
which nearly every value differs are always so."""


def duplicates(fields: Mapping[str, pa.Array]) -> dict[str, str]:
    """Field -> why an earlier field makes it needless.

    Two fields are one-to-one where their values, numbered in the order in which they first appear,
    have the same numbers in every row. A missing value is a value.

    Args:
        fields: (N,) single values by field, none of them constant.
    """
    first: dict[bytes, str] = {}
    words: dict[str, bytes] = {}
    found: dict[str, str] = {}
    for field, values in fields.items():
        coded = pc.dictionary_encode(_words(values))
        codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
        order, distinct = _by_appearance(codes)
        words[field] = _digest(coded.dictionary, codes)
        key = order if _OFTEN * distinct <= len(codes) else words[field]
        earlier = first.setdefault(key, field)
        if earlier == field:
            continue
        same = words[earlier] == words[field]
        found[field] = f"equal to {earlier}" if same else f"one-to-one with {earlier}"
    return found


def _words(values: pa.Array) -> pa.StringArray:
    """(N,) texts, in which 3 and 3.0 are one."""
    return pc.replace_substring_regex(
        trimmed(to_text(plain(values), name=""), ()), r"^([+-]?\d+)\.0*$", r"\1"
    )


def _by_appearance(codes: np.ndarray) -> tuple[bytes, int]:
    """A digest of (N,) codes numbered in the order in which they first appear, and how many."""
    _, starts, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rank = np.empty(len(starts), np.int64)
    rank[np.argsort(starts)] = np.arange(len(starts))
    return hashlib.blake2b(rank[inverse].tobytes(), digest_size=16).digest(), len(starts)


def _digest(dictionary: pa.StringArray, codes: np.ndarray) -> bytes:
    """A digest of the texts themselves."""
    digest = hashlib.blake2b(codes.tobytes(), digest_size=16)
    for text in dictionary.to_pylist():
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.digest()
