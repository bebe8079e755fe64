"""What ways of learning codes without targets share.

Settings, an encoder with a second network above it, and a learner that ships the encoder alone.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from sonde.contracts.learn import Batches, Budget, Context, Exactness, Optimizer, Phase, Stop
from sonde.contracts.learner import Learner
from sonde.contracts.sampler import Sampler
from sonde.contracts.task import Loss
from sonde.core import seed
from sonde.core.batch import Batch, count, select, tensor_of
from sonde.core.code import CODE, code_port
from sonde.core.errors import DataError, UsageError
from sonde.core.notice import say
from sonde.core.port import Port
from sonde.learn._descent import Descent, DescentSettings
from sonde.nets.assemble import features
from sonde.tasks.represent import Represent

FEATURES = "#features"
"""Batch key under which the second network reads codes, (B, K) float32."""

_COLLAPSED = 1e-3
"""Spread of unit codes, in [0, 1], below which all rows have nearly one code."""


class CodeSettings(DescentSettings):
    """How long, and from how many rows at once."""

    optimizer: Optimizer = Field(
        default={"kind": "adamw", "learning_rate": 1e-3, "weight_decay": 1e-4},
        validate_default=True,
    )
    budget: Budget = Budget(epochs=20)
    batch_size: int = Field(256, ge=2)
    sampler: Sampler = Field(default="shuffle", validate_default=True)
    stop: Stop | None = None

    @property
    def exactness(self) -> Exactness:
        """Bits; but where the clock decides how many steps there are, no two runs are equal."""
        return "statistical" if self.budget.seconds else "bits"

    def represented(self, context: Context) -> Represent:
        """The bound task.

        Raises:
            UsageError: the task asks for something else than codes, or something is to follow
                validation rows that the split does not leave.
            DataError: there are fewer than two rows.
        """
        task = context.task
        if not isinstance(task, Represent):
            raise UsageError(
                f"paradigm {self.kind} learns codes without targets, got task {task.kind!r}. Take  "
                "task: represent  and start the model for your targets from the one that comes out"
            )
        if context.num_rows("train") < 2:
            raise DataError(
                f"paradigm {self.kind} learns from many rows, and there are "
                f"{context.num_rows('train')} to train on. Expected at least two."
            )
        follows = {"stop": self.stop, f"schedule {self.schedule.kind}": self.schedule.reacts}
        for name, asked in follows.items():
            if asked and not context.num_rows("valid"):
                raise UsageError(
                    f"{name} follows validation scores, and the split leaves no validation rows. "
                    f"Give it some, such as valid: 0.1, or leave {name} out."
                )
        return task

    def phase(self, name: str, learner: CodeLearner, batches: Batches) -> Phase:
        """The one phase, looked at on validation rows where there are any."""
        context, valid = learner.context, None
        if context.num_rows("valid"):
            shuffled = Sampler.parse({"kind": "shuffle"})  # rows that are alike may lie together
            valid = context.batches("valid", self.batch_size, sampler=shuffled)
        return Phase(name, learner, batches, self.budget, valid=valid, stop=self.stop)

    def batches(self, context: Context) -> Batches:
        """Training rows, without what only judges."""
        inputs = tuple(context.task.inputs)
        return context.batches("train", self.batch_size, sampler=self.sampler, columns=inputs)


def encoder_of(context: Context) -> tuple[nn.Module, int]:
    """The recipe's model up to its last features, and how many these are."""
    encoder = context.build(context.model, context.task.inputs, {CODE: code_port(None)})
    return encoder, features(encoder)


def features_port(width: int) -> Mapping[str, Port]:
    """What a second network reads."""
    return {FEATURES: Port("vector", (width,), optional=False)}


class Encoding(nn.Module):
    """An encoder, and a second network that reads its codes and is thrown away in the end."""

    def __init__(self, encoder: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.encoder, self.second = encoder, second

    def forward(self, inputs: Batch) -> dict[str, Tensor]:
        """B rows -> what the second network makes of their codes, float32."""
        given: Batch = {FEATURES: self.codes(inputs)}
        return {name: value.float() for name, value in self.second(given).items()}

    def codes(self, inputs: Batch) -> Tensor:
        """(B, K) float32.

        Raises:
            UsageError: the network gives a row several codes.
        """
        code: Tensor = self.encoder(inputs)[CODE].float()
        if code.ndim != 2 or len(code) != count(inputs):
            raise UsageError(
                f"this model gives codes of shape {tuple(code.shape)} for {count(inputs)} rows, "
                "expected one vector a row. Take a model with members: 1"
            )
        return code


class CodeLearner(Learner):
    """Learns an encoder by what a second network makes of its codes.

    Args:
        module: the encoder with its second network.
        settings: of the descent and the phase.
        context: the run's.
        batches: of the training rows.
        name: of the descent.
    """

    def __init__(
        self,
        module: Encoding,
        settings: CodeSettings,
        context: Context,
        batches: Batches,
        name: str,
    ) -> None:
        super().__init__()
        assert isinstance(context.task, Represent)
        self.module, self.context, self.settings = module, context, settings
        self.task: Represent = context.task
        self.descent = Descent(
            module, settings, settings.budget, steps_per_epoch=batches.steps_per_epoch, name=name
        )

    @abstractmethod
    def asked(self, batch: Batch, *, training: bool) -> Batch:
        """What the loss is taken of, drawn for the present place."""

    @abstractmethod
    def loss(self, module: Encoding, asked: Batch) -> Loss:
        """Each row's loss."""

    @abstractmethod
    def read(self, asked: Batch) -> Batch:
        """What of it the encoder reads."""

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Draw, descend."""
        if not self.module.training:
            self.module.train()
        asked = self.asked(batch, training=True)
        return {"loss": self.descent.minimize(lambda part: self.loss(self.module, part), asked)}

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """The loss on validation rows, drawn alike each time, and what their codes are worth."""
        module = self._whole().eval()
        codes, labels, total, weight = [], [], 0.0, 0.0
        for index, batch in enumerate(batches):
            seed.begin(self.context.seed, "validation", index)
            codes.append(module.codes(select(batch, self.task.inputs)).cpu().numpy())
            labels.append(self._labels(batch))
            if count(batch) > 1:  # one row alone has nothing to be compared with
                loss = self.loss(module, self.asked(batch, training=False))
                total, weight = total + float(loss.sums.sum()), weight + float(loss.weights.sum())
        scores = self.task.watched(np.concatenate(codes), np.concatenate(labels))
        if scores["spread"] < _COLLAPSED and sum(map(len, codes)) > 1:
            say(
                f"the codes have collapsed: all rows have nearly the same (spread "
                f"{scores['spread']:.1e}, at most 1). Take a smaller learning rate, larger "
                "batches, or norm: batch in the model."
            )
        return {"loss": total / weight if weight else float("nan"), **scores}

    def higher_is_better(self, score: str) -> bool:
        """As the task's metric says; spread rises."""
        metrics = self.task.metrics()
        return metrics[score].higher_is_better if score in metrics else score == "spread"

    def finish(self, batches: Iterable[Batch]) -> None:
        """Statistics of BatchNorm are measured anew for averaged weights."""
        self.descent.refresh(
            lambda module, batch: module(self.read(self.asked(batch, training=True))), batches
        )

    def shipped(self) -> nn.Module:
        """The encoder alone."""
        return self._whole().encoder

    def _whole(self) -> Encoding:
        """Averaged weights where there are any."""
        module = self.descent.shipped()
        assert isinstance(module, Encoding)
        return module

    def _labels(self, batch: Batch) -> np.ndarray:
        """(B,) classes that judge, -1 where there are none."""
        if self.task.label is None:
            return np.full(count(batch), -1, np.int64)
        return self.task.known_labels(tensor_of(batch, self.task.label).cpu().numpy())
