"""Deep Q-learning: the value of each choice, learned from replayed experience.

Mnih and others, "Human-level control through deep reinforcement learning", Nature 518, 2015.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from sonde.contracts.learn import Context, Optimizer, Phase
from sonde.contracts.task import Loss
from sonde.core.batch import Batch, tensor_of
from sonde.core.errors import UsageError
from sonde.learn._agents import AgentLearner, ByReward, device_of, meet, seen_by
from sonde.learn._descent import Descent
from sonde.learn.streams.replay import Replay, ReplaySettings
from sonde.tasks.act import ACTION, Act


class Dqn(ByReward):
    """Q-learning with a target network over a replay; for environments with choices.

    A step acts `acts` times in every copy and learns from one batch. Dueling heads are the
    network's: `model: {kind: agent, dueling: true}`.
    """

    optimizer: Optimizer = Field(
        default={"kind": "adam", "learning_rate": 5e-4},
        validate_default=True,
    )
    clip: float | None = Field(10.0, gt=0)
    batch_size: int = Field(64, ge=1)
    replay: int = Field(50_000, ge=100)
    """Steps of experience that are kept."""
    warmup: int = Field(1_000, ge=1)
    """Steps of random actions before learning begins."""
    acts: int = Field(1, ge=1)
    """Actions in every copy between two steps of learning."""
    double: bool = True
    """Choose the next action by today's network, and value it by the target network (van Hasselt,
    Guez, Silver 2016, arXiv:1509.06461)."""
    steps: int = Field(1, ge=1, le=50)
    """Rewards that are counted before an estimate takes over (n-step returns)."""
    prioritised: float = Field(0.0, ge=0, le=1)
    """How far steps the network was wrong about come more often: alpha of Schaul and others 2016;
    0 draws evenly. Their beta rises from 0.4 to 1 over the budget."""
    target_every: int = Field(500, ge=1)
    """Steps between two copies of the weights into the target network."""
    explore: float = Field(0.2, gt=0, le=1)
    """Part of the budget in which actions go from random to `randomness`."""
    randomness: float = Field(0.02, ge=0, le=1)
    """Part of the actions that stay random."""

    def phases(self, context: Context) -> Iterator[Phase]:
        """One phase.

        Raises:
            UsageError: the environment's actions are numbers, or the budget has no steps.
        """
        task, world, renew = self.acting(context)
        if task.acts_in.choices is None:
            raise UsageError(
                f"paradigm dqn chooses among actions; those of {world.title} are numbers. "
                "Take  paradigm: ppo"
            )
        total = self.budget.total_steps(None)
        if total is None:
            raise UsageError("dqn spreads its exploration over the budget; give it steps")
        network = context.build(context.model, task.inputs, task.outputs)
        settings = ReplaySettings(
            size=self.replay,
            copies=self.copies,
            acts=self.acts,
            warmup=self.warmup,
            batch_size=self.batch_size,
            steps=self.steps,
            discount=self.discount,
            power=self.prioritised,
            correction=partial(_between, 0.4, 1.0, total),
            randomness=partial(_between, 1.0, self.randomness, self.explore * total),
            renew=renew,
        )
        replay = Replay(world, task.acts_in, settings, partial(_values, network), context.seed)
        replay.met = partial(_meet, network)
        descent = Descent(network, self, self.budget, name="dqn")
        learner = DqnLearner(task, self, context.seed, network, descent)
        learner.replay = replay
        yield Phase(
            "dqn", learner, replay, self.budget, stop=self.stop, evaluate_every=self.evaluate_every
        )


class DqnLearner(AgentLearner):
    """A network of values, and the older one that its targets come from."""

    replay: Replay
    steps: Tensor

    def __init__(
        self, task: Act, settings: Dqn, key: int, network: nn.Module, descent: Descent
    ) -> None:
        super().__init__(task, settings, key)
        self.rule = settings
        self.network, self.descent = network, descent
        self.target = copy.deepcopy(network).requires_grad_(False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """One batch of replayed steps; what it was wrong about is told to the replay."""
        if self.network.training:  # values are those that are acted by: no dropout
            self.network.eval()
        if int(self.steps) % self.rule.target_every == 0:
            self.target.load_state_dict(self.network.state_dict())
        self.steps += 1
        rows: Batch = {name: value for name, value in batch.items() if name != "#recent"}
        rows["wanted"] = self._wanted(batch)
        errors: list[Tensor] = []
        loss = self.descent.minimize(partial(self._loss, errors), rows)
        self.replay.told(tensor_of(batch, "place"), torch.cat(errors))
        logs = {"loss": loss, "value": tensor_of(rows, "wanted").mean()}
        return logs | ({"return": tensor_of(batch, "#recent")} if "#recent" in batch else {})

    def shipped(self) -> nn.Module:
        """The network of values; averaged weights where there are any."""
        return self.descent.shipped()

    @torch.no_grad()
    def _wanted(self, batch: Batch) -> Tensor:
        """(B,) rewards of n steps, and the discounted value of what came after."""
        after = tensor_of(batch, "after")
        later = seen_by(self.target, after, ACTION)
        chosen = seen_by(self.network, after, ACTION) if self.rule.double else later
        value = later.gather(1, chosen.argmax(dim=1, keepdim=True))[:, 0]
        return tensor_of(batch, "return") + tensor_of(batch, "discount") * value

    def _loss(self, errors: list[Tensor], rows: Batch) -> Loss:
        """The Huber loss of each row, times what undoes uneven draws."""
        values = seen_by(self.network, tensor_of(rows, "observation"), ACTION)
        said = values.gather(1, tensor_of(rows, "action")[:, None])[:, 0]
        wanted = tensor_of(rows, "wanted")
        errors.append((wanted - said).detach())
        each = smooth_l1_loss(said, wanted, reduction="none")
        return Loss(each * tensor_of(rows, "weight"), torch.ones_like(each))


def _values(network: nn.Module, seen: np.ndarray) -> np.ndarray:
    """(n, D) observations -> (n, choices)."""
    with torch.no_grad():
        given = torch.from_numpy(seen).to(device_of(network))
        values: np.ndarray = seen_by(network.eval(), given, ACTION).cpu().numpy()
    return values


def _meet(network: nn.Module, seen: np.ndarray) -> None:
    meet(network, torch.from_numpy(seen).to(device_of(network)))


def _between(start: float, end: float, steps: float, step: int) -> float:
    """From `start` to `end` in a straight line, and then `end`."""
    return start + (end - start) * min(1.0, step / max(1.0, steps))
