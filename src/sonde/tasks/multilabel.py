"""Multilabel classification: which of several labels a row has; it may have many, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column, Raw, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import (
    Baseline,
    Judged,
    Loss,
    SupervisedTask,
    Task,
)
from sonde.core.errors import DataError, UsageError
from sonde.core.notice import tell
from sonde.core.port import PRESENT, Port, Ports
from sonde.core.spec import Learned, Spec
from sonde.metrics.label_auc import LabelAuc
from sonde.metrics.label_f1 import LabelF1
from sonde.tasks import _decisions, _label_panels, _labellers
from sonde.tasks._target import bound_target, shortest

if TYPE_CHECKING:
    from torch import Tensor

    from sonde.core.batch import Batch

_PROBABILITIES = "probabilities"


class Multilabel(SupervisedTask):
    """One target column of sets; the network gives (B, K) logits, each label's on its own.

    `read` gives {"labels": (B, K) bool, "label probability": (B, K) float32}. A label is said from
    probability a half on, or from what validation rows have settled for it.
    """

    target: str
    threshold: Literal["none", "f1"] = "none"
    """Whether each label's threshold is chosen on validation rows, for its F1."""
    cuts: Learned[tuple[float, ...]] = ()
    """Each label is said from this probability on."""

    @classmethod
    def examples(cls) -> list[Self]:
        """The target is whatever column a test has."""
        return [cls(target="tags"), cls(target="tags", threshold="f1")]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            DataError: no training row has a label.
            UsageError: the target is no column of sets, or cannot be answered with.
        """
        port = bound_target(self.target, columns, "vector")
        if self.target == _PROBABILITIES:
            raise UsageError(
                "the target is called 'probabilities', the name that answers give the labels' "
                "probabilities. Rename the column."
            )
        if not port.shape[0]:
            raise DataError(
                f"column {self.target!r} has no label among the training rows. Take another "
                "target, another split, or more rows."
            )
        return super().bind(columns)

    @property
    def settles(self) -> bool:  # type: ignore[override]  # it follows the options
        """Thresholds are chosen on validation rows."""
        return self.threshold != "none"

    @property
    def targets(self) -> tuple[str, ...]:
        """The column of sets."""
        return (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        """Sets, even where few rows have more than one word."""
        return {self.target: "set"}

    @property
    def outputs(self) -> Ports:
        """A logit for each label."""
        return {self.target: Port("vector", (len(self._labels),))}

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """The mean over labels of binary cross entropy (natural log); no set, no loss."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        from sonde.core.batch import tensor_of

        logits, true = outputs[self.target].float(), tensor_of(targets, self.target).float()
        losses = binary_cross_entropy_with_logits(logits, true, reduction="none").mean(dim=1)
        if PRESENT + self.target not in targets:
            return Loss(losses, losses.new_ones(losses.shape))
        present = tensor_of(targets, PRESENT + self.target)
        return Loss(losses.where(present, 0.0), present.float())

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """Which labels are said, and the probability of each."""
        probability = outputs[self.target].float().sigmoid()
        cuts = probability.new_tensor(self.cuts or [0.5])
        return {"labels": probability >= cuts, "label probability": probability}

    def settle(self, outputs: Arrays, targets: Arrays) -> Self:
        """For each label the threshold of largest F1 on validation rows; of few rows, a half."""
        if self.threshold == "none":
            return self
        import torch

        read = self.read({self.target: torch.from_numpy(outputs[self.target])}, self.Options())
        known = self.known(targets)
        probability = np.asarray(read["label probability"])[known]
        true = targets[self.target][known] > 0.5
        cuts = [
            _decisions.best_f1(said, is_true.astype(np.float64)).cut if is_true.any() else 0.5
            for said, is_true in zip(probability.T, true.T, strict=True)
        ]
        without = int((~true.any(axis=0)).sum())
        left = f"; {without:,} labels stand in none of them and keep a half" if without else ""
        tell(
            f"threshold  {len(cuts):,} labels, each by its F1 on {len(true):,} validation rows, "
            f"from {min(cuts):.3f} to {max(cuts):.3f}{left}"
        )
        return self.learn(cuts=tuple(cuts)).bind(self.columns)

    def answer(self, arrays: Arrays) -> list[Row]:
        """The labels of each row, and every label's probability."""
        names = self._labels
        said = self.columns[self.target].decode(arrays["labels"].astype(np.float32))
        return [
            {self.target: labels, _PROBABILITIES: dict(zip(names, shortest(row), strict=True))}
            for labels, row in zip(said, arrays["label probability"], strict=True)
        ]

    def truth(self, targets: Arrays) -> Arrays:
        """{"labels": (N, K) bool}.

        Raises:
            DataError: some row has no set, not even an empty one.
        """
        known = self.known(targets)
        if not known.all():
            raise DataError(
                f"{int((~known).sum()):,} of {len(known):,} rows have no {self.target!r} and "
                "cannot be judged. Fill it in ([] for no label), or leave those rows out."
            )
        return {"labels": targets[self.target] > 0.5}

    @property
    def main_metric(self) -> str:  # type: ignore[override]  # thresholds ask for F1
        """Ranking, or F1 where thresholds are chosen for it."""
        return next(iter(self.metrics()))

    def metrics(self) -> Mapping[str, Metric]:
        """F1 in both averages and the mean ranking; each label is in the report's table."""
        f1: dict[str, Metric] = {"f1 micro": LabelF1(), "f1 macro": LabelF1(average="macro")}
        auc: dict[str, Metric] = {"auc macro": LabelAuc()}
        return {**f1, **auc} if self.threshold == "f1" else {**auc, **f1}

    def baselines(self) -> Mapping[str, Baseline]:
        """For each label on its own: boosted trees, logistic regression, how common it is."""
        rivals = {
            "gradient boosting": _labellers.boosted,
            "linear": _labellers.logistic,
            "frequencies": _labellers.frequencies,
        }
        return {
            name: partial(rival, target=self.target, by_f1=self.threshold == "f1")
            for name, rival in rivals.items()
        }

    def pooled(self, folds: Sequence[tuple[Task, Judged]]) -> tuple[Task, Judged]:
        """All folds by the labels that any of them knows; of one it never met, a fold says 0.

        A label that a fold never met is not in its truth either: it has no place there.
        """
        column, name = self.columns[self.target], self.target
        known = [_names(task.columns[name]) for task, _ in folds]
        union = column.unlearned().named(name).fit([_rows(column, [labels]) for labels in known])
        names = _names(union)
        alike: list[tuple[Task, Judged]] = []
        for labels, (task, judged) in zip(known, folds, strict=True):
            place = [labels.index(label) if label in labels else -1 for label in names]
            predicted = {key: _placed(array, place) for key, array in judged.predicted.items()}
            truth = {"labels": _placed(judged.truth["labels"], place)}
            alike.append((task, Judged(predicted, truth, judged.rows, judged.groups)))
        task, judged = super().pooled(alike)
        return task.bind({**self.columns, name: union}), judged

    def panels(self, judged: Judged) -> list[Panel]:
        """Each label's scores, and the rows with the most mistakes."""
        return [
            _label_panels.by_label(judged, self._labels, self.cuts),
            _label_panels.most_wrong(judged, self._labels),
        ]

    @property
    def _labels(self) -> list[str]:
        """The labels in the order of their places."""
        return _names(self.columns[self.target])


def _names(column: Column) -> list[str]:
    """The label of each place: what a set of it alone is written as."""
    size = column.port.shape[0]
    assert size is not None, "a bound target has a fixed length"
    return [str(found[0]) for found in column.decode(np.eye(size, dtype=np.float32))]


def _placed(array: np.ndarray, place: Sequence[int]) -> np.ndarray:
    """(N, K) -> (N, K'), column j from column place[j], zeros where that is -1."""
    padded = np.concatenate([array, np.zeros((len(array), 1), array.dtype)], axis=1)
    found: np.ndarray = padded[:, place]
    return found


def _rows(column: Column, labels: list[Raw]) -> pa.RecordBatch:
    """Sets as the raw rows of a column."""
    return pa.record_batch({column.reads[0]: pa.array(labels)})
