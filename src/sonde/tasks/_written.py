"""How a language model is judged: what test texts cost it, texts it writes, what surprised it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column, Ragged
from sonde.contracts.metric import Arrays
from sonde.contracts.panels import Curves, Panel, Passage, Span, Table, Texts
from sonde.contracts.task import Judged, Predictor, stack
from sonde.core.notice import say
from sonde.core.port import END, TOKENS, UNKNOWN

if TYPE_CHECKING:
    from sonde.tasks.write import Write

_SAMPLES = 4
_MARKED = 3
_HARD = 20
_PLACES = 1024
"""Places of the curve at most."""
_LEAST, _MOST = math.log(10), math.log(1000)
"""Nats of a word from which it is marked, and at which it is marked most."""
_LETTERS = 600
"""Characters of a marked text that are shown."""


@dataclass
class _Surprise:
    """Sums over all words of all texts.

    Attributes:
        by_place: (2, P) nats, and words, by place in the text; what follows the last is in no sum.
        by_word: (2, size) the same by word.
    """

    size: int
    by_place: np.ndarray = field(default_factory=lambda: np.zeros((2, _PLACES)))
    by_word: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.by_word = np.zeros((2, self.size))

    def add(self, each: np.ndarray, asked: np.ndarray, lengths: np.ndarray) -> None:
        """(B, T) nats of the words asked for (B, T), of (B,) lengths."""
        real = np.arange(each.shape[1]) < lengths[:, None]
        most = min(each.shape[1], _PLACES)
        self.by_place[0, :most] += (each * real)[:, :most].sum(axis=0)
        self.by_place[1, :most] += real[:, :most].sum(axis=0)
        self.by_word[0] += np.bincount(asked[real], each[real], self.size)
        self.by_word[1] += np.bincount(asked[real], minlength=self.size)


def judged_texts(
    task: Write, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int
) -> Judged:
    """The judgement of test rows, with panels."""
    column = task.columns[task.written]
    size = column.port.size
    assert size is not None, "words have a number"
    surprise = _Surprise(size)
    predicted: list[Arrays] = []
    characters: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    marked: list[Sequence[Passage]] = []
    for chunk in chunks:
        found = dict(predictor.arrays(chunk, task.Options(give="each")))
        each, asked = found.pop("each"), found.pop("asked")
        surprise.add(each, asked, found["words"].astype(np.int64))
        texts = _texts(column, chunk)
        if len(marked) < _MARKED and len(column.reads) == 1:
            marked += [[_marked(column, texts[0], each[0])]]
        predicted.append(found)
        characters.append(np.array([len(text) for text in texts], np.int64))
        rows.append(chunk.column("#row").to_numpy())
    panels = [
        *_samples(task, predictor, seed),
        Texts(
            "Where it was surprised",
            marked,
            note="Test texts. Marked is what it gave less than one chance in ten; darker is less.",
        ),
        _by_place(surprise),
        _hardest(column, surprise),
    ]
    _tell_unknown(stack(predicted))
    truth = {"characters": np.concatenate(characters)}
    return Judged(stack(predicted), truth, np.concatenate(rows), shown=panels)


def _tell_unknown(predicted: Arrays) -> None:
    """Say how many words cost only that they are unknown, where there are any."""
    unknown, words = float(predicted["unknown"].sum()), float(predicted["words"].sum())
    if unknown:
        say(
            f"{unknown:,.0f} of {words:,.0f} words of the test texts are unknown "
            f"({unknown / words:.2%}): they cost what an unknown word costs, and not which one it "
            "is, so scores look better than they are. Pieces of words (tokens: bpe) leave none."
        )


def _texts(column: Column, rows: pa.RecordBatch) -> list[str]:
    """(N,) raw texts; several fields of a row one after another."""
    fields = [rows.column(name).cast(pa.string()).to_pylist() for name in column.reads]
    return ["".join(text or "" for text in row) for row in zip(*fields, strict=True)]


def _samples(task: Write, predictor: Predictor, seed: int) -> list[Panel]:
    """Texts from nothing."""
    reads = task.columns[task.written].reads
    empty = pa.RecordBatch.from_pydict({name: [""] * _SAMPLES for name in reads})
    options = task.Options(give="text", seed=seed, longest=300)
    written = [str(row[task.written]) for row in task.answer(predictor.arrays(empty, options))]
    items = [[Passage(text)] for text in written]
    return [Texts("What it writes", items, note="From nothing, at temperature 1, not selected.")]


def _marked(column: Column, text: str, each: np.ndarray) -> Passage:
    """A text whose dear words are marked by what they cost, (T,) nats."""
    spans = column.offsets([text])[0]  # type: ignore[attr-defined]  # of columns of texts
    marks = [
        Span(start, end, min(1.0, float(nats) / _MOST))
        for (start, end), nats in zip(spans, each, strict=False)
        if end <= _LETTERS and nats > _LEAST
    ]
    return Passage(text[:_LETTERS], marks)


def _by_place(surprise: _Surprise) -> Curves:
    """Nats by place: how much is gained by what came before."""
    nats, words = surprise.by_place
    known = np.flatnonzero(words >= max(1.0, words[0] / 10))
    return Curves(
        "Nats by place in the text",
        {"nats per word": (known + 1.0, nats[known] / words[known])},
        x_title="word",
        y_title="nats",
        note="Mean over test texts, as far as a tenth of them reach.",
    )


def _hardest(column: Column, surprise: _Surprise) -> Table:
    """The words that cost most in all."""
    nats, words = surprise.by_word
    order = [at for at in np.argsort(-nats, kind="stable")[:_HARD] if words[at]]
    whole = max(float(nats.sum()), 1e-9)
    return Table(
        "What costs most",
        ("word", "times", "nats each", "part of all nats"),
        [
            (_name(column, at), f"{words[at]:,.0f}", f"{nats[at] / words[at]:.3f}",
             f"{nats[at] / whole:.1%}")
            for at in order
        ],
        note="Over all test texts.",
    )  # fmt: skip


def _name(column: Column, place: int) -> str:
    if place < TOKENS:
        return {END: "(end of the text)", UNKNOWN: "(unknown)"}.get(place, "(reserved)")
    one = np.array([place])
    [text] = column.decode(Ragged(one, np.zeros(1, np.int64), np.ones(1, np.int64)))
    return str(text) if str(text).strip() else repr(text)
