"""Classification: which of two or more classes a row belongs to.

Where mistakes cost differently there are two roads, and one should not take both at once: learn
true probabilities and decide by them (`costs`), or let rare classes count more while learning
(`class_weights`, `focal`), after which probabilities mean something else and the decision is to be
found on validation rows (`threshold`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from sonde.contracts.data import Column, Raw, Row
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
)
from sonde.core.errors import DataError, UsageError, unknown
from sonde.core.notice import say, tell
from sonde.core.port import MISSING, Port, Ports
from sonde.core.spec import Learned, Spec
from sonde.metrics.cost import Cost
from sonde.tasks import _class_panels, _class_texts, _classifiers, _decisions, _ngrams
from sonde.tasks._class_losses import balanced, class_loss
from sonde.tasks._class_metrics import class_metrics
from sonde.tasks._target import bound_target, shortest

if TYPE_CHECKING:
    from torch import Tensor

    from sonde.core.batch import Batch


def _as_text(label: Any) -> Any:
    """YAML reads 1 and yes as a number and a truth value; the target column compares texts."""
    return str(label).lower() if isinstance(label, bool) else str(label)


Label = Annotated[str, BeforeValidator(_as_text)]
"""A class as the target column writes it."""
NotNegative = Annotated[float, Field(ge=0)]


class Classification(SupervisedTask):
    """One target column of classes; the network gives (B, K) logits for it.

    `read` gives {"index": (B,) int64, "probability": (B, K) float32}. In the truth, a class never
    seen in training has index -1: it can be met in validation and test rows, and is always wrong.

    The answer is the likeliest class; with `costs` the one of least expected cost; with a
    `threshold` the second of two classes wherever its probability reaches what validation rows
    have settled.
    """

    target: str
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Part of the truth that is spread evenly over all classes."""
    class_weights: Literal["balanced"] | dict[Label, NotNegative] | None = None
    """What rows of a class count for in the loss; unnamed ones 1. 'balanced': all classes alike."""
    focal: float | None = Field(None, gt=0)
    """Gamma of the focal loss: the larger, the less easy rows count."""
    threshold: Literal["none", "f1", "cost"] = "none"
    """What the threshold of two classes is chosen for on validation rows."""
    costs: dict[Label, dict[Label, NotNegative]] | None = None
    """{true: {said: cost}}; unnamed mistakes cost 1, and right answers nothing."""
    cut: Learned[float | None] = None
    """The second class is said from this probability on, in [0, 1]."""
    cut_score: Learned[float | None] = None
    """F1 of the second class, or mean cost, of the validation rows at `cut`."""

    _weights: tuple[float, ...] = PrivateAttr(())
    _costs: tuple[tuple[float, ...], ...] | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.threshold == "cost" and self.costs is None:
            raise ValueError("threshold: cost needs costs, such as costs: {bad: {good: 5}}")
        if self.focal is not None and self.label_smoothing:
            raise ValueError("focal and label_smoothing pull against each other; take one of them")
        return self

    @classmethod
    def examples(cls) -> list[Self]:
        """The target is whatever column a test has."""
        return [
            cls(target="label"),
            cls(target="label", label_smoothing=0.1, class_weights="balanced"),
            cls(target="label", focal=2.0, class_weights={"north": 2.0}),
            cls(target="label", costs={"north": {"south": 5.0}}),
        ]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            DataError: the training rows have fewer than two classes.
            UsageError: the target is no column of classes, or cannot be answered with; an option
                names a class it does not have, or needs two classes.
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
        if self.threshold != "none" and port.classes > 2:
            raise UsageError(
                f"threshold: {self.threshold} is for two classes; {self.target!r} has "
                f"{port.classes:,}. Take threshold: none, with costs where mistakes differ."
            )
        bound = super().bind(columns)
        bound._weights, bound._costs = bound._weighed(), bound._priced()
        return bound

    @property
    def settles(self) -> bool:  # type: ignore[override]  # it follows the options
        """A threshold is chosen on validation rows."""
        return self.threshold != "none"

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

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Cross entropy (natural log); rows of unknown class count for nothing."""
        from sonde.core.batch import tensor_of

        return class_loss(
            outputs[self.target].float(),
            tensor_of(targets, self.target).long(),
            smoothing=self.label_smoothing,
            focal=self.focal,
            weights=self._weights,
        )

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The class that is said and the probability of each."""
        logits = outputs[self.target].float()
        probability = logits.softmax(dim=1)
        if self.cut is not None:
            index = (probability[:, 1] >= self.cut).long()
        elif self._costs is not None:
            index = (probability @ probability.new_tensor(self._costs)).argmin(dim=1)
        else:
            index = logits.argmax(dim=1)
        return {"index": index, "probability": probability}

    def settle(self, outputs: Arrays, targets: Arrays) -> Self:
        """The threshold that serves best on validation rows."""
        if self.threshold == "none":
            return self
        import torch

        read = self.read({self.target: torch.from_numpy(outputs[self.target])}, self.Options())
        probability, index = np.asarray(read["probability"])[:, 1], targets[self.target]
        known = index < self._classes
        probability, positive = probability[known], index[known] == 1
        if not 0 < positive.sum() < len(positive):
            say(f"threshold: the validation rows with a {self.target!r} are not of two classes, so "
                "nothing is settled; keep more rows for validation")  # fmt: skip
            return self
        found = (
            _decisions.best_f1(probability, positive.astype(np.float64))
            if self.threshold == "f1"
            else _decisions.least_cost(probability, positive, np.array(self._costs))
        )
        tell(
            f"threshold  {self._labels[1]} from probability {found.cut:.3f} on: "
            f"{self.threshold} {found.score:.4g} on {len(positive):,} validation rows",
            threshold=found.cut,
        )
        return self.learn(cut=found.cut, cut_score=found.score).bind(self.columns)

    def answer(self, arrays: Arrays) -> list[Row]:
        """The class as the target column writes it, and its probability."""
        index = arrays["index"]
        labels = self.columns[self.target].decode(index)
        given = shortest(np.take_along_axis(arrays["probability"], index[:, None], axis=1)[:, 0])
        return [
            {self.target: label, "probability": probability}
            for label, probability in zip(labels, given, strict=True)
        ]

    def known(self, targets: Arrays) -> np.ndarray:
        """(N,) bool: a class is given, be it one never seen in training."""
        return np.not_equal(targets[self.target], self._classes + MISSING)

    def truth(self, targets: Arrays) -> Arrays:
        """{"index": (N,) int64}, -1 where the class was never seen in training.

        Raises:
            DataError: some row's class is missing, so that no answer can be right or wrong.
        """
        index = targets[self.target].astype(np.int64)
        missing = int((~self.known(targets)).sum())
        if missing:
            raise DataError(
                f"{missing:,} of {len(index):,} rows have no {self.target!r} and cannot be judged. "
                "Fill it in, or leave those rows out."
            )
        return {"index": np.where(index < self._classes, index, -1)}

    @property
    def main_metric(self) -> str:  # type: ignore[override]  # it follows the number of classes
        """The cost where there are costs; else ranking for two classes, accuracy for more."""
        return next(iter(self.metrics()))

    def metrics(self) -> Mapping[str, Metric]:
        """For two classes, those of the second one too; each class is in the report's table."""
        cost = {"cost": Cost(costs=self._costs)} if self._costs is not None else {}
        return {**cost, **class_metrics(self._labels)}

    def baselines(self) -> Mapping[str, Baseline]:
        """Boosted trees, logistic regression, the commonest class; they decide by the same rule."""
        rivals = {
            "gradient boosting": _classifiers.boosted,
            "linear": _classifiers.logistic,
            "majority": _classifiers.majority,
        }
        return {
            name: partial(rival, target=self.target, classes=self._classes, decide=self._decide)
            for name, rival in rivals.items()
        }

    def text_baselines(self) -> Mapping[str, Baseline]:
        """Logistic regression on n-grams."""
        options: dict[str, Any] = {"target": self.target, "classes": self._classes}
        return {_ngrams.LOGISTIC: partial(_ngrams.logistic, decide=self._decide, **options)}

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
            alike.append((task, Judged(predicted, {"index": found}, judged.rows, judged.groups)))
        task, judged = super().pooled(alike)
        return task.bind({**self.columns, name: union}), judged

    def panels(self, judged: Judged) -> list[Panel]:
        """Who is taken for whom, whether probabilities can be believed, the worst mistakes."""
        shown: list[Panel] = [
            _class_panels.confusion(judged, self._labels),
            _class_panels.calibration(judged, self._labels),
            _class_panels.by_class(judged, self._labels),
            _class_panels.most_wrong(judged, self._labels),
        ]
        if len(self._labels) > _class_panels.MANY_CLASSES:
            shown.insert(1, _class_panels.most_confused(judged, self._labels))
        if self.cut is None or self.cut_score is None:
            return shown
        settled = _decisions.Threshold(self.cut, self.cut_score)
        metric = Cost(costs=self._costs or ()) if self.threshold == "cost" else None
        return [*shown, _class_panels.threshold(judged, self._labels, settled, metric)]

    def close_ups(self, predictor: Predictor, judged: Judged, raw: RawRows) -> list[Panel]:
        """The surest mistakes in texts, with the words that led there."""
        read = {name: self.columns[name] for name in self.inputs if name in self.columns}
        return [*_class_texts.surest_mistakes(read, predictor, judged, self._labels, raw)]

    def _weighed(self) -> tuple[float, ...]:
        """(K,) what a row of each class counts for, () where all are alike."""
        if self.class_weights is None:
            return ()
        if self.class_weights == "balanced":
            counts = self.columns[self.target].class_counts
            if not counts:
                raise UsageError(
                    f"class_weights: balanced needs a column that counts its classes; "
                    f"{self.target!r} is of kind {self.columns[self.target].kind!r}, which does "
                    "not. Give the weights by class, such as class_weights: {yes: 3}."
                )
            return balanced(counts)
        for label in self.class_weights:
            if label not in self._labels:
                raise UsageError(
                    f"class_weights: {unknown(f'class of {self.target!r}', label, self._labels)}"
                )
        return tuple(self.class_weights.get(label, 1.0) for label in self._labels)

    def _priced(self) -> tuple[tuple[float, ...], ...] | None:
        """(K, K) costs by index, rows are true classes; None where mistakes are alike."""
        if self.costs is None:
            return None
        matrix = _decisions.cost_matrix(self.costs, self._labels, self.target)
        return tuple(tuple(row) for row in matrix.tolist())

    def _decide(self, probability: np.ndarray) -> np.ndarray:
        """(N,) what a rival says whose probabilities these are, (N, K).

        It has no validation rows to settle a threshold on. Its F1 is made largest as it would be
        if its probabilities were true (Lipton, Elkan, Naryanaswamy, "Optimal Thresholding of
        Classifiers to Maximize F1 Measure", 2014, arXiv:1402.1892, theorem 1).
        """
        if self.threshold == "f1":
            of_second = probability[:, 1].astype(np.float32)
            cut = _decisions.best_f1(of_second, of_second.astype(np.float64)).cut
            return (of_second >= cut).astype(np.int64)
        if self._costs is not None:
            return _decisions.cheapest(probability, np.array(self._costs, np.float32))
        return _classifiers.likeliest(probability)

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
