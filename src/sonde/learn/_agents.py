"""What ways of learning by reward share: their world, how they are watched, what they ship."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from sonde.contracts.data import World
from sonde.contracts.learn import Budget, Context, Exactness, Paradigm, Stop
from sonde.contracts.learner import Learner
from sonde.core import seed
from sonde.core.batch import Batch, tensor_of
from sonde.core.errors import DataError, UsageError
from sonde.core.notice import tell
from sonde.data.acting import repeats_itself
from sonde.learn._descent import DescentSettings
from sonde.nets.blocks.agent import AgentNetwork
from sonde.tasks.act import OBSERVATION, Act, ActOptions


class ByReward(DescentSettings, Paradigm):
    """Options of every way of learning by reward."""

    budget: Budget = Budget(steps=1000)
    copies: int = Field(8, ge=1, le=1024)
    """Environments side by side."""
    discount: float = Field(0.99, gt=0, le=1)
    """What a reward is worth one step later."""
    evaluate_every: int | None = Field(None, ge=1)
    """Steps between evaluations, each of the same episodes, which are neither trained nor judged
    on."""
    evaluate_episodes: int = Field(10, ge=1)
    stop: Stop | None = None
    """Keep the weights of the best evaluation, and end when patience is out."""
    repeatable: bool = True
    """Whether an environment's seed and the actions decide all it shows. A resume is exact then:
    the actions of the running episodes are taken again."""

    @model_validator(mode="after")
    def _stops_by_something(self) -> Self:
        if self.stop and self.evaluate_every is None:
            raise ValueError("stop needs evaluations; give evaluate_every, such as 20")
        return self

    @property
    def exactness(self) -> Exactness:
        """Bits, unless a clock decides, or the environment does not repeat itself."""
        return "bits" if self.repeatable and not self.budget.seconds else "statistical"

    def acting(self, context: Context) -> tuple[Act, World, bool]:
        """The task, its world, and whether each episode needs an environment made for it alone.

        Raises:
            UsageError: the task is another, or the source is another world.
            DataError: the world does not repeat itself, and `repeatable` says so.
        """
        task, source = context.task, context.source
        if not isinstance(task, Act):
            raise UsageError(f"paradigm {self.kind} learns by acting, got the task {task.kind!r}. "
                             "Take  task: {kind: act, world: CartPole-v1}")  # fmt: skip
        if not isinstance(source, World) or source != task.world:
            raise UsageError(
                f"the task acts in {task.world.title!r}, but the source is another. "
                "Write the same environment in  source  and in  task: world"
            )
        return task, source, self.repeatable and _renewed(source, seed.key(context.seed, "repeat"))


def _renewed(world: World, key: int) -> bool:
    """Whether an environment repeats itself only where every episode has one made for it alone.

    Raises:
        DataError: it does not even so.
    """
    if repeats_itself(world, key):
        return False
    if not repeats_itself(world, key, renew=True):
        raise DataError(
            f"environment {world.title} gave other observations for the same seed and the same "
            "actions, so that no resume is exact. Say  repeatable: false  to train so."
        )
    tell(f"{world.title} carries something over from one episode to the next, so that each is "
         "played in an environment made anew")  # fmt: skip
    return True


class AgentLearner(Learner):
    """A learner whose policy is watched by playing."""

    def __init__(self, task: Act, settings: ByReward, key: int) -> None:
        super().__init__()
        self.task, self.settings = task, settings
        self._key = seed.key(key, "evaluate")

    @property
    def main_score(self) -> str:
        """The mean return."""
        return "return"

    def evaluate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """The mean return and length of the same episodes every time."""
        policy = self.shipped().eval()
        asked = ActOptions(episodes=self.settings.evaluate_episodes, seed=self._key)
        played = self.task.played(policy, asked)
        means = {name: tensor_of(played, name).double().mean() for name in ("return", "length")}
        return {name: float(mean) for name, mean in means.items()}


def meet(network: nn.Module, observations: Tensor) -> None:
    """Let every norm of observations in a network take in (B, D) of them."""
    for module in network.modules():
        if isinstance(module, AgentNetwork):
            module.meet({OBSERVATION: observations})


def seen_by(network: nn.Module, observations: Tensor, name: str) -> Tensor:
    """An output of a network for (B, D) observations, float32."""
    found: Tensor = network({OBSERVATION: observations})[name].float()
    return found


def device_of(network: nn.Module) -> torch.device:
    """Where its weights are."""
    return next(network.parameters()).device
