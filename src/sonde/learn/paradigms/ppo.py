"""Proximal policy optimisation: a policy moves towards what went better than expected, not far.

Schulman, Wolski, Dhariwal, Radford, Klimov, "Proximal policy optimization algorithms", 2017,
arXiv:1707.06347; advantages as in Schulman and others 2016, arXiv:1506.02438.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from sonde.contracts.learn import Budget, Context, Optimizer, Phase, Schedule
from sonde.contracts.task import Loss
from sonde.core import seed
from sonde.core.batch import Batch, mapped, tensor_of
from sonde.core.port import Port
from sonde.data.spaces import Spaces
from sonde.learn._agents import AgentLearner, ByReward, device_of, meet, seen_by
from sonde.learn._descent import Descent
from sonde.learn.streams._returns import advantages
from sonde.learn.streams.rollouts import Rollouts, RolloutSettings
from sonde.tasks.act import ACTION, Act

_VALUE = "value"


class Ppo(ByReward):
    """A policy and a critic over fresh rollouts; for choices and for actions that are numbers.

    A step acts `length` times in every copy, and learns from that in `passes` passes.
    """

    optimizer: Optimizer = Field(
        default={"kind": "adam", "learning_rate": 3e-4, "eps": 1e-5},
        validate_default=True,
    )
    schedule: Schedule = Field(
        default={"kind": "polynomial"},
        validate_default=True,
    )
    clip: float | None = Field(0.5, gt=0)
    length: int = Field(128, ge=2)
    """Steps of every copy in a rollout."""
    passes: int = Field(4, ge=1)
    """How often a rollout is gone through."""
    batch_size: int = Field(256, ge=2)
    """Rows of a rollout that are learned from at once."""
    trace: float = Field(0.95, ge=0, le=1)
    """Lambda of the advantages: 0 trusts the critic, 1 the rewards."""
    reach: float = Field(0.2, gt=0, lt=1)
    """How far the probability of an action may move, as a part of it (epsilon of equation 7)."""
    value_weight: float = Field(0.5, ge=0)
    """What the critic's squared error counts for."""
    entropy: float = Field(0.0, ge=0)
    """What the policy's entropy counts for: keeps it trying."""
    scale_rewards: bool = True
    """Whether rewards are divided by the deviation of their discounted sums."""
    deviation: float = Field(0.6, gt=0)
    """Of actions that are numbers, at the start; 1 is half of their range."""
    furthest: float | None = Field(None, gt=0)
    """Kullback-Leibler divergence from the acting policy beyond which a rollout is left."""

    def phases(self, context: Context) -> Iterator[Phase]:
        """One phase."""
        task, world, renew = self.acting(context)
        actor = context.build(context.model, task.inputs, task.outputs)
        critic = context.build(context.model, task.inputs, {_VALUE: Port("scalar")})
        both = ActorCritic(actor, critic, task.acts_in, self.deviation).to(context.device)
        settings = RolloutSettings(
            self.copies, self.length, self.discount, self.scale_rewards, renew
        )
        rollouts = Rollouts(world, task.acts_in, settings, both.sample, context.seed)
        descent = Descent(both, self, self._descents(), name="ppo")
        yield Phase(
            "ppo",
            PpoLearner(task, self, context.seed, both, descent),
            rollouts,
            self.budget,
            stop=self.stop,
            evaluate_every=self.evaluate_every,
        )

    def _descents(self) -> Budget:
        """The budget in steps of the descent: several for each rollout."""
        each = self.passes * -(-self.copies * self.length // self.batch_size)
        steps = self.budget.total_steps(None)
        return Budget(steps=steps and steps * each, seconds=self.budget.seconds)


class ActorCritic(nn.Module):
    """A policy, and a critic that says what a state is worth.

    Where actions are numbers, the policy is normal about the actor's output with one deviation for
    each number; where they are choices, the actor gives their logits.
    """

    def __init__(
        self, actor: nn.Module, critic: nn.Module, spaces: Spaces, deviation: float
    ) -> None:
        super().__init__()
        self.actor, self.critic = actor, critic
        self.discrete = spaces.choices is not None
        width = 0 if self.discrete else len(spaces.centre)
        start = torch.full((width,), float(np.log(deviation)))
        self.log_deviation = nn.Parameter(start, requires_grad=not self.discrete)
        last = [layer for layer in actor.modules() if isinstance(layer, nn.Linear)][-1]
        with torch.no_grad():  # all actions are equally likely at first
            last.weight.mul_(0.01)

    def value(self, seen: Tensor) -> Tensor:
        """(B, D) observations -> (B,)."""
        return seen_by(self.critic, seen, _VALUE)

    def judged(self, seen: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) each: the log probability of the actions, and the policy's entropy."""
        policy = self._policy(seen_by(self.actor, seen, ACTION))
        said, entropy = policy.log_prob(action), policy.entropy()
        return (said, entropy) if self.discrete else (said.sum(dim=1), entropy.sum(dim=1))

    @torch.no_grad()
    def sample(self, seen: np.ndarray, draw: torch.Generator) -> np.ndarray:
        """Actions drawn from the policy; drawn on the host, so that every device draws alike."""
        given = torch.from_numpy(seen).to(device_of(self))
        output = seen_by(self.actor.eval(), given, ACTION).cpu()
        if self.discrete:
            return torch.multinomial(output.softmax(dim=1), 1, generator=draw)[:, 0].numpy()
        noise = torch.randn(output.shape, generator=draw)
        return (output + self.log_deviation.cpu().exp() * noise).numpy()

    def _policy(self, output: Tensor) -> torch.distributions.Distribution:
        if self.discrete:
            return torch.distributions.Categorical(logits=output, validate_args=False)
        deviation = self.log_deviation.exp().expand_as(output)
        return torch.distributions.Normal(output, deviation, validate_args=False)


class PpoLearner(AgentLearner):
    """Policy and critic, and their descent."""

    def __init__(
        self, task: Act, settings: Ppo, key: int, network: ActorCritic, descent: Descent
    ) -> None:
        super().__init__(task, settings, key)
        self.rule = settings
        self.network, self.descent = network, descent

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Learn from one rollout, then take its observations into the norms."""
        self.network.eval()  # what acts is what learns: without dropout the first ratio is 1
        rows = self.rows(batch)
        told: list[tuple[Tensor, Tensor]] = []
        losses = []
        for number in range(self.rule.passes):
            draw = seed.generator(f"pass {number}")
            order = torch.randperm(len(tensor_of(rows, "old")), generator=draw)
            order = order.to(self.network.log_deviation.device)
            for some in torch.split(order, self.rule.batch_size):
                chosen = mapped(rows, lambda tensor, some=some: tensor[some])  # type: ignore[misc]
                losses.append(self.descent.minimize(partial(self._loss, told), chosen))
            if self.rule.furthest and float(told[-1][0]) > self.rule.furthest:
                break
        meet(self.network, tensor_of(rows, "observation"))
        logs = {"loss": torch.stack(losses).mean(), "divergence": told[-1][0],
                "clipped": torch.stack([clipped for _, clipped in told]).mean()}  # fmt: skip
        return logs | ({"return": tensor_of(batch, "#recent")} if "#recent" in batch else {})

    def shipped(self) -> nn.Module:
        """The policy; averaged weights where there are any."""
        both = self.descent.shipped()
        assert isinstance(both, ActorCritic)
        return both.actor

    @torch.no_grad()
    def rows(self, batch: Batch) -> Batch:
        """A rollout as T * n rows with what the acting policy and its critic say of them."""
        seen, after = tensor_of(batch, "observation"), tensor_of(batch, "after")
        ended, cut = tensor_of(batch, "ended"), tensor_of(batch, "cut")
        values = self.network.value(seen.flatten(0, 1)).reshape(ended.shape)
        later = torch.cat([values[1:], self.network.value(after[-1])[None]])
        if cut.any():
            later[cut] = self.network.value(after[cut])
        later = torch.where(ended, 0.0, later)
        plain = (tensor_of(batch, "reward"), values, later, ended | cut)
        gains = advantages(
            *(tensor.cpu().numpy() for tensor in plain),
            discount=self.rule.discount,
            trace=self.rule.trace,
        )
        gain = torch.from_numpy(gains).to(values)
        action = tensor_of(batch, "action").flatten(0, 1)
        return {
            "observation": seen.flatten(0, 1),
            "action": action,
            "old": self.network.judged(seen.flatten(0, 1), action)[0],
            "advantage": ((gain - gain.mean()) / (gain.std() + 1e-8)).flatten(),
            "return": (gain + values).flatten(),
        }

    def _loss(self, told: list[tuple[Tensor, Tensor]], rows: Batch) -> Loss:
        """Equation 9, each row's."""
        seen, advantage = tensor_of(rows, "observation"), tensor_of(rows, "advantage")
        now, entropy = self.network.judged(seen, tensor_of(rows, "action"))
        moved = now - tensor_of(rows, "old")
        ratio, reach = moved.exp(), self.rule.reach
        kept = ratio.clamp(1 - reach, 1 + reach)
        gain = torch.minimum(ratio * advantage, kept * advantage)
        error = (self.network.value(seen) - tensor_of(rows, "return")).square()
        with torch.no_grad():  # the divergence as in Schulman's note of 2020: r - 1 - log r
            told.append(((ratio - 1 - moved).mean(), (ratio != kept).float().mean()))
        each = -gain + self.rule.value_weight * error - self.rule.entropy * entropy
        return Loss(each, torch.ones_like(each))
