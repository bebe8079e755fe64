"""Texts: names, titles, remarks, sentences, articles, in any language.

A text becomes a sequence of places: of words, of characters, or of pieces of words. What training
rows hold decides which have a place; the rest are unknown words, all alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, PositiveInt, model_validator

from sonde.contracts.data import Column, Encoded, Guess, Ragged, Strange
from sonde.contracts.panels import Panel
from sonde.core.notice import tell
from sonde.core.port import TOKENS, UNKNOWN, Port
from sonde.core.spec import Learned
from sonde.data.columns._characters import Characters
from sonde.data.columns._language import claim
from sonde.data.columns._lengths import length_panels
from sonde.data.columns._part_counts import PartCounts
from sonde.data.columns._pieces import Pieces, learned_joins, parts_of
from sonde.data.columns._places import UNREADABLE, any_valid, beside, cut
from sonde.data.columns._strange import examples
from sonde.data.columns._text import not_readable, to_text
from sonde.data.columns._unicode import code_points, foreign, normalised, raw_places, scripts
from sonde.data.columns._vectors import read_vectors
from sonde.data.columns._words import Words, runs_of, words_of
from sonde.data.sources._files import located

_FIRST, _PER_STEP = 10_000, 32
"""Training texts looked at for how many are cut, and characters of each for a step that is read."""

_FORMS = {"nfc": "NFC", "nfkc": "NFKC", "none": ""}


class _Alphabet(Protocol):
    """Places for texts, and texts for places."""

    def encode(self, text: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
        """(N,) texts -> (M,) int64 places, and (N,) int64 lengths."""

    def decode(self, places: np.ndarray) -> str:
        """(n,) places -> a text."""

    def spans(self, text: str) -> np.ndarray:
        """(n, 2) int64 starts and ends of the characters behind each place."""


class Text(Column):
    """A text as a sequence of words, characters or pieces of words; an empty one has no step.

    A word that has no place is answered with the sign U+FFFD.
    """

    tokens: Literal["words", "characters", "bpe"] = "words"
    """What has a place: words and signs; characters; or pieces of words down to single bytes,
    which leave nothing unknown (bpe, byte pair encoding)."""
    vocabulary: PositiveInt = 20_000
    """The largest number of words, characters or pieces: the commonest of training rows."""
    at_least: PositiveInt = 2
    """How often a word or a character must come to have a place: with 1 no training row shows a
    network what is unknown. Of pieces, how often a pair must come to be joined."""
    lower: bool = False
    """Whether capitals count as small letters."""
    normalise: Literal["nfc", "nfkc", "none"] = "nfc"
    """The spelling of Unicode that texts are brought to: nfc makes no difference that can be seen,
    nfkc also writes ligatures as letters and wide letters as usual ones."""
    longest: PositiveInt | None = None
    """The most words, characters or pieces of a text that are read; the rest is cut, and told."""
    fields: tuple[str, ...] = ()
    """Several raw fields that are read one after another, such as [question, context]."""
    vectors_from: Annotated[str, Field(min_length=1)] | None = None
    """A file of word vectors in text form (word2vec, GloVe; also .gz) that a network's words begin
    with. It is read when training begins and not needed after."""
    words: Learned[tuple[str, ...]] = ()
    """What has a place, the commonest first; of pieces none."""
    joins: Learned[np.ndarray | None] = None
    """(J, 2) int32, of pieces: which two each further one is made of; None of anything else."""
    written_in: Learned[tuple[str, ...]] = ()
    """The scripts of the training rows' letters."""
    optional: Learned[bool] = True
    """Whether a training row lacked the text."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.field and self.fields:
            raise ValueError("got both field and fields; give one of them")
        if self.vectors_from and self.tokens == "bpe":
            raise ValueError("vectors_from: files have vectors of words; set tokens: words")
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        """The raw fields, one or several."""
        return self.fields or super().reads

    @property
    def port(self) -> Port:
        """A sequence of places; columns of one `shares` have one alphabet."""
        return Port("sequence", size=self._size, alphabet=self.shares, optional=self.optional)

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """The commonest words; of equally common ones the first by letter.

        Raises:
            MissingPackage: pieces are asked for, and `tokenizers` is not installed.
        """
        counts, optional, first = PartCounts(self.name), False, _First(self.longest)
        for chunk in chunks:
            texts = self._texts(chunk)
            optional |= not any_valid(texts).all()
            first.add(texts)
            for text in texts:
                counts.add(self._parts(text))
        fitted = self.learn(optional=optional, **self._learned(counts.counts()))
        if self.longest:
            fitted._tell_cut(first)
        return fitted

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Texts as places.

        Returns:
            values (M,) uint16, or int32 where there are more than 65,536 places, with starts and
            lengths (N,) int64, and present (N,) bool.
        """
        texts = self._texts(rows)
        values, lengths = self._places(texts)
        if self.longest is not None:
            values, lengths = cut(values, lengths, self.longest)
        small = np.uint16 if self._size <= 1 << 16 else np.int32
        starts = np.cumsum(lengths) - lengths
        return Encoded(values.astype(small), starts, lengths, present=any_valid(texts))

    def decode(self, arrays: np.ndarray | Ragged) -> list[str]:
        """Places back to texts: pieces and characters to the letter, words with usual spaces."""
        if isinstance(arrays, Ragged):
            ends = arrays.starts + arrays.lengths
            rows = [arrays.values[a:b] for a, b in zip(arrays.starts, ends, strict=True)]
        else:
            rows = list(arrays)
        return [self._alphabet.decode(row) for row in rows]

    def offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where the words of raw texts stand in them: (start, end) in characters.

        There are as many as `encode` gives steps, where no more than one field is read.
        """
        form = _FORMS[self.normalise]
        found = []
        for text in texts:
            starts, ends = raw_places(text, form)
            made = normalised(pa.array([text], pa.string()), form, lower=self.lower)[0].as_py()
            spans = self._alphabet.spans(made)[: self.longest]
            pairs = zip(starts[spans[:, 0]].tolist(), ends[spans[:, 1] - 1].tolist(), strict=True)
            found.append(list(pairs))
        return found

    def strange(self, rows: pa.RecordBatch, encoded: Encoded) -> Sequence[Strange]:
        """Missing where none was, no known word, other scripts, and what is cut."""
        assert encoded.starts is not None and encoded.lengths is not None, "texts are ragged"
        texts = self._texts(rows)
        found = list(super().strange(rows, encoded))

        def add(which: np.ndarray, what: str, fate: str) -> None:
            if len(which):
                found.append(Strange(which, what, fate, self._shown(rows, which)))

        add(_all_unknown(encoded), f"hold no {self._noun[:-1]} that the model knows",
            f"unknown {self._noun} all count as one")  # fmt: skip
        add(np.flatnonzero(foreign(texts, self.written_in)),
            "are written in letters that no training row had",
            "nothing was learned of them")  # fmt: skip
        if self.longest is not None:
            full = np.flatnonzero(encoded.lengths == self.longest)
            _, lengths = self._places([text.take(pa.array(full)) for text in texts])
            add(full[lengths > self.longest], f"are longer than {self.longest:,} {self._noun}",
                "what stands beyond is not read")  # fmt: skip
        return found

    def vectors(self) -> np.ndarray | None:
        """(size, D) float32 from the file of word vectors, NaN for words it does not have.

        Raises:
            StorageError: it cannot be read.
            DataError: it is no such file.
        """
        if self.vectors_from is None:
            return None
        places = {word: place for place, word in enumerate(self.words, TOKENS)}
        found = read_vectors(located(self.vectors_from), places, self._size)
        known = int((~np.isnan(found[:, 0])).sum())
        tell(
            f"vectors    {self.name}: {self.vectors_from} knows {known:,} of "
            f"{len(self.words):,} {self._noun}, {found.shape[1]} numbers each",
            known=known,
            words=len(self.words),
        )
        return found

    def panels(self, parts: Mapping[str, Encoded]) -> Sequence[Panel]:
        """Lengths and unknown words, part by part."""
        return length_panels(
            parts, name=self.name, noun=self._noun, size=self._size, longest=self.longest
        )

    @classmethod
    def guess(cls, sample: pa.Array) -> Guess | None:
        """Claims texts that read like language."""
        return claim(sample)

    @classmethod
    def examples(cls) -> list[Self]:
        """Words; few of them, in small letters; characters; pieces."""
        few = cls(vocabulary=8, lower=True, normalise="nfkc")
        return [cls(), few, cls(tokens="characters"), cls(tokens="bpe", vocabulary=300)]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Sentences in several scripts, each with words all share; some empty, some missing."""
        rng = np.random.default_rng(seed)
        words = np.array(["the cat", "doesn't", "it's 3.5 m", "straße", "我爱你", "שלום", "नमस्ते",
                          "e\u0301te\u0301", "👩\u200d👩", '"so"', "(or)",
                          f"only{seed}"])  # fmt: skip
        picked = [
            " ".join(["all", *rng.choice(words, rng.integers(0, 6)), "."]) for _ in range(rows)
        ]
        texts = ["" if at % 9 == 0 else text for at, text in enumerate(picked)]
        return pa.array(texts, pa.string(), mask=rng.random(rows) < 0.1)

    def _texts(self, rows: pa.RecordBatch) -> list[pa.StringArray]:
        """(N,) normalised texts of each field.

        Raises:
            DataError: a field holds pictures, lists or the like.
        """
        found = []
        for name in self.reads:
            raw = rows.column(name)
            if pa.types.is_nested(raw.type) or isinstance(raw.type, pa.BaseExtensionType):
                raise not_readable(raw, self.name, "texts")
            text = to_text(raw, name=self.name)
            found.append(normalised(text, _FORMS[self.normalise], lower=self.lower))
        return found

    def _places(self, texts: Sequence[pa.StringArray]) -> tuple[np.ndarray, np.ndarray]:
        """All of N rows' places one after another, and (N,) int64 lengths."""
        return beside([self._alphabet.encode(text) for text in texts])

    def _parts(self, text: pa.StringArray) -> pa.Array:
        """What is counted: characters, or stretches of which words or pieces are made later."""
        match self.tokens:
            case "words":
                return runs_of(text).flatten()
            case "characters":
                codes, _ = code_points(text)
                return pa.array(map(chr, codes.tolist()), pa.string())
        return parts_of(text).flatten()

    def _learned(self, counts: Counter[str]) -> dict[str, Any]:
        """Learned fields, from how often each part of a text came."""
        letters = {code for part in counts for code in map(ord, set(part))}
        learned: dict[str, Any] = {"written_in": tuple(sorted(scripts(letters)))}
        if self.tokens == "bpe":
            joins = learned_joins(counts, vocabulary=self.vocabulary, at_least=self.at_least)
            return learned | {"joins": joins}
        often: Counter[str] = Counter()
        for part, count in counts.items():
            for word in words_of(part) if self.tokens == "words" else part:
                often[word] += count
        often.pop(UNREADABLE, None)
        kept = sorted((word for word in often if often[word] >= self.at_least),
                      key=lambda word: (-often[word], word))  # fmt: skip
        return learned | {"words": tuple(kept[: self.vocabulary])}

    @property
    def _size(self) -> int:
        known = self._alphabet.known if isinstance(self._alphabet, Pieces) else self.words
        return TOKENS + len(known)

    @cached_property
    def _alphabet(self) -> _Alphabet:
        match self.tokens:
            case "words":
                return Words(self.words)
            case "characters":
                return Characters(self.words)
        return Pieces(np.empty((0, 2), np.int32) if self.joins is None else self.joins)

    @property
    def _noun(self) -> str:
        return "pieces" if self.tokens == "bpe" else self.tokens

    def _shown(self, rows: pa.RecordBatch, which: np.ndarray) -> Sequence[str]:
        """A few of the texts, as a message can hold them."""
        return examples(rows.column(self.reads[-1]), which)

    def _tell_cut(self, first: _First) -> None:
        """Say how many of the first training texts are cut."""
        lengths = np.concatenate([self._places(texts)[1] for texts in first.kept])
        cut = int((lengths > (self.longest or 0)).sum())
        if cut:
            tell(
                f"{self.name}: {cut:,} of the first {len(lengths):,} training texts are longer "
                f"than {self.longest:,} {self._noun}; what stands beyond is not read",
                cut=cut,
                of=len(lengths),
            )


class _First:
    """The first training texts, each as far as is needed to see whether it is cut."""

    def __init__(self, longest: int | None) -> None:
        self.kept: list[list[pa.StringArray]] = []
        self._left = _FIRST if longest else 0
        self._most = _PER_STEP * (longest or 0)

    def add(self, texts: Sequence[pa.StringArray]) -> None:
        """The next N texts of each field."""
        if self._left:
            some = [pc.utf8_slice_codeunits(t[: self._left], 0, self._most) for t in texts]
            self.kept.append(some)
            self._left -= len(some[0])


def _all_unknown(encoded: Encoded) -> np.ndarray:
    """(n,) rows that hold unknown words and no others."""
    assert encoded.starts is not None and encoded.lengths is not None, "texts are ragged"
    ends = encoded.starts + encoded.lengths

    def count(of: np.ndarray) -> np.ndarray:
        sums = np.concatenate([[0], np.cumsum(of)])
        inside: np.ndarray = sums[ends] - sums[encoded.starts]
        return inside

    known, unknown = count(encoded.values >= TOKENS), count(encoded.values == UNKNOWN)
    return np.flatnonzero((known == 0) & (unknown > 0))
