"""Adversarial learning: a generator draws, a critic tells drawn from real, each learns from both.

Goodfellow et al., "Generative Adversarial Nets", 2014, arXiv:1406.2661, algorithm 1. Both descend
in one step, each by settings of its own (two learning rates: Heusel et al. 2017, arXiv:1706.08500);
what ships is an average of the generator's weights over its steps (Yazıcı, Foo, Winkler, Yap,
Piliouras, Chandrasekhar, "The Unusual Effectiveness of Averaging in GAN Training", 2019,
arXiv:1806.04498).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from sonde.contracts.learn import Batches, Budget, Context, Exactness, Optimizer, Paradigm, Phase
from sonde.contracts.learner import Learner
from sonde.contracts.model import Blueprint
from sonde.contracts.task import Loss
from sonde.core import seed
from sonde.core.batch import Batch, count, mapped, part, tensor_of
from sonde.core.code import NOISE
from sonde.core.errors import UsageError
from sonde.core.picture import sheet
from sonde.core.port import ROW, Port, Ports
from sonde.data.samplers.shuffle import Shuffle
from sonde.learn import _adversarial_losses as losses
from sonde.learn._collapse import Watch, spreads
from sonde.learn._descent import Descent, DescentSettings
from sonde.tasks._manifolds import nearest
from sonde.tasks._noise import noise
from sonde.tasks.generate import Generate, as_pixels

REAL = "real"
"""The critic's output: how real a picture looks."""
_LOOKED_AT = 1000
"""Rows that an evaluation compares."""
_ACROSS, _DOWN = 10, 8
"""Of the sheet that is shown."""


class GeneratorDescent(DescentSettings):
    """How the generator follows its gradient: the DCGAN paper's Adam, averaged."""

    optimizer: Optimizer = Field(
        default={"kind": "adam", "learning_rate": 2e-4, "betas": (0.5, 0.999)},
        validate_default=True,
    )
    average: float | None = Field(0.999, gt=0, lt=1)
    """Decay of an exponential average of the weights, which is then what is judged and shipped."""


class CriticDescent(DescentSettings):
    """How the critic follows its gradient."""

    optimizer: Optimizer = Field(
        default={"kind": "adam", "learning_rate": 2e-4, "betas": (0.5, 0.999)},
        validate_default=True,
    )

    @model_validator(mode="after")
    def _is_never_judged(self) -> Self:
        if self.average or self.snapshots:
            raise ValueError("the critic is not shipped; average the weights of generator_descent")
        return self


class Adversarial(Paradigm):
    """The recipe's model draws, and a critic judges what it draws."""

    loss: losses.Kind = "hinge"
    """standard: as probabilities; hinge: only where the critic is not yet sure; wasserstein: the
    difference of mean scores, under a penalty on the critic's slope."""
    critic: Blueprint = Field(default="critic", validate_default=True)
    """It reads a picture, in [-1, 1], and the condition; its output is one number."""
    generator_descent: GeneratorDescent = GeneratorDescent()
    critic_descent: CriticDescent = CriticDescent()
    critic_steps: int | None = Field(None, ge=1, le=1000)
    """Steps of the critic for each of the generator's, each on real rows of its own; None is 5
    for wasserstein, else 1."""
    penalty: float = Field(10.0, ge=0)
    """What the critic's slope counts for, in wasserstein."""
    budget: Budget = Budget(epochs=20)
    batch_size: int = Field(64, ge=2)
    """Real rows, and drawn ones, in a step of the critic."""
    evaluate_every: int | None = Field(None, ge=1)
    """Steps between looks at drawn pictures; None is once an epoch."""

    @model_validator(mode="before")
    @classmethod
    def _no_norm_beside_a_penalty(cls, given: Any) -> Any:
        """The penalty keeps slopes; a spectral norm besides would keep them below it."""
        plain = isinstance(given, Mapping) and given.get("loss") == "wasserstein"
        if plain and "critic" not in given:
            return {**given, "critic": {"kind": "critic", "spectral": False}}
        return given

    @property
    def exactness(self) -> Exactness:
        """Bits; but where the clock decides how many steps there are, no two runs are equal."""
        return "statistical" if self.budget.seconds else "bits"

    @property
    def steps_of_critic(self) -> int:
        """For each of the generator's."""
        return self.critic_steps or (5 if self.loss == "wasserstein" else 1)

    def phases(self, context: Context) -> Iterator[Phase]:
        """One phase.

        Raises:
            UsageError: the task draws nothing.
        """
        task = context.task
        if not isinstance(task, Generate):
            raise UsageError(
                f"paradigm adversarial learns to draw pictures, got the task {task.kind!r}. "
                "Take  task: generate, or another paradigm."
            )
        rows = self.batch_size * self.steps_of_critic
        batches = context.batches("train", rows, sampler=Shuffle())
        # shuffled, since only the first rows are looked at; training rows stand in where none are
        # kept, for they are compared with as a set and no row has an answer of its own
        looked = context.batches(
            "valid" if context.num_rows("valid") else "train", _LOOKED_AT, sampler=Shuffle()
        )
        generator = context.build(context.model, task.inputs, task.outputs)
        critic = context.build(self.critic, _shown_to_critic(task), {REAL: Port("scalar")})
        learner = AdversarialLearner(self, context, generator, critic, batches)
        yield Phase(
            "adversarial", learner, batches, self.budget,
            valid=looked, evaluate_every=self.evaluate_every,
        )  # fmt: skip


class AdversarialLearner(Learner):
    """A generator and a critic, a descent each, and a watch over both."""

    def __init__(
        self,
        settings: Adversarial,
        context: Context,
        generator: nn.Module,
        critic: nn.Module,
        batches: Batches,
    ) -> None:
        super().__init__()
        assert isinstance(context.task, Generate)
        self.task, self.settings, self.context = context.task, settings, context
        self.generator, self.critic = generator, critic
        self.generator_descent = Descent(
            generator, settings.generator_descent, settings.budget,
            steps_per_epoch=batches.steps_per_epoch, name="generator",
        )  # fmt: skip
        self.critic_descent = Descent(
            critic, settings.critic_descent, _longer(settings.budget, settings.steps_of_critic),
            steps_per_epoch=batches.steps_per_epoch, name="critic",
        )  # fmt: skip
        self.watch = Watch(context.device)
        self._learns = [weight for weight in critic.parameters() if weight.requires_grad]
        self._scores: list[tuple[Tensor, Tensor]] = []  # of the step at hand

    @property
    def main_score(self) -> str:
        """How far real pictures are from the nearest drawn one: few and bad ones both raise it."""
        return "nearest drawn"

    def higher_is_better(self, score: str) -> bool:
        """Distances are to be small; drawn pictures as far apart as real ones."""
        return score == "spread"

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """The critic's steps, each on rows of its own, then one of the generator."""
        if not (self.generator.training and self.critic.training):
            self.train()
        rows = self._rows(self.context.augment(batch))
        draw = seed.generator("noise", self.context.device)
        total = count(rows)
        times = min(self.settings.steps_of_critic, max(1, total // self.settings.batch_size))
        size = -(-total // times)
        for start in range(0, total, size):
            given = self._with_noise(part(rows, start, start + size), draw)
            criticised = self.critic_descent.minimize(self._criticise, given)
        self._look()
        first = self._with_noise(part(rows, 0, size), draw)
        del first[REAL]
        for weight in self._learns:  # they are not what this gradient is for
            weight.requires_grad_(False)
        drawn = self.generator_descent.minimize(self._draw, first)
        for weight in self._learns:
            weight.requires_grad_(True)
        return {"loss": drawn, "critic": criticised}

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Of up to 1,000 rows, by pixels: they need no classifier, and see no more than pixels.

        `nearest drawn`, `nearest real`: mean distance of a real picture to the nearest drawn one,
        and the other way, as roots of mean squares of intensities in [0, 1]. `spread`: drawn
        pictures' mean distance from one another, as part of that of real ones.
        """
        rows = self._known(self._rows(next(iter(batches))))
        real = _flat(((tensor_of(rows, REAL) + 1) / 2).cpu().numpy())
        told = self._told(rows)
        drawn = _flat(self._pictures(len(real), told))
        classes = self._masks(told)
        found = spreads(drawn, real, classes)
        self.watch.pictures(found)
        pixels = real.shape[1] ** 0.5
        return {
            "nearest drawn": float(nearest(real, drawn)[1].mean() / pixels),
            "nearest real": float(nearest(drawn, real)[1].mean() / pixels),
            "spread": found.whole,
        }

    @torch.no_grad()
    def shown(self) -> Mapping[str, np.ndarray]:
        """Samples from the same noise every time; with a condition a column for each class."""
        classes = min(_ACROSS, len(self.task.classes))
        across = classes or _ACROSS
        told: Batch = {}
        if self.task.condition is not None:
            turns = torch.arange(across * _DOWN, device=self.context.device) % classes
            told[self.task.condition] = turns
        pixels = as_pixels(self._pictures(across * _DOWN, told))
        return {"samples": sheet(self.task.columns[self.task.drawn].decode(pixels), across)}

    def shipped(self) -> nn.Module:
        """The generator: averaged weights where there are any."""
        return self.generator_descent.shipped()

    def finish(self, batches: Iterable[Batch]) -> None:
        """Statistics of BatchNorm are measured anew for averaged snapshots."""
        self.generator_descent.refresh(self._pass, batches)

    def _pass(self, network: nn.Module, batch: Batch) -> None:
        draw = seed.generator("noise", self.context.device)
        given = self._with_noise(self._rows(batch), draw)
        network({name: given[name] for name in self.task.inputs})

    def _criticise(self, batch: Batch) -> Loss:
        """What telling real from drawn rows costs the critic."""
        real, told = tensor_of(batch, REAL), self._told(batch)
        with torch.no_grad():
            drawn = self.task.tones(self.generator({NOISE: batch[NOISE], **told}))
        twice = {n: torch.cat([tensor_of(told, n)] * 2) for n in told}
        on_real, on_drawn = self._asked(torch.cat([real, drawn]), {**twice}).chunk(2)
        self._scores.append((on_real.detach(), on_drawn.detach()))
        kind = self.settings.loss
        rows = losses.of_critic(kind, on_real, on_drawn)
        if kind == "wasserstein" and self.settings.penalty:
            share = torch.rand(len(real), device=real.device)  # of the descent's place
            with torch.autocast(real.device.type, enabled=False):  # a slope of a slope
                slope = losses.gradient_penalty(
                    lambda pictures: self._asked(pictures, told), real, drawn, share
                )
            rows = rows + self.settings.penalty * slope
        return Loss(rows, torch.ones_like(rows))

    def _draw(self, batch: Batch) -> Loss:
        """What not being taken for real costs the generator."""
        told = self._told(batch)
        drawn = self.task.tones(self.generator({NOISE: batch[NOISE], **told}))
        rows = losses.of_generator(self.settings.loss, self._asked(drawn, told))
        return Loss(rows, torch.ones_like(rows))

    def _asked(self, pictures: Tensor, told: Batch) -> Tensor:
        """(N,) float32: the critic's scores."""
        score: Tensor = self.critic({self.task.drawn: pictures, **told})[REAL]
        return score.float()

    def _look(self) -> None:
        real, drawn = (torch.cat(scores) for scores in zip(*self._scores, strict=True))
        self._scores.clear()
        self.watch.step(losses.sure(self.settings.loss, real, drawn), torch.cat([real, drawn]))

    def _rows(self, batch: Batch) -> Batch:
        """Real pictures as the critic sees them, their condition, their numbers."""
        kept: Batch = {REAL: self.task.real_tones(batch)}
        if self.task.condition is not None:
            kept[self.task.condition] = tensor_of(batch, self.task.condition).long()
        return kept | ({ROW: batch[ROW]} if ROW in batch else {})

    def _told(self, batch: Batch) -> Batch:
        name = self.task.condition
        return {} if name is None else {name: batch[name]}

    def _with_noise(self, batch: Batch, draw: torch.Generator) -> Batch:
        shape = (count(batch), self.task.noise)
        return {**batch, NOISE: torch.randn(shape, generator=draw, device=draw.device)}

    def _known(self, rows: Batch) -> Batch:
        """Without rows of a class that was never trained on."""
        if self.task.condition is None:
            return rows
        known = tensor_of(rows, self.task.condition) < len(self.task.classes)
        return mapped(rows, lambda tensor: tensor[known])

    def _masks(self, told: Batch) -> dict[str, np.ndarray]:
        """By class, which rows are of it."""
        if self.task.condition is None:
            return {}
        index = tensor_of(told, self.task.condition).cpu().numpy()
        return {name: index == place for place, name in enumerate(self.task.classes)}

    def _pictures(self, number: int, told: Batch) -> np.ndarray:
        """(N, C, H, W) float32 in [0, 1], from the same noise every time."""
        drawn = torch.from_numpy(noise(self.context.seed, 0, number, self.task.noise))
        network = self.shipped().eval()
        outputs = network({NOISE: drawn.to(self.context.device), **told})
        read = self.task.read(outputs, self.task.Options())
        found: np.ndarray = tensor_of(read, "picture").cpu().numpy()
        return found


def _shown_to_critic(task: Generate) -> Ports:
    """The picture, and what it is said to show."""
    told = {name: port for name, port in task.inputs.items() if name != NOISE}
    return {**task.outputs, **told}


def _longer(budget: Budget, times: int) -> Budget:
    """The budget in steps of a descent that takes several in each."""
    steps = None if budget.steps is None else budget.steps * times
    epochs = None if budget.epochs is None else budget.epochs * times
    return Budget(steps=steps, epochs=epochs, seconds=budget.seconds)


def _flat(pictures: np.ndarray) -> np.ndarray:
    """(N, ...) -> (N, values)."""
    flat: np.ndarray = pictures.reshape(len(pictures), -1)
    return flat
