"""What ways of learning from episodes share: their batches, their learner, pictures turned."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sonde.contracts.data import Column
from sonde.contracts.learn import Batches, Budget, Context, Exactness, Phase, Stop
from sonde.contracts.learner import Learner
from sonde.contracts.sampler import (
    BatchIndex,
    Sampler,
    StoreIndex,
)
from sonde.contracts.task import Loss
from sonde.core import seed
from sonde.core.batch import Batch, mapped, select, tensor_of
from sonde.core.errors import DataError, UsageError
from sonde.core.port import Ports
from sonde.data.samplers.episodic import Episodic
from sonde.learn._descent import Descent, DescentSettings
from sonde.tasks.few_shot import FewShot

if TYPE_CHECKING:
    from typing import Any


class EpisodeSettings(DescentSettings):
    """How episodes are made and how long they are learned from."""

    budget: Budget = Budget(epochs=20)
    episodes: int = Field(100, ge=1)
    """How many an epoch has."""
    at_once: int = Field(1, ge=1)
    """How many a step has; `micro_batch` counts episodes too."""
    shots: int | None = Field(None, ge=1)
    """Rows of each class that are shown in training; None is as the task is judged."""
    queries: int | None = Field(None, ge=1)
    """Rows of each class that are asked about in training; None is as the task is judged."""
    turn: bool = False
    """Whether the pictures of a class are all turned by 0, 90, 180 or 270 degrees, drawn for each
    class of an episode, as if a turned character were another (Snell, Swersky, Zemel, 2017,
    section 3.1). Two turns of one class never meet in an episode; there they may."""
    valid_episodes: int = Field(100, ge=1)
    """Validation episodes, the same at each evaluation."""
    stop: Stop | None = None

    @property
    def exactness(self) -> Exactness:
        """Bits; but where the clock decides how many steps there are, no two runs are equal."""
        return "statistical" if self.budget.seconds else "bits"

    def few_shot(self, context: Context, *, adapts: bool) -> FewShot:
        """The bound task.

        Raises:
            UsageError: it is no few-shot task, or answers in another way than is trained for.
        """
        task = context.task
        if not isinstance(task, FewShot):
            raise UsageError(
                f"paradigm {self.kind} learns from episodes, got task {task.kind!r}. Take  "
                "task: {kind: few-shot, target: ...}"
            )
        if (task.adapt is not None) != adapts:
            wanted, other = (
                ("adapt: {steps: 5, learning_rate: 0.1}", "prototypes")
                if adapts
                else ("no adapt", "maml")
            )
            raise UsageError(
                f"paradigm {self.kind} expects a task few-shot with {wanted}, got adapt: "
                f"{task.adapt and task.adapt.dump()}. Change the task, or take  paradigm: {other}"
            )
        if self.turn:
            _check_square(task.inputs)
        return task

    def sampler(self, task: FewShot, **changes: Any) -> Episodic:
        """Training episodes."""
        own = {"shots": self.shots, "queries": self.queries}
        given = {name: value for name, value in own.items() if value is not None}
        return task.sampler(
            **given, episodes=max(self.episodes, self.at_once), at_once=self.at_once, **changes
        )

    def validation(self, context: Context, task: FewShot) -> Batches | None:
        """Episodes of validation classes as the task is judged; None where none are kept.

        Raises:
            UsageError: the validation rows are of classes that are trained on; early stopping or
                a schedule that reacts has no validation rows to look at.
        """
        if context.num_rows("valid"):
            sampler = task.sampler(episodes=self.valid_episodes)
            told = ByNumbers(sampler, task.columns, _numbers(context, task))
            return context.batches("valid", sampler.rows_per_episode, sampler=told)
        for asked, name in ((self.stop, "stop"), (self.schedule.reacts, self.schedule.kind)):
            if asked:
                raise UsageError(
                    f"{name} follows validation scores, and the split keeps no classes for that. "
                    f"Give it some, such as {{kind: group, by: {task.target}, valid: 0.2}}, or "
                    "leave it out."
                )
        return None

    def phase(
        self, context: Context, task: FewShot, sampler: Episodic, learner: type[EpisodeLearner]
    ) -> Phase:
        """The one phase of learning from such episodes."""
        rows = sampler.rows_per_episode * self.at_once
        batches = context.batches("train", rows, sampler=sampler)
        valid = self.validation(context, task)
        network = context.build(context.model, task.inputs, task.outputs)
        descent = Descent(
            network, self, self.budget, steps_per_epoch=batches.steps_per_epoch, name=self.kind
        )
        made = learner(network, descent, context, sampler, self)
        return Phase("episodes", made, batches, self.budget, valid=valid, stop=self.stop)


class ByNumbers(Sampler):
    """Episodes of rows whose classes no column was fitted on, by numbers found apart."""

    _inner: Episodic
    _columns: Mapping[str, Column]
    _numbers: Mapping[str, np.ndarray]

    def __init__(
        self, inner: Episodic, columns: Mapping[str, Column], numbers: Mapping[str, np.ndarray]
    ) -> None:
        """`numbers`: by column, (N,) class of each row of the source."""
        super().__init__()
        self._inner, self._columns, self._numbers = inner, columns, numbers

    def plan(
        self, index: StoreIndex, batch_size: int, epoch: int, rng: np.random.Generator
    ) -> BatchIndex:
        """As the inner sampler does.

        Raises:
            UsageError: the rows are of classes that are trained on.
        """
        name = self._inner.by
        trained = np.asarray(index.encoded(name)) < self._columns[name].port.classes
        if trained.any():
            raise UsageError(
                f"{int(trained.sum()):,} of {len(trained):,} validation rows are of classes that "
                "are trained on, and few-shot learning is judged on others. Keep whole classes "
                f"apart:  split: {{kind: group, by: {name}}}, or with given parts  "
                f"split: {{kind: given, groups: {name}}}"
            )
        told = StoreIndex(index.rows, lambda name: self._numbers[name][index.rows])
        return self._inner.plan(told, batch_size, epoch, rng)


class EpisodeLearner(Learner):
    """A network that is asked about some rows of an episode after it was shown others."""

    def __init__(
        self,
        network: nn.Module,
        descent: Descent,
        context: Context,
        sampler: Episodic,
        settings: EpisodeSettings,
    ) -> None:
        super().__init__()
        assert isinstance(context.task, FewShot)
        self.network = network
        self.descent = descent
        self.context = context
        self.task: FewShot = context.task
        self.sampler = sampler
        self.settings = settings

    @abstractmethod
    def logits(self, network: nn.Module, episodes: Batch, sampler: Episodic) -> Tensor:
        """Answers to the queries of E episodes.

        Args:
            network: the one to ask.
            episodes: inputs of (E, P, K, ...): P classes, of each the examples, then the queries.
            sampler: how many of each there are.

        Returns:
            (E, P * Q, P) float32, the queries class by class.
        """

    @property
    def main_score(self) -> str:
        """The part of all queries that is answered right."""
        return self.task.main_metric

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Augment, turn, descend: the mean over all queries of the batch's episodes."""
        if not self.network.training:
            self.network.train()
        episodes = self._cut(self._changed(batch), self.sampler)
        return {"loss": self.descent.minimize(self._loss, episodes)}

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """The mean loss and accuracy over validation episodes."""
        network, sampler = self.shipped().eval(), self.task.sampler()
        losses, right = [], []
        for batch in batches:
            logits, truth = self._answered(network, self._cut(batch, sampler), sampler)
            losses.append(cross_entropy(logits, truth).item())
            right.append((logits.argmax(dim=1) == truth).float().mean().item())
        if not losses:
            return {}
        return {"loss": float(np.mean(losses)), self.main_score: float(np.mean(right))}

    def shipped(self) -> nn.Module:
        """Averaged weights where there are any."""
        return self.descent.shipped()

    def finish(self, batches: Iterable[Batch]) -> None:
        """Statistics of BatchNorm are measured anew for averaged weights."""
        self.descent.refresh(
            lambda network, batch: network(select(self._changed(batch), self.task.inputs)), batches
        )

    def _changed(self, batch: Batch) -> Batch:
        """The recipe's augmentations, then each class turned."""
        batch = self.context.augment(batch)
        if not self.settings.turn:
            return batch
        draw = seed.generator("turn", self.context.device)
        per_class = self.sampler.shots + self.sampler.queries
        return turned(batch, self.task.inputs, per_class, draw)

    def _loss(self, episodes: Batch) -> Loss:
        """E episodes -> each one's mean loss, (E,)."""
        count = len(tensor_of(episodes, "#row"))
        logits, truth = self._answered(self.network, episodes, self.sampler)
        losses = cross_entropy(logits, truth, reduction="none").view(count, -1).mean(dim=1)
        return Loss(losses, torch.ones_like(losses))

    def _cut(self, batch: Batch, sampler: Episodic) -> Batch:
        """(E * P * K, ...) -> (E, P, K, ...)."""
        shape = (-1, sampler.ways, sampler.shots + sampler.queries)
        return mapped(batch, lambda tensor: tensor.reshape(*shape, *tensor.shape[1:]))

    def _answered(
        self, network: nn.Module, episodes: Batch, sampler: Episodic
    ) -> tuple[Tensor, Tensor]:
        """(E * Q, ways) float32 logits and (E * Q,) true ways of episodes (E, P, K, ...)."""
        inputs = select(episodes, self.task.inputs)
        logits = self.logits(network, inputs, sampler).float()
        truth = torch.arange(sampler.ways, device=logits.device)
        truth = truth.repeat_interleave(sampler.queries).repeat(len(logits))
        return logits.flatten(0, 1), truth


def turned(batch: Batch, ports: Ports, per_class: int, draw: torch.Generator) -> Batch:
    """Each class's pictures turned alike, by a quarter, half, three quarters or not at all.

    Args:
        batch: its rows stand class by class, `per_class` of each.
        ports: the pictures' among them; all pictures of a row turn together.
        per_class: rows.
        draw: decides the turns.
    """
    classes = len(tensor_of(batch, "#row")) // per_class
    turns = torch.randint(4, (classes,), generator=draw, device=draw.device)
    turns = turns.repeat_interleave(per_class)
    out = dict(batch)
    for name, port in ports.items():
        if port.kind == "grid":
            grid = tensor_of(batch, name).clone()
            for quarters in (1, 2, 3):
                chosen = turns == quarters
                grid[chosen] = torch.rot90(grid[chosen], quarters, (2, 3))
            out[name] = grid
    return out


def _check_square(inputs: Ports) -> None:
    grids = {name: port for name, port in inputs.items() if port.kind == "grid"}
    if not grids:
        raise UsageError("turn needs pictures, and no input column is one. Leave it out.")
    for name, port in grids.items():
        if port.shape[1] != port.shape[2]:
            raise UsageError(
                f"turn needs square pictures, and those of column {name!r} are "
                f"{port.shape[1]}x{port.shape[2]}. Give the column a size, such as size: [28, 28]"
            )


def _numbers(context: Context, task: FewShot) -> dict[str, np.ndarray]:
    """By column of classes, (N,) int64: the class of each row of the source, known or not.

    Raises:
        DataError: the data is nothing that can be read row by row.
    """
    if context.source is None:
        raise DataError("episodes need rows with classes, and there is no source of rows")
    found = {}
    for name in task.targets:
        column = task.columns[name]
        chunks = list(context.source.scan(list(column.reads)))
        fitted = column.unlearned().named(name).fit(chunks)
        encoded = [np.asarray(fitted.encode(chunk).values) for chunk in chunks]
        found[name] = np.concatenate(encoded).astype(np.int64)
    return found
