"""A generative adversarial network: two descents in one step.

Goodfellow et al., "Generative Adversarial Nets", 2014, arXiv:1406.2661; the generator's loss is the
non-saturating one of section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from sonde import (
    Batch,
    Blueprint,
    Budget,
    Descent,
    DescentSettings,
    Learner,
    Loss,
    Metric,
    Paradigm,
    Phase,
    Port,
    Spec,
    Task,
)
from sonde.contracts.learn import Context
from sonde.contracts.metric import Arrays
from sonde.contracts.task import Judged
from sonde.core import seed
from sonde.core.errors import UsageError

NOISE = 8


class PictureGenerator(Blueprint):
    """Noise in, one picture out."""

    kind: ClassVar[str] = "picture-generator"
    hidden: int = Field(64, ge=1, le=4096)

    @classmethod
    def examples(cls) -> list[PictureGenerator]:
        return []  # makes pictures of noise only

    def build(self, inputs: Mapping[str, Port], outputs: Mapping[str, Port]) -> nn.Module:
        kinds = [port.kind for port in (*inputs.values(), *outputs.values())]
        if kinds != ["vector", "grid"]:
            raise UsageError(f"picture-generator makes one grid of one vector, got ports {kinds}")
        ((noise, source),) = inputs.items()
        ((picture, target),) = outputs.items()
        return _Generator(noise, picture, source.shape[0], self.hidden, target.shape)


class _Generator(nn.Module):
    def __init__(
        self, noise: str, picture: str, width: int, hidden: int, shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.noise, self.picture, self.shape = noise, picture, shape
        size = int(np.prod(shape))
        self.layers = nn.Sequential(
            nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, size)
        )

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """noise (B, D) -> picture (B, C, H, W), logits of the brightness."""
        return {self.picture: self.layers(batch[self.noise]).unflatten(1, self.shape)}


class DrawPictures(Task):
    """Pictures like those of one column; given nothing but a count and a seed."""

    class Options(Spec):
        """What a caller may choose."""

        count: int = Field(4, ge=1, le=10_000)
        seed: int = 0

    picture: str = "image"

    @classmethod
    def examples(cls) -> list[DrawPictures]:
        return []  # needs pictures

    @property
    def inputs(self) -> Mapping[str, Port]:
        return {"noise": Port("vector", (NOISE,))}

    @property
    def outputs(self) -> Mapping[str, Port]:
        return {self.picture: self.columns[self.picture].port}

    @property
    def given(self) -> tuple[str, ...]:
        return ()

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        assert isinstance(options, DrawPictures.Options)
        draw = torch.Generator().manual_seed(options.seed)
        noise = torch.randn(options.count, NOISE, generator=draw)
        return self.read(model({"noise": noise}), options)

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        return {"picture": outputs[self.picture].sigmoid()}

    def answer(self, arrays: Arrays) -> list[dict]:
        pixels = (arrays["picture"] * 255).round().astype(np.uint8)
        return [{self.picture: picture[0].tolist()} for picture in pixels]

    def metrics(self) -> Mapping[str, Metric]:
        return {"mean picture distance": MeanPicture()}

    def judge(self, predictor, chunks, seed: int) -> Judged:
        """As many pictures as there are rows, beside those rows."""
        column = self.columns[self.picture]
        real = np.concatenate([column.encode(chunk).values for chunk in chunks]) / 255
        drawn = predictor.arrays(None, DrawPictures.Options(count=len(real), seed=seed))
        return Judged(drawn, {"picture": real}, np.arange(len(real)))


class MeanPicture(Metric):
    """How far the mean of generated pictures is from the mean of real ones, in [0, 1]."""

    kind: ClassVar[str] = "mean-picture"
    higher_is_better: ClassVar[bool] = False

    @classmethod
    def examples(cls) -> list[MeanPicture]:
        return []  # looks at pictures only

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        gap = (predicted["picture"] - truth["picture"]).reshape(len(truth["picture"]), -1)
        return np.concatenate([gap, np.ones((len(gap), 1))], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        return np.abs(sums[..., :-1] / sums[..., -1:]).mean(axis=-1)


class Gan(Paradigm):
    """A generator and a critic that learn against each other."""

    critic: Blueprint = Field(default="dense", validate_default=True)
    generator_descent: DescentSettings = DescentSettings(precision="float32", average=0.99)
    critic_descent: DescentSettings = DescentSettings(precision="float32", clip=5.0)
    budget: Budget = Budget(epochs=2)
    batch_size: int = Field(32, ge=2)

    def phases(self, context: Context) -> Iterator[Phase]:
        batches = context.batches("train", self.batch_size, sampler=_shuffle())
        learner = _GanLearner(self, context, batches.steps_per_epoch)
        valid = context.batches("valid", 256)
        yield Phase("adversarial", learner, batches, self.budget, valid=valid)


class _GanLearner(Learner):
    def __init__(self, recipe: Gan, context: Context, epoch: int | None) -> None:
        super().__init__()
        task = context.task
        (self.picture,) = task.outputs
        self.generator = context.build(context.model, task.inputs, task.outputs)
        self.critic = context.build(recipe.critic, task.outputs, {"real": Port("scalar")})
        self.generator_descent = Descent(
            self.generator, recipe.generator_descent, recipe.budget,
            steps_per_epoch=epoch, name="generator",
        )  # fmt: skip
        self.critic_descent = Descent(
            self.critic, recipe.critic_descent, recipe.budget, steps_per_epoch=epoch, name="critic"
        )

    def step(self, batch: Batch) -> dict[str, Tensor]:
        self.train()
        real = batch[self.picture].float() / 255
        noise = torch.randn(2, len(real), NOISE, generator=seed.generator("noise"))
        critic = self.critic_descent.minimize(self._critic, {"real": real, "noise": noise[0]})
        generator = self.generator_descent.minimize(self._generator, {"noise": noise[1]})
        return {"loss": generator, "critic": critic}

    def evaluate(self, batches) -> dict[str, float]:
        """How far the mean generated picture is from the mean real one."""
        real = torch.cat([batch[self.picture].float() / 255 for batch in batches])
        generator = self.shipped().eval()
        with torch.no_grad():
            noise = torch.randn(len(real), NOISE, generator=seed.generator("evaluate"))
            drawn = generator({"noise": noise})[self.picture].sigmoid()
        return {"loss": float((real.mean(0) - drawn.mean(0)).abs().mean())}

    def shipped(self) -> nn.Module:
        return self.generator_descent.shipped()

    def _judged(self, pictures: Tensor, real: bool) -> Loss:
        logits = self.critic({self.picture: pictures})["real"]
        goal = torch.full_like(logits, float(real))
        losses = binary_cross_entropy_with_logits(logits, goal, reduction="none")
        return Loss(losses, torch.ones_like(losses))

    def _critic(self, batch: Batch) -> Loss:
        with torch.no_grad():
            drawn = self.generator({"noise": batch["noise"]})[self.picture].sigmoid()
        real, fake = self._judged(batch["real"], True), self._judged(drawn, False)
        return Loss(real.sums + fake.sums, real.weights)

    def _generator(self, batch: Batch) -> Loss:
        drawn = self.generator({"noise": batch["noise"]})[self.picture].sigmoid()
        return self._judged(drawn, True)


def _shuffle():
    from sonde.data.samplers.shuffle import Shuffle

    return Shuffle()
