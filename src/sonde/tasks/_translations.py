"""What is made of translations: texts, where the network looked, scores and samples of many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column, Ragged, Row
from sonde.contracts.metric import Arrays
from sonde.contracts.panels import Curves, Heatmap, Panel, Table
from sonde.contracts.task import Judged, Predictor, stack
from sonde.core.said import SAID
from sonde.metrics import bleu, chrf

if TYPE_CHECKING:
    from torch import nn

    from sonde.core.batch import Batch
    from sonde.tasks.translate import Translate

LENGTH = "source length"
"""In the judged truth: words of each source."""

_SORTED, _AT_ONCE = 4096, 128
"""Rows that are sorted by length together, and rows that are searched together."""
_SHOWN, _PICTURES = 6, 3
"""Samples of each sort, and pictures of attention."""
_READABLE = range(5, 25)
"""Words of a source whose attention can be read in a picture."""
_GROUPS = 5


def texts(column: Column, words: np.ndarray, lengths: np.ndarray) -> list[str]:
    """(N, T) words, of which (N,) lengths are real -> N texts."""
    starts = np.arange(len(words), dtype=np.int64) * words.shape[1]
    found = column.decode(Ragged(words.reshape(-1), starts, lengths.astype(np.int64)))
    return ["" if text is None else str(text) for text in found]


def add_best(
    rows: list[Row], arrays: Arrays, said: Callable[[np.ndarray, np.ndarray], list[str]]
) -> None:
    """Add to each row its n best texts with their log probabilities, the best first."""
    words, lengths = arrays["best words"], arrays["best lengths"]
    flat = said(words.reshape(-1, words.shape[2]), lengths.reshape(-1))
    for at, (row, log_probs) in enumerate(zip(rows, arrays["best log prob"], strict=True)):
        own = zip(flat[at * len(log_probs) :], log_probs.tolist(), strict=False)
        row["best"] = [{"text": t, "log_prob": p} for t, p in own if np.isfinite(p)]


def looked(model: nn.Module, inputs: Batch, source: str, found: Batch) -> Batch:
    """Where the network looked for each word it said, and for the end: (B, T + 1, S).

    Raises:
        UsageError: it looks at nothing.
    """
    from sonde.core.batch import Padded, tensor_of
    from sonde.core.errors import UsageError
    from sonde.nets.attending import Attending
    from sonde.tasks._teaching import taught

    if not isinstance(model, Attending):
        raise UsageError("this network has no attention to show. Take model: seq2seq")
    said, _ = taught(Padded(tensor_of(found, "words"), tensor_of(found, "lengths")))
    read = inputs[source]
    assert isinstance(read, Padded), f"{source} is a text and must be padded"
    attention = model.attention({**inputs, SAID: said})
    return {"attention": attention, "source words": read.values, "source lengths": read.lengths}


def attention_of(arrays: Arrays, source: Column, target: Column) -> Iterator[Row]:
    """Of each row: the source's words, the answer's, and (answer, source) what each looked at."""
    for at, lengths in enumerate(zip(arrays["source lengths"], arrays["lengths"], strict=True)):
        read, said = (int(length) for length in lengths)
        yield {
            "source": _each(source, arrays["source words"][at, :read]),
            "target": _each(target, arrays["words"][at, :said]),
            "weights": arrays["attention"][at, :said, :read].tolist(),
        }


def judge(task: Translate, predictor: Predictor, chunks: Iterable[pa.RecordBatch]) -> Judged:
    """Counts of every row's n-grams, and samples of texts."""
    predicted: list[Arrays] = []
    truth: list[Arrays] = []
    samples = _Samples(task, predictor)
    numbers: list[np.ndarray] = []
    for rows in _together(chunks):
        said, lengths = _answered(task, predictor, rows)
        found, true = counts(task, said, rows)
        predicted.append(found)
        truth.append({**true, LENGTH: lengths})
        numbers.append(rows.column("#row").to_numpy())
        samples.see(
            rows, said, _references(task, rows), chrf.of_rows(predicted[-1], truth[-1]), lengths
        )
    return Judged(
        stack(predicted), stack(truth), np.concatenate(numbers), shown=tuple(samples.panels())
    )


def counts(task: Translate, said: list[str], rows: pa.RecordBatch) -> tuple[Arrays, Arrays]:
    """What metrics need of N translations and of the references in N raw rows."""
    asked = _references(task, rows)
    said_words, asked_words = bleu.counted(said, asked, task.words)
    said_letters, asked_letters = chrf.counted(said, asked)
    return {**said_words, **said_letters}, {**asked_words, **asked_letters}


def _references(task: Translate, rows: pa.RecordBatch) -> list[str]:
    return [str(t) for t in rows.column(task.columns[task.target].reads[0]).to_pylist()]


def by_length(judged: Judged) -> list[Panel]:
    """BLEU and chrF of rows with short sources, longer ones, and so on."""
    lengths = judged.truth[LENGTH]
    if len(lengths) < 2 * _GROUPS:
        return []
    places = np.array_split(np.argsort(lengths, kind="stable"), _GROUPS)
    middle = np.array([lengths[rows].mean() for rows in places])
    series = {}
    for metric in (bleu.Bleu(), chrf.Chrf()):
        terms = metric.terms(judged.predicted, judged.truth)
        scores = np.array([float(metric.combine(terms[rows].sum(0))) for rows in places])
        series[metric.label] = (middle, scores)
    return [
        Curves(
            "Scores by length of the source",
            series,
            x_title="words of the source, as its column counts them",
            y_title="score",
            note=f"Five groups of about {len(places[0]):,} rows each.",
        )
    ]


def _together(chunks: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows, some thousands at once."""
    held: list[pa.RecordBatch] = []
    for chunk in chunks:
        held.append(chunk)
        if sum(part.num_rows for part in held) >= _SORTED:
            yield pa.concat_batches(held)
            held = []
    if held:
        yield pa.concat_batches(held)


def _answered(
    task: Translate, predictor: Predictor, rows: pa.RecordBatch
) -> tuple[list[str], np.ndarray]:
    """Each row's text, and how many words its source has.

    Rows of like length are searched together, so that few wait for one.
    """
    lengths = task.columns[task.source].encode(rows).lengths
    assert lengths is not None, "a text is ragged"
    order = np.argsort(lengths, kind="stable")
    said = np.empty(len(order), object)
    for start in range(0, len(order), _AT_ONCE):
        places = order[start : start + _AT_ONCE]
        arrays = predictor.arrays(rows.take(pa.array(places)))
        said[places] = texts(task.columns[task.target], arrays["words"], arrays["lengths"])
    return said.tolist(), np.asarray(lengths, np.int64)


class _Samples:
    """The best, the median and the worst rows by chrF, and pictures of attention."""

    def __init__(self, task: Translate, predictor: Predictor) -> None:
        self.task, self.predictor = task, predictor
        self._rows: list[tuple[float, str, str, str]] = []
        self._pictures: list[Panel] = []

    def see(
        self,
        rows: pa.RecordBatch,
        said: list[str],
        asked: list[str],
        scores: np.ndarray,
        lengths: np.ndarray,
    ) -> None:
        """Note some thousand rows; of all of them no more is kept than is shown."""
        read = rows.column(self.task.columns[self.task.source].reads[0]).to_pylist()
        shown = [str(text or "") for text in read]
        self._rows += zip(scores.tolist(), shown, asked, said, strict=True)
        if not self._pictures:
            fit = np.flatnonzero(np.isin(lengths, list(_READABLE)))
            places = fit[:: max(1, len(fit) // _PICTURES)][:_PICTURES]
            self._pictures = list(self._seen(rows.take(pa.array(places)))) if len(places) else []
        if len(self._rows) > 2 * _SORTED:
            self._rows = self._kept()

    def panels(self) -> list[Panel]:
        """Tables of samples, then the pictures."""
        ordered = sorted(self._rows, key=lambda row: row[0])
        middle = max(0, len(ordered) // 2 - _SHOWN // 2)
        sorts = {
            "Best translations": ordered[::-1][:_SHOWN],
            "Median translations": ordered[middle : middle + _SHOWN],
            "Worst translations": ordered[:_SHOWN],
        }
        header = ("chrF", "source", "reference", "translation")
        tables = [
            Table(title, header, [(f"{row[0]:.1f}", *row[1:]) for row in shown], note="By chrF.")
            for title, shown in sorts.items()
        ]
        return [*tables, *self._pictures]

    def _kept(self) -> list[tuple[float, str, str, str]]:
        """Enough of them to be shown: the best, the worst, and every so many of the rest."""
        ordered = sorted(self._rows, key=lambda row: row[0])
        inner = ordered[_SHOWN:-_SHOWN]
        return [*ordered[:_SHOWN], *inner[:: 1 + len(inner) // _SORTED], *ordered[-_SHOWN:]]

    def _seen(self, rows: pa.RecordBatch) -> Iterator[Panel]:
        """A picture for each row, where the network can say where it looked."""
        from sonde.core.errors import UsageError

        try:
            arrays = self.predictor.arrays(rows, self.task.Options(give="attention"))
        except UsageError:  # it looks at nothing
            return
        for number, answer in zip(
            rows.column("#row").to_pylist(), self.task.answer(arrays), strict=True
        ):
            seen: Mapping[str, Any] = answer["attention"]
            if not seen["target"]:
                continue
            yield Heatmap(
                f"Where it looked, row {number:,}",
                np.rint(100 * np.array(seen["weights"])).astype(np.int64),
                row_labels=seen["target"],
                column_labels=seen["source"],
                row_title="said",
                column_title="read",
                note="In hundredths; a mean where a network looks in several ways at once.",
            )


def _each(column: Column, words: np.ndarray) -> list[str]:
    """Every word as a text of its own."""
    ones = np.ones(len(words), np.int64)
    found = column.decode(Ragged(words, np.arange(len(words), dtype=np.int64), ones))
    return [str(text or "").strip() or "\N{OPEN BOX}" for text in found]
