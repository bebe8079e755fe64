"""What a report and a caller are shown of labelled words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Ragged, Row
from sonde.contracts.panels import Passage, Span, Table, Texts
from sonde.contracts.task import Design, Judged
from sonde.core.port import PAD, TOKENS
from sonde.data.columns._word_lists import words_with_places
from sonde.metrics._ratio import ratio
from sonde.metrics._stretches import Scheme

_MOST_ROWS = 12
_MOST_KINDS = 60


def by_kind(judged: Judged, scheme: Scheme) -> Table:
    """Each kind of stretch: how much of what was said is true, how much of the truth was said."""
    counts = scheme.counts(judged.predicted["tags"], judged.truth["tags"]).sum(axis=0)
    order = np.argsort(-counts[:, 2], kind="stable")[:_MOST_KINDS]
    rows = [_line(scheme.kinds[at], *counts[at]) for at in order.tolist()]
    note = "" if len(order) == len(counts) else f"The {_MOST_KINDS} commonest kinds."
    return Table("By kind", ("kind", "precision", "recall", "F1", "true", "said"), rows, note)


def by_label(judged: Judged, labels: Sequence[str]) -> Table:
    """Each label, word by word."""
    said, true = judged.predicted["tags"], judged.truth["tags"]
    real = true != PAD
    rows = []
    for at, label in enumerate(labels[:_MOST_KINDS], TOKENS):
        is_said, is_true = (said == at) & real, true == at
        rows.append(_line(label, (is_said & is_true).sum(), is_said.sum(), is_true.sum()))
    return Table("By label", ("label", "precision", "recall", "F1", "true", "said"), rows)


def _line(name: str, hits: int, said: int, true: int) -> tuple[str, ...]:
    scores = ratio(np.array([hits, hits, 2 * hits]), np.array([said, true, said + true]))
    shown = ["-" if np.isnan(score) else f"{score:.3f}" for score in scores]
    return (name, *shown, f"{true:,}", f"{said:,}")


def worst_rows(judged: Judged) -> np.ndarray:
    """(n,) places of the rows with most wrong words, at most a dozen."""
    said, true = judged.predicted["tags"], judged.truth["tags"]
    wrong = ((said != true) & (true != PAD)).sum(axis=1)
    order = np.argsort(-wrong, kind="stable")[:_MOST_ROWS]
    at: np.ndarray = order[wrong[order] > 0]
    return at


def beside_truth(
    judged: Judged, at: np.ndarray, rows: pa.RecordBatch, field: str, labels: Sequence[str]
) -> Texts:
    """Those rows with what was said marked, and below it the truth."""
    scheme, items, remarks = Scheme(labels), [], []
    for place, raw in zip(at.tolist(), rows.column(field).to_pylist(), strict=True):
        text, spans = words_with_places(raw)
        said, true = judged.predicted["tags"][place], judged.truth["tags"][place]
        passages = [
            Passage(text, _spans(tags, spans, scheme, labels), name)
            for tags, name in ((said, "said"), (true, "true"))
        ]
        wrong = int(((said != true) & (true != PAD)).sum())
        items.append(passages)
        remarks.append(f"{wrong:,} of {int((true != PAD).sum()):,} words wrong")
    return Texts("Where labels are wrong", items, remarks)


def _spans(
    tags: np.ndarray, places: Sequence[tuple[int, int]], scheme: Scheme, labels: Sequence[str]
) -> list[Span]:
    """Stretches as marks; without a scheme every word that has a label other than O."""
    if not scheme.kinds:
        return [
            Span(*place, 0.5, labels[tag - TOKENS])
            for tag, place in zip(tags.tolist(), places, strict=False)
            if tag >= TOKENS and labels[tag - TOKENS] != "O"
        ]
    found = scheme.stretches(tags[None, : len(places)])
    return [
        Span(places[start][0], places[end - 1][1], 0.8, scheme.kinds[kind])
        for _, start, end, kind in found.tolist()
    ]


def completed(
    answers: Sequence[Row], target: str, raw: Sequence[Any], column: Any, scheme: Scheme
) -> list[Row]:
    """Answers with the words, and where there are stretches their texts and characters."""
    done: list[Row] = []
    for answer, value in zip(answers, raw, strict=True):
        text, spans = words_with_places(value)
        labels = answer[target]
        row = {"words": [text[start:end] for start, end in spans], **answer}
        if scheme.kinds:
            tags = column.encode(pa.record_batch({column.reads[0]: pa.array([labels],
                                                  pa.list_(pa.string()))})).values  # fmt: skip
            row["entities"] = [
                {"text": text[s.start : s.end], "kind": s.label, "start": s.start, "end": s.end}
                for s in _spans(tags.astype(np.int64), spans, scheme, column.classes)
            ]
        done.append(row)
    return done


def commonest(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # every baseline is given one
    *,
    words: str,
    labels: str,
) -> dict[str, np.ndarray]:
    """{"tags": (N, T) int64}: the label each word has most often in training rows.

    Words that are no places of their own share one, and so a label. Of equally common labels the
    first counts; rows that have not as many labels as words are passed over. The usual floor of
    taggers (Charniak, Hendrickson, Jacobson, Perkowitz, "Equations for Part-of-Speech Tagging",
    1993).
    """
    assert train.steps is not None and test.steps is not None, "this rival reads sequences"
    met, told = train.steps(words), train.steps(labels)
    even = met.lengths == told.lengths
    word = met.values[np.repeat(even, met.lengths)].astype(np.int64)
    label = told.values[np.repeat(even, told.lengths)].astype(np.int64)
    word, label = word[label >= TOKENS], label[label >= TOKENS]
    asked = test.steps(words)
    table = np.full(1 + max(word.max(initial=0), asked.values.max(initial=0)), TOKENS, np.int64)
    table[:] = np.bincount(label, minlength=TOKENS + 1).argmax()
    pairs, counts = np.unique(np.stack([word, label]), axis=1, return_counts=True)
    word, label = pairs[:, np.lexsort((-pairs[1], counts))]
    table[word] = label  # of a word's labels the commonest is written last
    return {"tags": padded(table[asked.values.astype(np.int64)], asked.lengths)}


def ragged(tags: np.ndarray) -> Ragged:
    """(N, T) places with PAD behind each row's end, as rows of differing length."""
    lengths = (tags != PAD).sum(axis=1)
    return Ragged(tags[tags != PAD], np.cumsum(lengths) - lengths, lengths)


def padded(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Ragged rows as (N, T) int64 with PAD behind each row's end."""
    tags = np.full((len(lengths), int(lengths.max(initial=0))), PAD, np.int64)
    tags[np.arange(tags.shape[1]) < lengths[:, None]] = values
    return tags


def renumbered(tags: np.ndarray, to: Mapping[int, int]) -> np.ndarray:
    """The same labels by other places."""
    table = np.arange(max([int(tags.max(initial=0)), *to]) + 1)
    for old, new in to.items():
        table[old] = new
    renamed: np.ndarray = table[tags]
    return renamed
