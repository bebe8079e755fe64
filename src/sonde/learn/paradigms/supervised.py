"""Supervised learning: rows with their targets, one network, one descent.

Early stopping watches any score on the validation rows and keeps the best weights (Prechelt,
"Early stopping - but when?", 1998, the patience criterion UP).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from sonde.contracts.learn import Budget, Context, Exactness, Paradigm, Phase, Stop
from sonde.contracts.learner import Learner
from sonde.contracts.model import Levelled
from sonde.contracts.sampler import Sampler
from sonde.contracts.task import Loss, SupervisedTask, stack
from sonde.core import seed
from sonde.core.batch import Batch, as_arrays, count, repeated, tensor_of, to_device
from sonde.core.errors import UsageError
from sonde.core.port import OTHER, SHARE
from sonde.learn._descent import Descent, DescentSettings

_PIXELS = 2**22
"""Pixels of validation pictures that go through a network at once; one picture at least."""


class Supervised(DescentSettings, Paradigm):
    """Fit the recipe's model to the task's loss."""

    budget: Budget = Budget(epochs=20)
    batch_size: int = Field(64, ge=1)
    sampler: Sampler = Field(default="shuffle", validate_default=True)
    stop: Stop | None = None
    evaluate_every: int | None = Field(None, ge=1)
    """Steps between two looks at the validation rows; by default an epoch, which is short where
    rows are few."""

    @model_validator(mode="after")
    def _keeps_one_end(self) -> Self:
        if self.stop and self.snapshots:
            raise ValueError(
                "stop keeps the weights of one evaluation, snapshots those of the last epochs; "
                "take one of them"
            )
        return self

    @property
    def exactness(self) -> Exactness:
        """Bits; but where the clock decides how many steps there are, no two runs are equal."""
        return "statistical" if self.budget.seconds else "bits"

    def phases(self, context: Context) -> Iterator[Phase]:
        """One phase."""
        self._check(context)
        network = context.build(context.model, context.task.inputs, context.task.outputs)
        if isinstance(network, Levelled):
            network.level(self._levels(context))
        yield self.phase(context, network)

    def phase(self, context: Context, network: nn.Module) -> Phase:
        """The phase that trains this network, wherever its weights come from."""
        batches = context.batches("train", self.batch_size, sampler=self.sampler)
        descent = Descent(
            network, self, self.budget, steps_per_epoch=batches.steps_per_epoch, name="supervised"
        )
        validated = context.num_rows("valid") > 0
        return Phase(
            "supervised",
            SupervisedLearner(network, descent, context),
            batches,
            self.budget,
            valid=context.batches("valid", self._validated_at_once(context)) if validated else None,
            stop=self.stop,
            evaluate_every=self.evaluate_every if validated else None,
        )

    def _levels(self, context: Context) -> Mapping[str, Tensor]:
        """Where outputs begin, by the first training batch; the same each time it is asked for."""
        task = context.task
        assert isinstance(task, SupervisedTask)
        batches = context.batches("train", self.batch_size, sampler=self.sampler)
        batches.seek(0)
        batch = to_device(next(iter(batches)), context.device)
        _, targets = task.arrange(batch, False, None)
        return task.levels(targets)

    def _validated_at_once(self, context: Context) -> int:
        """Validation rows that go through the network together: fewer of large pictures."""
        grids = [port for port in context.task.inputs.values() if port.kind == "grid"]
        pixels = max((prod(side or 1 for side in port.shape[1:]) for port in grids), default=1)
        return min(max(256, self.batch_size), max(1, _PIXELS // pixels))

    def _check(self, context: Context) -> None:
        """Refuse what cannot be learned so.

        Raises:
            UsageError: saying what to change.
        """
        task = context.task
        if not isinstance(task, SupervisedTask):
            raise UsageError(
                f"paradigm supervised needs a task with targets, got {task.kind!r}. "
                "Take classification or regression, or another paradigm."
            )
        if self.micro_batch and not task.separable:
            raise UsageError(
                f"task {task.kind} compares rows of a batch with one another, so a batch cannot be "
                "cut into micro-batches. Remove micro_batch, or take a smaller batch_size."
            )
        validated = context.num_rows("valid") > 0
        if self.stop and not validated:
            raise UsageError(
                "early stopping needs validation rows, and the split leaves none. "
                "Give the split some, such as valid: 0.1, or remove stop."
            )
        if self.schedule.reacts and not validated:
            raise UsageError(
                f"schedule {self.schedule.kind} follows validation scores, and the split leaves no "
                "validation rows. Give it some, such as valid: 0.1, or take another schedule."
            )
        if task.settles and not validated:
            raise UsageError(
                f"task {task.kind} is to settle something on validation rows, and the split leaves "
                "none. Give the split some, such as valid: 0.2, or leave threshold out."
            )


class SupervisedLearner(Learner):
    """A network, its descent, and the task that says what is asked of it."""

    def __init__(self, network: nn.Module, descent: Descent, context: Context) -> None:
        super().__init__()
        assert isinstance(context.task, SupervisedTask)
        self.network = network
        self.descent = descent
        self.context = context
        self.task: SupervisedTask = context.task

    @property
    def main_score(self) -> str:
        """The task's first choice of those that are watched."""
        watched = self.task.watched()
        return (
            self.task.main_metric
            if self.task.main_metric in watched
            else next(iter(watched), "loss")
        )

    def higher_is_better(self, score: str) -> bool:
        """As the task's metric says."""
        return score != "loss" and self.task.watched()[score].higher_is_better

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Augment, arrange, descend."""
        if not self.network.training:  # it walks every module, which a small net feels
            self.network.train()
        batch = self.context.augment(batch)
        draw = seed.generator("arrange", self.context.device)
        inputs, targets = self.task.arrange(batch, True, draw)
        inputs, targets = self.context.mix(inputs, targets)
        mixed: Batch = {"inputs": inputs, "targets": targets}
        return {"loss": self.descent.minimize(self._loss, mixed)}

    @torch.inference_mode()
    def evaluate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """The mean loss and every metric the task watches, over the whole part, in float32."""
        network = self.shipped().eval()
        answers, truths = [], []
        total, weight = 0.0, 0.0
        for batch in batches:
            inputs, targets = self.task.arrange(batch, False, None)
            outputs = network(inputs)
            loss = self.task.loss(outputs, targets)
            total, weight = total + float(loss.sums.sum()), weight + float(loss.weights.sum())
            answer, truth = self.task.noted(outputs, targets)
            answers.append(as_arrays(answer))
            truths.append(as_arrays(truth))
        scores = {"loss": total / weight if weight else float("nan")}
        predicted, true = self.task.predicted(stack(answers)), self.task.truth(stack(truths))
        for name, metric in self.task.watched().items():
            scores[name] = metric.score(predicted, true)
        return scores

    def shipped(self) -> nn.Module:
        """Averaged weights where there are any."""
        return self.descent.shipped()

    def finish(self, batches: Iterable[Batch]) -> None:
        """Statistics of BatchNorm are measured anew for averaged weights."""
        self.descent.refresh(self._pass, batches)

    def _pass(self, network: nn.Module, batch: Batch) -> None:
        """One augmented training batch through a network."""
        draw = seed.generator("arrange", self.context.device)
        network(self.task.arrange(self.context.augment(batch), True, draw)[0])

    def _loss(self, mixed: Batch) -> Loss:
        inputs, targets = mixed["inputs"], mixed["targets"]
        assert isinstance(inputs, dict) and isinstance(targets, dict)
        outputs = {name: value.float() for name, value in self.network(inputs).items()}
        answers = max(1, count(outputs) // count(inputs))  # to each row: members answer apart
        targets = repeated(targets, answers)
        own = self.task.loss(outputs, targets)
        if OTHER not in targets:
            return own
        other, share = targets[OTHER], tensor_of(targets, SHARE)
        assert isinstance(other, dict)
        mixed_in = self.task.loss(outputs, other)
        return Loss(*(share * a + (1 - share) * b for a, b in zip(own, mixed_in, strict=True)))
