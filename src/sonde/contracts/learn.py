"""Contracts of learning: batches, budgets, phases, paradigms. Nothing here imports torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

from pydantic import Field, model_validator

from sonde.contracts.data import Source
from sonde.contracts.model import Blueprint
from sonde.contracts.sampler import Sampler
from sonde.contracts.task import Task
from sonde.core.port import Ports
from sonde.core.spec import Spec

if TYPE_CHECKING:
    import torch
    from torch import nn

    from sonde.contracts.learner import Learner
    from sonde.core.batch import Batch

State = dict[str, Any]
"""Nested mappings of tensors and plain values: what a checkpoint holds."""

Exactness = Literal["bits", "bits at equal batching", "statistical"]


class Stateful(ABC):
    """Something whose present is needed to go on exactly."""

    @abstractmethod
    def state(self) -> State:
        """Everything needed; tensors may be shared with the live object."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """Become what `state` was."""

    def heed(  # noqa: B027 - most have nothing to do with scores
        self, scores: Mapping[str, float], higher_is_better: Callable[[str], bool]
    ) -> None:
        """An evaluation during training gave these scores; by default nothing follows from it."""


class Budget(Spec):
    """How long a phase lasts; the first limit that is reached ends it."""

    epochs: float | None = Field(None, gt=0)
    steps: int | None = Field(None, gt=0)
    seconds: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.epochs is None and self.steps is None and self.seconds is None:
            raise ValueError("a budget needs epochs, steps or seconds, such as {epochs: 20}")
        return self

    def total_steps(self, steps_per_epoch: int | None) -> int | None:
        """The number of steps, or None where only seconds limit it.

        Raises:
            ValueError: epochs are asked for where batches have none.
        """
        limits = [] if self.steps is None else [self.steps]
        if self.epochs is not None:
            if steps_per_epoch is None:
                raise ValueError("these batches have no epochs; give the budget in steps")
            limits.append(max(1, round(self.epochs * steps_per_epoch)))
        return min(limits) if limits else None


class Stop(Spec):
    """Early stopping: end when `score` has not become better for `patience` evaluations."""

    score: str | None = None
    """A score of the task, or 'loss'; by default the task's main metric."""
    patience: int = Field(5, ge=1)


class Batches(Protocol):
    """What a phase iterates. `next` gives the batch of the present step and moves on.

    Batches that come from a disk may read ahead in a thread of their own; those that are made by
    today's weights must not.
    """

    steps_per_epoch: int | None
    """None where there are no epochs."""

    def seek(self, step: int) -> None:
        """Go to a step; the next batch is that step's."""

    def __iter__(self) -> Iterator[Batch]:
        """Batches from the present step on, without end."""

    def state(self) -> State:
        """What `seek` alone cannot bring back: replay buffers, environments."""

    def restore(self, state: State) -> None:
        """Become what `state` was."""


class Augment(Spec):
    """Changes a whole batch, on its device, in training only."""

    family: ClassVar[str] = "augment"

    def apply(self, batch: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """One draw moves a grid and all that lives in its frame.

        `ports` names what may be changed: the inputs, and targets that live in an input's frame.
        """
        return batch

    def mix(
        self, inputs: Batch, targets: Batch, ports: Ports, generator: torch.Generator
    ) -> tuple[Batch, Batch]:
        """Mixes rows of a batch with one another (mixup, cutmix).

        Targets are not averaged, since a class has no mean: they get, beside their own, `OTHER`,
        the targets of the row that was mixed in, and `SHARE`, (B,), what is left of the own. The
        loss is then the mean of both losses with these weights, which every task has. Where parts
        are pasted, masks are cut as their pictures are, and share nothing.

        `ports` are those of all columns.
        """
        return inputs, targets


class Optimizer(Spec):
    """A rule that turns gradients into steps."""

    family: ClassVar[str] = "optimizer"

    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    """On weights with two or more axes only: biases and norms are spared."""
    ships: ClassVar[str | None] = None
    """Where the weights to be shipped are not those that gradients are taken at: their name in the
    state of each parameter."""

    @abstractmethod
    def make(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """The torch optimizer over parameter groups, each with its `lr` and `weight_decay`."""


class Schedule(Spec):
    """The learning rate over a phase, as a factor of the optimizer's own."""

    family: ClassVar[str] = "schedule"

    warmup: float = Field(0.0, ge=0, lt=1)
    """Part of the phase, in [0, 1), in which the factor first rises from 0 in a straight line."""
    reacts: ClassVar[bool] = False
    """True where evaluations change the factor, so that there must be some."""

    @abstractmethod
    def shape(self, progress: float) -> float:
        """The factor at `progress` in [0, 1] of what follows the warm-up."""

    @property
    def ends(self) -> tuple[float, ...]:
        """Where its cycles end, as progress in (0, 1] of what follows the warm-up."""
        return (1.0,)

    def heard(
        self,
        memory: Mapping[str, float],
        scores: Mapping[str, float],
        higher_is_better: Callable[[str], bool],
    ) -> dict[str, float]:
        """What it remembers after an evaluation; "factor" in it scales the rate from then on.

        The memory is {} at first and is saved with the descent. One that `reacts` overrides this.
        """
        return dict(memory)

    def factor(self, progress: float) -> float:
        """The factor at `progress` in [0, 1] of the phase, warm-up included."""
        if progress < self.warmup:
            return self.shape(0.0) * progress / self.warmup
        return self.shape(min(1.0, (progress - self.warmup) / (1 - self.warmup)))


@dataclass(frozen=True)
class Phase:
    """A stretch of training: a learner, its batches, how long.

    Attributes:
        name: unique in the run.
        valid: batches for `Learner.evaluate`, once an epoch or every `evaluate_every` steps.
        stop: early stopping; the best weights by its score are kept and restored at the end.
    """

    name: str
    learner: Learner
    batches: Batches
    budget: Budget
    valid: Batches | None = None
    stop: Stop | None = None
    evaluate_every: int | None = None


class Context(ABC):
    """What a paradigm is given: the bound task and the only way to networks and batches."""

    task: Task
    ports: Ports
    """The ports of every column, targets included."""
    model: Blueprint
    source: Source | None
    seed: int
    device: torch.device

    @abstractmethod
    def build(self, blueprint: Blueprint, inputs: Ports, outputs: Ports) -> nn.Module:
        """A network on its device, initialised from (seed, number of networks built before)."""

    @abstractmethod
    def num_rows(self, part: Literal["train", "valid"]) -> int:
        """How many rows a part has; 0 where there are none to learn from."""

    @abstractmethod
    def batches(
        self,
        part: Literal["train", "valid"],
        batch_size: int,
        *,
        sampler: Sampler | None = None,
        columns: tuple[str, ...] | None = None,
    ) -> Batches:
        """Batches of a part; without a sampler in stored order, every row once."""

    @abstractmethod
    def augment(self, batch: Batch) -> Batch:
        """The recipe's augmentations, drawn for the present step."""

    @abstractmethod
    def mix(self, inputs: Batch, targets: Batch) -> tuple[Batch, Batch]:
        """The recipe's mixing augmentations, drawn for the present step."""


class Paradigm(Spec):
    """A way of learning."""

    family: ClassVar[str] = "paradigm"

    @property
    def exactness(self) -> Exactness:
        """What a resume guarantees on a CPU at an equal number of threads."""
        return "bits"

    @abstractmethod
    def phases(self, context: Context) -> Iterator[Phase]:
        """Phases in order: a later one may read an earlier one's learner.

        A deterministic function of the context and the finished learners; closures hold no state.
        """
