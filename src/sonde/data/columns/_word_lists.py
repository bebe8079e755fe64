"""Lists with something for each word: what the columns of words and of their labels share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Encoded, Ragged
from sonde.core.port import TOKENS, UNKNOWN
from sonde.data.columns._places import UNREADABLE
from sonde.data.columns._text import not_readable, to_text
from sonde.data.columns._words import words_of

Part = Callable[[str], list[str]]
"""Cuts a text where no list is given."""


def lists_of(raw: pa.Array, part: Part, *, name: str) -> pa.ListArray:
    """(N,) lists of texts, null where missing; a text is cut, null items become empty.

    Raises:
        DataError: the field holds pictures, numbers in lists or the like.
    """
    if pa.types.is_list(raw.type) or pa.types.is_large_list(raw.type):
        inner = raw.type.value_type
        if pa.types.is_integer(inner):  # labels by their numbers
            return pc.cast(raw, pa.list_(pa.string()))
        if not (pa.types.is_string(inner) or pa.types.is_large_string(inner)
                or pa.types.is_null(inner)):  # fmt: skip
            raise not_readable(raw, name, "lists of texts")
        return pc.cast(raw, pa.list_(pa.string()))
    if pa.types.is_nested(raw.type) or isinstance(raw.type, pa.BaseExtensionType):
        raise not_readable(raw, name, "lists of texts, or texts")
    texts = to_text(raw, name=name).to_pylist()
    cut = [None if text is None else part(text) for text in texts]
    return pa.array(cut, pa.list_(pa.string()))


def flat(lists: pa.ListArray) -> pa.StringArray:
    """(M,) the items of all lists; a null one is empty."""
    return pc.fill_null(pc.list_flatten(lists), "")


def places_of(lists: pa.ListArray, items: pa.StringArray, place: Mapping[str, int]) -> Encoded:
    """The items (M,) of N lists as places, `UNKNOWN` where an item has none."""
    coded = pc.dictionary_encode(items)
    found = [place.get(item, UNKNOWN) for item in coded.dictionary.to_pylist()]
    codes = coded.indices.to_numpy(zero_copy_only=False)
    small = np.uint16 if len(place) + TOKENS <= 1 << 16 else np.int32
    values = np.array(found, small)[codes]
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    lengths = lengths.astype(np.int64)
    present = lists.is_valid().to_numpy(zero_copy_only=False)
    return Encoded(values, np.cumsum(lengths) - lengths, lengths, present=present)


def items_of(arrays: np.ndarray | Ragged, items: tuple[str, ...]) -> list[list[str]]:
    """Places back to lists; an unknown one as U+FFFD, reserved ones left out."""
    if isinstance(arrays, Ragged):
        ends = arrays.starts + arrays.lengths
        rows = [arrays.values[a:b] for a, b in zip(arrays.starts, ends, strict=True)]
    else:
        rows = list(arrays)
    return [
        [items[at - TOKENS] if at >= TOKENS else UNREADABLE
         for at in row.tolist() if at >= TOKENS or at == UNKNOWN]
        for row in rows
    ]  # fmt: skip


def words_with_places(raw: object) -> tuple[str, list[tuple[int, int]]]:
    """A raw value as a text and where its words stand in it: a list has a space between words."""
    if isinstance(raw, list):
        words = [word or "" for word in raw]
        ends = np.cumsum([len(word) + 1 for word in words]) - 1
        spans = [(int(e) - len(w), int(e)) for w, e in zip(words, ends, strict=True)]
        return " ".join(words), spans
    text, spans, at = str(raw or ""), [], 0
    for word in words_in(text):
        at = text.index(word, at)
        spans.append((at, at + len(word)))
        at += len(word)
    return text, spans


def words_in(text: str) -> list[str]:
    """The words of a text; none spans a space."""
    return [word for run in text.split() for word in words_of(run)]
