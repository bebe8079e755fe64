"""Classification: which of two or more classes a row belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column, Raw, Row
from sonde.contracts.task import Arrays, Baseline, Judged, Loss, Metric, Panel, SupervisedTask, Task
from sonde.core.errors import DataError, UsageError
from sonde.core.port import MISSING, Port, Ports
from sonde.core.spec import Spec
from sonde.metrics.accuracy import Accuracy
from sonde.metrics.brier import Brier
from sonde.metrics.f1 import F1
from sonde.metrics.log_loss import LogLoss
from sonde.metrics.precision import Precision
from sonde.metrics.recall import Recall
from sonde.metrics.roc_auc import RocAuc
from sonde.tasks import _class_panels, _classifiers
from sonde.tasks._target import bound_target, shortest

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sonde.core.batch import Batch


class Classification(SupervisedTask):
    """One target column of classes; the network gives (B, K) logits for it.

    `read` gives {"index": (B,) int64, "probability": (B, K) float32}. In the truth, a class never
    seen in training has index -1: it can be met in validation and test rows, and is always wrong.
    """

    target: str

    @classmethod
    def examples(cls) -> list[Self]:
        """The target is whatever column a test has."""
        return [cls(target="label")]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            DataError: the training rows have fewer than two classes.
            UsageError: the target is no column of classes, or cannot be answered with.
        """
        port = bound_target(self.target, columns, "category")
        if self.target == "probability":
            raise UsageError(
                "the target is called 'probability', the name that answers give the class's "
                "probability. Rename the column."
            )
        if port.classes < 2:
            found = columns[self.target].decode(np.arange(port.classes))
            raise DataError(
                f"column {self.target!r} has {f'one class ({found[0]!r})' if found else 'no value'}"
                " among the training rows, expected two classes or more. Take another target, "
                "another split, or more rows."
            )
        return super().bind(columns)

    @property
    def targets(self) -> tuple[str, ...]:
        """The column of classes."""
        return (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        """Whole numbers are classes too, where they are the target."""
        return {self.target: "category"}

    @property
    def outputs(self) -> Ports:
        """A logit for each class."""
        return {self.target: Port("category", size=self._classes)}

    def arrange(
        self, batch: Batch, training: bool, generator: torch.Generator | None
    ) -> tuple[Batch, Batch]:
        """The columns as they are."""
        from sonde.core.batch import select

        return select(batch, self.inputs), select(batch, self.targets)

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Cross entropy (natural log); rows of unknown class count for nothing."""
        from torch.nn.functional import cross_entropy

        from sonde.core.batch import tensor_of

        index = tensor_of(targets, self.target).long()
        known = index < self._classes
        logits = outputs[self.target].float()
        losses = cross_entropy(logits, index.where(known, 0), reduction="none")
        return Loss(losses.where(known, 0.0), known.float())

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The likeliest class and the probability of each."""
        logits = outputs[self.target].float()
        return {"index": logits.argmax(dim=1), "probability": logits.softmax(dim=1)}

    def answer(self, arrays: Arrays) -> list[Row]:
        """The class as the target column writes it, and its probability."""
        index = arrays["index"]
        labels = self.columns[self.target].decode(index)
        given = shortest(np.take_along_axis(arrays["probability"], index[:, None], axis=1)[:, 0])
        return [
            {self.target: label, "probability": probability}
            for label, probability in zip(labels, given, strict=True)
        ]

    def truth(self, targets: Arrays) -> Arrays:
        """{"index": (N,) int64}, -1 where the class was never seen in training.

        Raises:
            DataError: some row's class is missing, so that no answer can be right or wrong.
        """
        index = targets[self.target].astype(np.int64)
        missing = int((index == self._classes + MISSING).sum())
        if missing:
            raise DataError(
                f"{missing:,} of {len(index):,} rows have no {self.target!r} and cannot be judged. "
                "Fill it in, or leave those rows out."
            )
        return {"index": np.where(index < self._classes, index, -1)}

    @property
    def main_metric(self) -> str:  # type: ignore[override]  # it follows the number of classes
        """Ranking for two classes, accuracy for more."""
        return next(iter(self.metrics()))

    def metrics(self) -> Mapping[str, Metric]:
        """For two classes, those of the second one too; each class is in the report's table.

        Micro averages are left out: with one class a row they are all the accuracy.
        """
        averages: dict[str, Metric] = {
            "f1 macro": F1(average="macro"),
            "precision macro": Precision(average="macro"),
            "recall macro": Recall(average="macro"),
            "f1 weighted": F1(average="weighted"),
            "precision weighted": Precision(average="weighted"),
        }
        certainty: dict[str, Metric] = {"log loss": LogLoss(), "brier": Brier()}
        if self._classes > 2:
            return {"accuracy": Accuracy(), **averages, "auc": RocAuc(), **certainty}
        label = self._labels[1]
        of_second: dict[str, Metric] = {
            f"f1 ({label})": F1(average="class", positive=1),
            f"precision ({label})": Precision(average="class", positive=1),
            f"recall ({label})": Recall(average="class", positive=1),
        }
        return {"auc": RocAuc(), "accuracy": Accuracy(), **of_second, **averages, **certainty}

    def baselines(self) -> Mapping[str, Baseline]:
        """Boosted trees, logistic regression, the commonest class."""
        rivals = {
            "gradient boosting": _classifiers.boosted,
            "linear": _classifiers.logistic,
            "majority": _classifiers.majority,
        }
        return {
            name: partial(rival, target=self.target, classes=self._classes)
            for name, rival in rivals.items()
        }

    def pooled(self, folds: Sequence[tuple[Task, Judged]]) -> tuple[Task, Judged]:
        """All folds by the classes that any of them knows; of one it never met, a fold says 0."""
        column, name = self.columns[self.target], self.target
        known = [task.columns[name].decode(_every(task.columns[name])) for task, _ in folds]
        union = column.unlearned().named(name).fit([_rows(column, labels) for labels in known])
        alike: list[tuple[Task, Judged]] = []
        for labels, (task, judged) in zip(known, folds, strict=True):
            place = union.encode(_rows(column, labels)).values.astype(np.int64)
            index, truth = np.asarray(judged.predicted["index"]), judged.truth["index"]
            probability = np.zeros((len(index), union.port.classes), np.float32)
            probability[:, place] = judged.predicted["probability"]
            predicted = {"index": place[index], "probability": probability}
            found = np.where(truth < 0, -1, place[truth])
            alike.append((task, Judged(predicted, {"index": found}, judged.rows)))
        task, judged = super().pooled(alike)
        return task.bind({**self.columns, name: union}), judged

    def panels(self, judged: Judged) -> list[Panel]:
        """Who is taken for whom, whether probabilities can be believed, the worst mistakes."""
        return [
            _class_panels.confusion(judged, self._labels),
            _class_panels.calibration(judged, self._labels),
            _class_panels.by_class(judged, self._labels),
            _class_panels.most_wrong(judged, self._labels),
        ]

    @property
    def _classes(self) -> int:
        return self.columns[self.target].port.classes

    @property
    def _labels(self) -> list[str]:
        """The classes as a reader sees them, in the order of their indices."""
        return [str(label) for label in self.columns[self.target].decode(np.arange(self._classes))]


def _every(column: Column) -> np.ndarray:
    """(K,) the index of each class."""
    return np.arange(column.port.classes)


def _rows(column: Column, labels: list[Raw]) -> pa.RecordBatch:
    """Labels as the raw rows of a column."""
    return pa.record_batch({column.reads[0]: pa.array(labels)})
