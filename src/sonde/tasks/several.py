"""Several targets at once: other tasks side by side, answered by one network.

A row teaches what it has: where one target is missing, that task alone leaves the row out. Losses
are added over rows and tasks and divided by what was there, as in the likelihood of all observed
values. Caruana, "Multitask Learning", Machine Learning 28, 1997.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import (
    Baseline,
    Design,
    Judged,
    Loss,
    SupervisedTask,
    Task,
)
from sonde.core.errors import UsageError
from sonde.core.port import Ports
from sonde.core.spec import Spec
from sonde.tasks._part_metric import KNOWN, PartMetric, part_of, prefixed

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sonde.core.batch import Batch


class Several(SupervisedTask):
    """Tasks with a target column each: `{tasks: [{kind: regression, target: price}, ...]}`.

    Scores, rivals, panels and what an answer says besides the target go by the target's name. Early
    stopping watches the first task's main score unless told otherwise, such as `score: loss`.
    """

    tasks: tuple[Task, ...] = Field(min_length=2)
    weights: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """What each task's loss counts for beside the others; all 1 where none are given."""

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        names = [target for task in self.tasks for target in task.targets]
        for task in self.tasks:
            if not isinstance(task, SupervisedTask) or not task.targets:
                raise ValueError(f"tasks: got {task.kind}, expected tasks with a target column")
        if len(names) > len(set(names)):
            raise ValueError(f"tasks: got the targets {', '.join(names)}, expected each once")
        if self.weights and len(self.weights) != len(self.tasks):
            raise ValueError(
                f"weights: got {len(self.weights)}, expected one for each of the "
                f"{len(self.tasks)} tasks"
            )
        return self

    @classmethod
    def examples(cls) -> list[Self]:
        """Numbers beside classes; targets are whatever columns a test has."""
        number, label = {"kind": "regression", "target": "amount"}, {"kind": "classification"}
        return [
            cls.parse({"tasks": [number, label | {"target": "label"}]}),
            cls.parse({"tasks": [number, number | {"target": "size"}], "weights": [2.0, 1.0]}),
        ]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy whose tasks know their columns; none takes another's target for an input.

        Raises:
            UnknownColumn: a target is no column.
            UsageError: two tasks want outputs of the same name.
        """
        bound = super().bind(columns)
        tasks = tuple(task.bind(self._without_others(task, columns)) for task in self.tasks)
        outputs = [name for task in tasks for name in task.outputs]
        if len(outputs) > len(set(outputs)):
            raise UsageError(f"tasks: two of them give the same output: {', '.join(outputs)}")
        return bound.model_copy(update={"tasks": tasks})

    @property
    def settles(self) -> bool:  # type: ignore[override]  # it follows the tasks
        """Whether any of them does."""
        return any(task.settles for task in self.tasks)

    @property
    def separable(self) -> bool:  # type: ignore[override]  # it follows the tasks
        """Whether all of them are."""
        return all(task.separable for task in self._parts.values())

    @property
    def targets(self) -> tuple[str, ...]:
        """Every task's."""
        return tuple(target for task in self.tasks for target in task.targets)

    def usable(self, known: Mapping[str, np.ndarray]) -> np.ndarray:
        """(N,) bool: rows that any of the tasks can use."""
        usable: np.ndarray = np.logical_or.reduce(
            [task.usable({name: known[name] for name in task.targets}) for task in self.tasks]
        )
        return usable

    def target_columns(self) -> Mapping[str, str]:
        """What each task wants its target to be."""
        return {n: kind for task in self.tasks for n, kind in task.target_columns().items()}

    @property
    def outputs(self) -> Ports:
        """All outputs side by side."""
        return {name: port for task in self.tasks for name, port in task.outputs.items()}

    def arrange(
        self, batch: Batch, training: bool, generator: torch.Generator | None
    ) -> tuple[Batch, Batch]:
        """What each task makes of the columns.

        Raises:
            UsageError: a task changes inputs that another one reads too.
        """
        inputs: Batch = {}
        targets: Batch = {}
        for name, task in self._parts.items():
            own_inputs, own_targets = task.arrange(batch, training, generator)
            for key, value in own_inputs.items():
                if inputs.setdefault(key, value) is not value:
                    raise UsageError(
                        f"the task of {name!r} makes its own version of the input {key!r}, which "
                        "another task reads as well. Train these tasks one by one."
                    )
            targets |= own_targets
        return inputs, targets

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """The tasks' losses added; where all targets are there, the sum of their means."""
        found = [task.loss(outputs, targets) for task in self._parts.values()]
        weights = self.weights or (1.0,) * len(found)
        sums = sum((w * loss.sums for w, loss in zip(weights, found, strict=True)))
        counted = sum((w * loss.weights for w, loss in zip(weights, found, strict=True)))
        return Loss(sums, counted / sum(weights))  # type: ignore[arg-type]  # there are two or more

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """What each task reads, by `place:name`."""
        found: Batch = {}
        for place, task in enumerate(self.tasks):
            found |= prefixed(task.read(outputs, task.Options()), place)
        return found

    def settle(self, outputs: Arrays, targets: Arrays) -> Self:
        """Each task settles on the validation rows that have its target."""
        settled = []
        for task in self._parts.values():
            known = task.known(targets)
            own = {name: array[known] for name, array in outputs.items()}
            true = {name: array[known] for name, array in targets.items()}
            settled.append(task.settle(own, true))
        return self.model_copy(update={"tasks": tuple(settled)})

    def answer(self, arrays: Arrays) -> list[Row]:
        """Every target in one mapping; what else an answer says is named after its target."""
        parts = [
            [_named(row, task.targets, part) for row in task.answer(part_of(arrays, place))]
            for place, (part, task) in enumerate(self._parts.items())
        ]
        return [{k: v for row in rows for k, v in row.items()} for rows in zip(*parts, strict=True)]

    def predicted(self, arrays: Arrays) -> Arrays:
        """What metrics of each task look at, by `place:name`."""
        found: dict[str, np.ndarray] = {}
        for place, task in enumerate(self.tasks):
            found |= prefixed(task.predicted(part_of(arrays, place)), place)
        return found

    def known(self, targets: Arrays) -> np.ndarray:
        """(N,) bool: rows that have any of the targets."""
        known: np.ndarray = np.logical_or.reduce([task.known(targets) for task in self.tasks])
        return known

    def truth(self, targets: Arrays) -> Arrays:
        """The truth of each task by `place:name`; zeros where `place:#known` is false."""
        found: dict[str, np.ndarray] = {}
        for place, task in enumerate(self.tasks):
            known = task.known(targets)
            true = task.truth({name: array[known] for name, array in targets.items()})
            spread = {name: _spread(array, known) for name, array in true.items()}
            found |= prefixed({**spread, KNOWN: known}, place)
        return found

    @property
    def main_metric(self) -> str:  # type: ignore[override]  # it follows the first task
        """The first task's."""
        return next(iter(self.metrics()))

    def metrics(self) -> Mapping[str, Metric]:
        """Every task's main score, then all others."""
        every = {
            f"{part} {name}": PartMetric(inner=metric, place=place, part=part)
            for place, (part, task) in enumerate(self._parts.items())
            for name, metric in task.metrics().items()
        }
        main = [f"{part} {task.main_metric}" for part, task in self._parts.items()]
        return {name: every[name] for name in dict.fromkeys([*main, *every])}

    def baselines(self) -> Mapping[str, Baseline]:
        """The tasks' strongest rivals side by side, then the next ones."""
        each = [list(task.baselines().items()) for task in self.tasks]
        return {
            " and ".join(dict.fromkeys(name for name, _ in rivals)): self._beside([*rivals])
            for rivals in zip(*each, strict=False)
        }

    def pooled(self, folds: Sequence[tuple[Task, Judged]]) -> tuple[Task, Judged]:
        """The judgements of all folds, task by task."""
        predicted: dict[str, np.ndarray] = {}
        truth: dict[str, np.ndarray] = {}
        columns = dict(self.columns)
        for place, own in enumerate(self.tasks):
            alike = []
            for task, judged in folds:
                assert isinstance(task, Several), "all folds have the same task"
                alike.append((task.tasks[place], _part_judged(judged, place)))
            pooled, judged = own.pooled(alike)
            known = [part_of(fold.truth, place)[KNOWN] for _, fold in folds]
            predicted |= prefixed(judged.predicted, place)
            truth |= prefixed({**judged.truth, KNOWN: np.concatenate(known)}, place)
            columns |= {name: pooled.columns[name] for name in own.targets}
        return self.bind(columns), Judged(predicted, truth, judged.rows, judged.groups)

    def panels(self, judged: Judged) -> list[Panel]:
        """Every task's panels, of the rows that have its target."""
        shown: list[Panel] = []
        for place, (part, task) in enumerate(self._parts.items()):
            own = _part_judged(judged, place)
            known = part_of(judged.truth, place)[KNOWN]
            panels = task.panels(
                Judged(
                    {name: array[known] for name, array in own.predicted.items()},
                    {name: array[known] for name, array in own.truth.items()},
                    judged.rows[known],
                )
            )
            shown += [replace(panel, title=f"{part}: {panel.title}") for panel in panels]
        return shown

    @property
    def _parts(self) -> dict[str, SupervisedTask]:
        """Each task under the name of its target."""
        return {"+".join(t.targets): t for t in self.tasks if isinstance(t, SupervisedTask)}

    def _without_others(self, task: Task, columns: Mapping[str, Column]) -> dict[str, Column]:
        others = set(self.targets) - set(task.targets)
        return {name: column for name, column in columns.items() if name not in others}

    def _beside(self, rivals: Sequence[tuple[str, Baseline]]) -> Baseline:
        """One rival made of one for each task."""

        def answers(train: Design, test: Design, seed: int) -> Arrays:
            found: dict[str, np.ndarray] = {}
            for place, (_, rival) in enumerate(rivals):
                found |= prefixed(rival(train, test, seed), place)
            return found

        return answers


def _named(row: Row, targets: Sequence[str], part: str) -> Row:
    """An answer whose extras say whose they are: a label's `probability` is `label probability`."""
    return {key if key in targets else f"{part} {key}": value for key, value in row.items()}


def _spread(array: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(n, ...) values of the known rows -> (N, ...), zeros elsewhere."""
    spread = np.zeros((len(known), *array.shape[1:]), array.dtype)
    spread[known] = array
    return spread


def _part_judged(judged: Judged, place: int) -> Judged:
    truth = part_of(judged.truth, place)
    truth.pop(KNOWN)
    return Judged(part_of(judged.predicted, place), truth, judged.rows, judged.groups)
