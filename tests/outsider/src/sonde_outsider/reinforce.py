"""CartPole by policy gradient: batches made by the current policy.

Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement
learning", 1992, equation 11, with the mean return as baseline. Each batch plays whole episodes from
seeds of its own, so a resume is exact although no environment is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sonde import (
    Batch,
    Budget,
    Column,
    Descent,
    DescentSettings,
    Encoded,
    Learner,
    Loss,
    Metric,
    Paradigm,
    Phase,
    Port,
    Spec,
    Task,
    World,
)
from sonde.contracts.learn import Context, Exactness
from sonde.contracts.metric import Arrays
from sonde.contracts.task import Judged
from sonde.core import seed as seeds

Policy = Callable[[np.ndarray], np.ndarray]


class Numbers(Column):
    """A list of numbers as it is, such as an observation."""

    learns: ClassVar[bool] = False
    width: int = Field(4, ge=1)

    @classmethod
    def examples(cls) -> list[Numbers]:
        return [cls(width=3)]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        values = np.random.default_rng(seed).normal(size=(rows, 3)).astype(np.float32)
        return pa.array(values.tolist(), pa.list_(pa.float32()))

    @property
    def port(self) -> Port:
        return Port("vector", (self.width,))

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Numbers:
        return self

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        flat = rows.column(self.reads[0]).flatten().to_numpy(zero_copy_only=False)
        return Encoded(flat.astype(np.float32).reshape(-1, self.width))

    def decode(self, arrays: np.ndarray) -> list[list[float]]:
        return arrays.tolist()


class Act(Task):
    """Choose one of a few actions; scored by acting."""

    world: World
    actions: int = Field(2, ge=2)
    observation: str = "observation"
    episodes: int = Field(5, ge=1)

    @classmethod
    def examples(cls) -> list[Act]:
        return []  # needs a world

    @property
    def outputs(self) -> Mapping[str, Port]:
        return {"action": Port("category", size=self.actions)}

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        return {"action": outputs["action"].argmax(dim=1)}

    def answer(self, arrays: Arrays) -> list[dict]:
        return [{"action": int(action)} for action in arrays["action"]]

    def metrics(self) -> Mapping[str, Metric]:
        return {"return": MeanReturn()}

    def judge(self, predictor, chunks, seed: int) -> Judged:
        def policy(seen: np.ndarray) -> np.ndarray:
            rows = pa.RecordBatch.from_pydict({self.observation: seen.tolist()})
            return predictor.arrays(rows)["action"]

        *_, rewards, owners = play(self.world, policy, self.episodes, seed)
        returns = np.bincount(owners, rewards, minlength=self.episodes)
        return Judged({"return": returns}, {"return": returns}, np.arange(self.episodes))


class MeanReturn(Metric):
    """Mean sum of rewards over episodes."""

    kind: ClassVar[str] = "mean-return"

    @classmethod
    def examples(cls) -> list[MeanReturn]:
        return []  # looks at episodes only

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        returns = predicted["return"].astype(float)
        return np.stack([returns, np.ones_like(returns)], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        return sums[..., 0] / sums[..., 1]


class Reinforce(Paradigm):
    """Policy gradient over whole episodes."""

    descent: DescentSettings = DescentSettings(
        optimizer={"kind": "adam", "learning_rate": 0.01}, precision="float32"
    )
    budget: Budget = Budget(steps=30)
    episodes: int = Field(4, ge=1)
    discount: float = Field(0.99, gt=0, le=1)

    @property
    def exactness(self) -> Exactness:
        return "bits"

    def phases(self, context: Context) -> Iterator[Phase]:
        network = context.build(context.model, context.task.inputs, context.task.outputs)
        learner = _PolicyLearner(network, Descent(network, self.descent, self.budget))
        batches = _Episodes(self, context, learner)
        yield Phase("reinforce", learner, batches, self.budget, evaluate_every=10)


class _PolicyLearner(Learner):
    def __init__(self, network: nn.Module, descent: Descent) -> None:
        super().__init__()
        self.network, self.descent = network, descent

    def step(self, batch: Batch) -> dict[str, Tensor]:
        self.network.train()
        length = len(batch["return"]) / (1 + int(batch["episode"].max()))
        return {"loss": self.descent.minimize(self._loss, batch), "length": torch.tensor(length)}

    def _loss(self, batch: Batch) -> Loss:
        logits = self.network(batch)["action"].float()
        surprise = cross_entropy(logits, batch["action"], reduction="none")
        return Loss(surprise * batch["return"], torch.ones_like(surprise))

    def shipped(self) -> nn.Module:
        return self.network


class _Episodes:
    """Batches of whole episodes, played by the network as it is when they are asked for."""

    steps_per_epoch = None

    def __init__(self, recipe: Reinforce, context: Context, learner: _PolicyLearner) -> None:
        self._recipe, self._context, self._learner = recipe, context, learner
        self._step = 0

    def seek(self, step: int) -> None:
        self._step = step

    def state(self) -> dict:
        return {}

    def restore(self, state: dict) -> None:
        pass

    def __iter__(self) -> Iterator[Batch]:
        step = self._step
        (name,) = self._context.task.inputs
        while True:
            key = seeds.key(self._context.seed, "episodes", step) % 2**31
            draw = seeds.generator("actions")
            network = self._learner.network.eval()

            def policy(seen: np.ndarray, network=network, draw=draw) -> np.ndarray:
                with torch.no_grad():
                    logits = network({name: torch.from_numpy(seen)})["action"].float()
                return torch.multinomial(logits.softmax(1), 1, generator=draw)[:, 0].numpy()

            world = self._context.source
            assert isinstance(world, World)
            seen, actions, rewards, owners = play(world, policy, self._recipe.episodes, key)
            gains = _returns(rewards, owners, self._recipe.discount)
            yield {
                name: torch.from_numpy(seen),
                "action": torch.from_numpy(actions),
                "return": torch.from_numpy((gains - gains.mean()) / (gains.std() + 1e-6)).float(),
                "episode": torch.from_numpy(owners),
            }
            step += 1


def play(
    world: World, policy: Policy, episodes: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Whole episodes side by side.

    Returns:
        observations (N, D) float32, actions (N,) int64, rewards (N,), episode (N,) int64.
    """
    envs = world.make(episodes, seed)
    seen, _ = envs.reset(seed=seed)
    alive = np.ones(episodes, bool)
    steps = []
    while alive.any():
        chosen = policy(seen.astype(np.float32))
        after, rewards, ended, cut, _ = envs.step(chosen)
        at = np.flatnonzero(alive)
        steps.append((seen[at], chosen[at], rewards[at], at))
        alive &= ~(ended | cut)
        seen = after
    envs.close()
    observations, actions, rewards, owners = (
        np.concatenate(part) for part in zip(*steps, strict=True)
    )
    return observations.astype(np.float32), actions.astype(np.int64), rewards, owners


def _returns(rewards: np.ndarray, owners: np.ndarray, discount: float) -> np.ndarray:
    """(N,) discounted sums of the rewards from each step to its episode's end."""
    gains, after = np.zeros(len(rewards)), np.zeros(owners.max() + 1)
    for step in range(len(rewards) - 1, -1, -1):
        after[owners[step]] = gains[step] = rewards[step] + discount * after[owners[step]]
    return gains
