"""Tag: a label for each word, such as what kind of word it is, or which words are a name.

Where labels say stretches (B-PER, I-PER, O) it is judged by whole ones found; else word by word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import (
    Baseline,
    Judged,
    Loss,
    Predictor,
    RawRows,
    SupervisedTask,
    Task,
    stack,
)
from sonde.core.errors import DataError, UnknownColumn, UsageError, unknown
from sonde.core.port import PAD, TOKENS, Port, Ports
from sonde.core.spec import Spec
from sonde.data.columns.labels import Labels
from sonde.metrics._stretches import Scheme
from sonde.metrics.entity_f1 import EntityF1
from sonde.metrics.token_accuracy import TokenAccuracy
from sonde.tasks import _tags

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sonde.core.batch import Batch, Padded


class Tag(SupervisedTask):
    """One target column of labels, one for each word of the inputs.

    `read` gives {"tags": (B, T) int64}, the places of labels; `predict` besides PAD behind each
    row's end. Labels never met in training have the place UNKNOWN in the truth: always wrong.
    """

    suggests: ClassVar[str] = "tagger"

    target: str
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Part of the truth that is spread evenly over all labels."""

    @classmethod
    def examples(cls) -> list[Self]:
        """The target is whatever column a test has."""
        return [cls(target="labels"), cls(target="labels", label_smoothing=0.1)]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UnknownColumn: the target is no column.
            UsageError: it holds no labels.
            DataError: training rows have fewer than two labels.
        """
        if self.target not in columns:
            raise UnknownColumn(unknown("column", self.target, columns))
        column = columns[self.target]
        if not isinstance(column, Labels):
            raise UsageError(
                f"column {self.target!r} is of kind {column.kind!r}, and tag needs a label for "
                f"each word. Declare it as  {self.target}: labels"
            )
        if len(column.classes) < 2:
            raise DataError(
                f"column {self.target!r}: the training rows have {len(column.classes)} labels, "
                "expected two or more"
            )
        return super().bind(columns)

    @property
    def targets(self) -> tuple[str, ...]:
        """The column of labels."""
        return (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        """Labels, a list for each row."""
        return {self.target: "labels"}

    @property
    def outputs(self) -> Ports:
        """A logit for each label at every word; those of reserved places are never read."""
        return {self.target: Port("sequence", size=TOKENS + len(self._labels))}

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Cross entropy (natural log) of every word whose label is known, which all count alike.

        Raises:
            DataError: a row has not as many labels as words.
        """
        from torch.nn import functional

        logits, asked = _known(outputs, self.target).float(), _padded(targets, self.target)
        if logits.shape[1] != max(1, asked.values.shape[1]):
            raise DataError(
                f"some rows have not as many {self.target!r} as words. Say which column has the "
                f"words, and such rows are told and left out: "
                f"{self.target}: {{kind: labels, along: tokens}}"
            )
        tags = functional.pad(asked.values.long(), (0, logits.shape[1] - asked.values.shape[1]))
        labelled = tags >= TOKENS
        costs = functional.cross_entropy(
            logits.flatten(0, 1),
            (tags - TOKENS).clamp(min=0).flatten(),
            reduction="none",
            label_smoothing=self.label_smoothing,
        ).view(tags.shape)
        return Loss((costs * labelled).sum(dim=1), labelled.sum(dim=1).float())

    def noted(self, outputs: Mapping[str, Tensor], targets: Batch) -> tuple[Batch, Batch]:
        """The likeliest labels, and the true ones, with PAD behind each row's end."""
        asked = _padded(targets, self.target)
        real, tags = asked.mask(), _known(outputs, self.target).argmax(dim=2) + TOKENS
        true = asked.values.long()
        return {"tags": tags[:, : real.shape[1]] * real}, {self.target: true * real}

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The likeliest label at every step, those behind a row's end too."""
        return {"tags": _known(outputs, self.target).argmax(dim=2) + TOKENS}

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """The likeliest label of each word."""
        tags = self.read(model(inputs), options)["tags"]
        words = _padded(inputs, next(iter(self.inputs)))
        assert not isinstance(tags, dict | tuple), "tags are one tensor"
        return {"tags": tags[:, : words.values.shape[1]] * words.mask()}

    def answer(self, arrays: Arrays) -> list[Row]:
        """The labels as the target column writes them, one for each word."""
        found = self.columns[self.target].decode(_tags.ragged(arrays["tags"]))
        return [{self.target: labels} for labels in found]

    def completed(self, answers: list[Row], rows: pa.RecordBatch) -> list[Row]:
        """With the words; and where labels are stretches, these as texts with their characters."""
        raw = rows.column(self._words_field).to_pylist()
        column = self.columns[self.target]
        return _tags.completed(answers, self.target, raw, column, self._scheme)

    def truth(self, targets: Arrays) -> Arrays:
        """{"tags": (N, T) int64}."""
        return {"tags": targets[self.target].astype(np.int64)}

    @property
    def main_metric(self) -> str:  # type: ignore[override]  # it follows the labels
        """F1 of stretches where there are any; else the words labelled rightly."""
        return next(iter(self.metrics()))

    def metrics(self) -> Mapping[str, Metric]:
        """By whole stretches, and word by word."""
        words: dict[str, Metric] = {"token accuracy": TokenAccuracy()}
        if not self._scheme.kinds:
            return words
        return {"entity f1": EntityF1(labels=self._labels), **words}

    def baselines(self) -> Mapping[str, Baseline]:
        """Each word's commonest label."""
        words = next(iter(self.inputs))
        return {"commonest label": partial(_tags.commonest, words=words, labels=self.target)}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """Labels beside the true ones, row by row."""
        column = self.columns[self.target]
        answers, rows = [], []
        for chunk in chunks:
            said = np.asarray(predictor.arrays(chunk)["tags"])
            encoded = column.encode(chunk)
            assert encoded.lengths is not None, "labels are ragged"
            true = _tags.padded(encoded.values, encoded.lengths)
            width = max(said.shape[1], true.shape[1])
            answers.append({"said": _widened(said, width), "true": _widened(true, width)})
            rows.append(chunk.column("#row").to_numpy())
        both = stack(answers)
        return Judged({"tags": both["said"]}, {"tags": both["true"]}, np.concatenate(rows))

    def pooled(self, folds: Sequence[tuple[Task, Judged]]) -> tuple[Task, Judged]:
        """All folds by the labels that any of them knows."""
        union = tuple(sorted({label for task, _ in folds for label in _labels_of(task)}))
        place = {label: at for at, label in enumerate(union, TOKENS)}
        alike: list[tuple[Task, Judged]] = []
        for task, judged in folds:
            to = {at: place[label] for at, label in enumerate(_labels_of(task), TOKENS)}
            said, true = (
                {"tags": _tags.renumbered(np.asarray(side["tags"]), to)}
                for side in (judged.predicted, judged.truth)
            )
            alike.append((task, Judged(said, true, judged.rows, judged.groups)))
        task, judged = super().pooled(alike)
        column = self.columns[self.target].learn(classes=union, counts=())
        return task.bind({**self.columns, self.target: column}), judged

    def panels(self, judged: Judged) -> list[Panel]:
        """How well each kind, or each label, is found."""
        if self._scheme.kinds:
            return [_tags.by_kind(judged, self._scheme)]
        return [_tags.by_label(judged, self._labels)]

    def close_ups(self, predictor: Predictor, judged: Judged, raw: RawRows) -> list[Panel]:
        """The rows with most wrong words, beside the truth."""
        at = _tags.worst_rows(judged)
        if not len(at):
            return []
        at = at[np.argsort(judged.rows[at], kind="stable")]
        rows = raw(judged.rows[at].tolist())
        return [_tags.beside_truth(judged, at, rows, self._words_field, self._labels)]

    @property
    def _labels(self) -> tuple[str, ...]:
        return _labels_of(self)

    @property
    def _scheme(self) -> Scheme:
        return Scheme(self._labels)

    @property
    def _words_field(self) -> str:
        """The raw field of the words."""
        return self.columns[next(iter(self.inputs))].reads[0]


def _labels_of(task: Task) -> tuple[str, ...]:
    assert isinstance(task, Tag), "folds have one task"
    column = task.columns.get(task.target)
    return column.classes if isinstance(column, Labels) else ()


def _known(outputs: Mapping[str, Tensor], name: str) -> Tensor:
    """(B, T, K) logits of the labels alone."""
    return outputs[name][:, :, TOKENS:]


def _padded(batch: Mapping[str, Tensor | Padded | Batch], name: str) -> Padded:
    from sonde.core.batch import Padded

    value = batch[name]
    assert isinstance(value, Padded), f"{name} is a sequence and must be padded"
    return value


def _widened(tags: np.ndarray, width: int) -> np.ndarray:
    return np.pad(tags, ((0, 0), (0, width - tags.shape[1])), constant_values=PAD)
