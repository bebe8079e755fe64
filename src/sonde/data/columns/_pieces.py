"""Texts as pieces of words: byte pairs joined where they come often, so that nothing is unknown.

Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016,
arXiv:1508.07909; over bytes as in Radford et al., "Language Models are Unsupervised Multitask
Learners", 2019, section 2.2. Joins are learned and applied by the package `tokenizers`; which
stretches of a text they may lie in is settled here: runs of letters, of digits, or of other signs,
each with the space before it.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.core.errors import DataError, MissingPackage
from sonde.core.port import SEPARATOR, TOKENS
from sonde.core.text import from_json
from sonde.data.columns._places import readable, through_distinct
from sonde.data.columns._unicode import marks

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BYTES = 256

_LONGEST = 64
"""Characters of a stretch at most: a line of a million letters is no word."""

_AT_ONCE = 10_000


@cache
def _stretch() -> re.Pattern[str]:
    letter = rf"(?:[^\W\d_][{marks()}]{{0,{_LONGEST}}}+)"
    return re.compile(
        rf" ?{letter}{{1,{_LONGEST}}}+| ?\d{{1,{_LONGEST}}}+| ?(?:(?![^\W_])\S){{1,{_LONGEST}}}+|\s"
    )


@cache
def _written() -> tuple[str, ...]:
    """The character the package writes each byte as (GPT-2's table)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return tuple(chr(byte if byte in plain else next(others)) for byte in range(BYTES))


def parts_of(text: pa.StringArray) -> pa.ListArray:
    """(N,) lists of what spaces part, each but the first with its space before it."""
    lists = pc.split_pattern(pc.fill_null(text, ""), " ")
    first = lists.offsets.to_numpy()[:-1] - lists.offsets[0].as_py()
    spaced = np.ones(len(lists.flatten()), bool)
    spaced[first] = False
    flat = pc.if_else(pa.array(spaced), pc.binary_join_element_wise("", lists.flatten(), " "),
                      lists.flatten())  # fmt: skip
    return pa.ListArray.from_arrays(pc.subtract(lists.offsets, lists.offsets[0]), flat)


def learned_joins(counts: Mapping[str, int], *, vocabulary: int, at_least: int) -> np.ndarray:
    """The joins that shorten training texts most.

    Args:
        counts: parts of texts, as `parts_of` cuts them, and how often each came.
        vocabulary: the largest number of pieces, the 256 bytes among them.
        at_least: how often a pair must come to be joined.

    Returns:
        (J, 2) int32: pieces 0 to 255 are bytes, and join j makes piece 256 + j.

    Raises:
        MissingPackage: `tokenizers` is not installed.
    """
    package = _tokenizers()
    tokenizer = package.Tokenizer(package.models.BPE())
    tokenizer.pre_tokenizer = _as_bytes(package)
    trainer = package.trainers.BpeTrainer(
        vocab_size=max(vocabulary, BYTES),
        min_frequency=at_least,
        initial_alphabet=list(_written()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_stretches(counts), trainer)
    place = {written: byte for byte, written in enumerate(_written())}
    joins = []
    for left, right in from_json(tokenizer.to_str())["model"]["merges"]:
        joins.append((place[left], place[right]))
        place.setdefault(left + right, len(place))
    return np.array(joins, np.int32).reshape(-1, 2)


class Pieces:
    """Bytes and what joins made of them, each with its place.

    Args:
        joins: (J, 2) int32 as `learned_joins` gives them.

    Raises:
        DataError: a join joins what is not there.
    """

    def __init__(self, joins: np.ndarray) -> None:
        self._joins = joins
        pieces = {bytes([byte]): byte for byte in range(BYTES)}
        known = list(pieces)
        for left, right in joins.tolist():
            if not 0 <= min(left, right) <= max(left, right) < len(known):
                raise DataError(f"join ({left}, {right}): there are {len(known)} pieces before it")
            made = known[left] + known[right]
            if pieces.setdefault(made, len(known)) == len(known):
                known.append(made)
        self.known = known

    def encode(self, text: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
        """(N,) texts -> (M,) int64 places, and (N,) int64 lengths."""
        return through_distinct(parts_of(text), self._read)

    def decode(self, places: np.ndarray) -> str:
        """(n,) places -> the text, to the byte; what is no UTF-8 becomes U+FFFD."""
        return b"".join(
            b"\n" if place == SEPARATOR else self.known[place - TOKENS]
            for place in readable(places).tolist()
            if place == SEPARATOR or place >= TOKENS
        ).decode("utf-8", "replace")

    def spans(self, text: str) -> np.ndarray:
        """(n, 2) int64 starts and ends of the characters that a text's pieces have bytes of."""
        places, _ = self.encode(pa.array([text], pa.string()))
        sizes = np.array([len(self.known[place - TOKENS]) for place in places.tolist()], np.int64)
        widths = [len(character.encode()) for character in text]
        character = np.repeat(np.arange(len(text)), widths)  # of each byte
        ends = np.cumsum(sizes)
        return np.stack([character[ends - sizes], character[ends - 1] + 1], axis=1)

    def _read(self, parts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        cut = [_stretch().findall(part) for part in parts]
        distinct = list(dict.fromkeys(stretch for stretches in cut for stretch in stretches))
        found = self._tokenizer.encode_batch_fast(distinct, add_special_tokens=False)
        places = {stretch: item.ids for stretch, item in zip(distinct, found, strict=True)}
        of_part = [[place for s in stretches for place in places[s]] for stretches in cut]
        sizes = np.array([len(places) for places in of_part], np.int64)
        return np.array([place for places in of_part for place in places], np.int64), sizes

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        package, written = _tokenizers(), _written()
        names = ["".join(written[byte] for byte in piece) for piece in self.known]
        places = {name: place for place, name in enumerate(names, TOKENS)}
        merges = [(names[left], names[right]) for left, right in self._joins.tolist()]
        tokenizer = package.Tokenizer(package.models.BPE(places, merges))
        tokenizer.pre_tokenizer = _as_bytes(package)
        made: Tokenizer = tokenizer
        return made


def _stretches(counts: Mapping[str, int]) -> Iterator[list[str]]:
    """Every stretch of the texts as often as it came, in an order that is always the same."""
    often: Counter[str] = Counter()
    for part, count in counts.items():
        for stretch in _stretch().findall(part):
            often[stretch] += count
    for stretch in sorted(often):
        left = often[stretch]
        while left:
            some = min(left, _AT_ONCE)
            yield [stretch] * some
            left -= some


def _as_bytes(package: Any) -> Any:
    return package.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def _tokenizers() -> Any:
    """The package, told to start no threads: the store reads chunks side by side already.

    Raises:
        MissingPackage: it is not installed.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads do not survive a fork
    try:
        import tokenizers
    except ImportError:
        raise MissingPackage(
            "pieces of words (tokens: bpe) need tokenizers:  pip install 'sonde[text]'"
        ) from None
    return tokenizers
