"""Replay: act a little with today's network, keep what happened, and learn from draws of it.

Lin, "Self-improving reactive agents based on reinforcement learning, planning and teaching", 1992;
drawn evenly or by priority (Schaul, Quan, Antonoglou, Silver 2016, arXiv:1511.05952).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sonde.contracts.data import World
from sonde.contracts.learn import State
from sonde.core import seed as seeds
from sonde.core.batch import Batch
from sonde.data.acting import Copies
from sonde.data.spaces import Spaces
from sonde.learn.streams._returns import n_step
from sonde.learn.streams._running import taken_up
from sonde.learn.streams._sum_tree import SumTree

Values = Callable[[np.ndarray], np.ndarray]
"""(n, ...) observations -> (n, choices) values of the choices."""


@dataclass(frozen=True)
class ReplaySettings:
    """How experience is gathered, kept and drawn.

    Attributes:
        size: steps that are kept.
        copies: environments side by side.
        acts: actions in each of them between two batches.
        warmup: steps of random actions before the first batch.
        batch_size: rows drawn.
        steps: n of the n-step returns.
        discount: gamma in (0, 1].
        power: alpha of prioritised draws; 0 draws evenly.
        correction: step -> beta, how far the weights undo that draws were uneven.
        randomness: step -> epsilon, how often an action is random.
        renew: whether every episode has an environment of its own.
    """

    size: int
    copies: int
    acts: int
    warmup: int
    batch_size: int
    steps: int
    discount: float
    power: float
    correction: Callable[[int], float]
    randomness: Callable[[int], float]
    renew: bool = False


class Replay:
    """Batches of `observation`, `action`, `return`, `after`, `discount`, `weight` and `place`."""

    steps_per_epoch: int | None = None

    def __init__(
        self, world: World, spaces: Spaces, settings: ReplaySettings, values: Values, seed: int
    ) -> None:
        self._world, self._spaces, self._settings, self._values = world, spaces, settings, values
        self._seed = seed
        self._rows = -(-settings.size // settings.copies)  # of one step of each copy
        size = self._rows * settings.copies
        self._seen = np.zeros((size, *spaces.axes), spaces.dtype)
        self._after = np.zeros((size, *spaces.axes), spaces.dtype)
        self._actions = np.zeros(size, np.int64)
        self._rewards = np.zeros(size)
        self._ended, self._cut = np.zeros(size, bool), np.zeros(size, bool)
        self._tree = SumTree(size)
        self._highest = 1.0
        self._row, self._filled = 0, 0  # where the next step goes; how many rows there are
        self._step = 0
        self._recent: deque[float] = deque(maxlen=100)
        self._copies: Copies | None = None
        self._restored: State | None = None
        self.met: Callable[[np.ndarray], None] | None = None
        """Told of every observation that is acted on: a norm of what random actions meet would
        not know what better ones reach."""

    def seek(self, step: int) -> None:
        """The step is what `restore` brought back."""
        self._step = step

    def __iter__(self) -> Iterator[Batch]:
        """Act, keep, draw; without end."""
        if self._copies is None:
            self._copies = taken_up(
                self._world, self._spaces, self._settings, self._seed, self._restored
            )
        if not self._filled:
            self._warm_up()
        while True:
            epsilon = self._settings.randomness(self._step)
            for turn in range(self._settings.acts):
                self._act(epsilon, turn)
            yield self._draw()
            self._step += 1

    def told(self, places: Tensor, errors: Tensor) -> None:
        """How wrong the network was about drawn steps, which decides how soon they come again."""
        if self._settings.power:
            weights = (np.abs(errors.double().cpu().numpy()) + 1e-6) ** self._settings.power
            self._highest = max(self._highest, float(weights.max()))
            self._tree.put(places.cpu().numpy(), weights)

    def state(self) -> State:
        """All that is kept, and where every copy stands."""
        if self._copies is None:
            return {}
        kept = slice(0, self._filled * self._settings.copies)
        return {
            "copies": self._copies.state(),
            "row": self._row,
            "filled": self._filled,
            "highest": self._highest,
            "recent": list(self._recent),
            **{name: torch.from_numpy(array[kept]) for name, array in self._held().items()},
            "priorities": torch.from_numpy(self._tree.weights[kept]),
        }

    def restore(self, state: State) -> None:
        """Become what `state` was; the environments follow when they are needed."""
        if not state:
            return
        self._restored = state["copies"]
        self._row, self._filled = state["row"], state["filled"]
        self._highest = state["highest"]
        self._recent.extend(state["recent"])
        for name, array in self._held().items():
            array[: len(state[name])] = state[name].numpy()
        priorities = state["priorities"].numpy()
        self._tree.put(np.arange(len(priorities)), priorities)

    def _held(self) -> dict[str, np.ndarray]:
        """The arrays of all steps that are kept, by name."""
        return {
            "seen": self._seen,
            "after": self._after,
            "actions": self._actions,
            "rewards": self._rewards,
            "ended": self._ended,
            "cut": self._cut,
        }

    def _warm_up(self) -> None:
        assert self._copies is not None
        for turn in range(-(-self._settings.warmup // self._settings.copies)):
            self._act(1.0, turn)

    def _act(self, epsilon: float, turn: int) -> None:
        """One action in every copy: random with probability epsilon, else the best."""
        assert self._copies is not None
        rng = seeds.numpy_rng(self._seed, "act", self._step, turn, int(epsilon == 1.0))
        chosen = self._spaces.random(len(self._copies), rng)
        best = rng.random(len(self._copies)) >= epsilon
        if best.any():
            chosen = np.where(best, self._values(self._copies.observations).argmax(axis=1), chosen)
        seen = self._copies.observations.copy()
        if self.met is not None:
            self.met(seen)
        stepped = self._copies.step(chosen)
        at = slice(self._row * len(self._copies), (self._row + 1) * len(self._copies))
        self._seen[at], self._after[at], self._actions[at] = seen, stepped.after, chosen
        self._rewards[at], self._ended[at], self._cut[at] = (
            stepped.rewards, stepped.ended, stepped.cut,
        )  # fmt: skip
        self._tree.put(np.arange(at.start, at.stop), np.full(len(self._copies), self._highest))
        self._row = (self._row + 1) % self._rows
        self._filled = min(self._filled + 1, self._rows)
        self._recent.extend(done.total for done in stepped.finished)

    def _draw(self) -> Batch:
        """A batch of kept steps with their n-step returns."""
        settings, count = self._settings, self._filled * self._settings.copies
        rng = seeds.numpy_rng(self._seed, "draw", self._step)
        if settings.power:
            parts = (np.arange(settings.batch_size) + rng.random(settings.batch_size)) / (
                settings.batch_size
            )
            places = self._tree.find(parts * self._tree.total)
            share = self._tree.weights[places] / self._tree.total
            weights = (count * share) ** -settings.correction(self._step)
            weights /= weights.max()
        else:
            places = rng.integers(count, size=settings.batch_size)
            weights = np.ones(settings.batch_size)
        return self._batch(places, weights)

    def _batch(self, places: np.ndarray, weights: np.ndarray) -> Batch:
        settings, size = self._settings, len(self._rewards)
        later = (places[:, None] + np.arange(settings.steps) * settings.copies) % size
        newest = later // settings.copies == (self._row - 1) % self._rows
        over = self._ended[later] | self._cut[later]
        returns, steps = n_step(self._rewards[later], over, newest, settings.discount)
        last = later[np.arange(len(places)), steps - 1]
        future = settings.discount**steps * ~self._ended[last]
        batch: Batch = {
            "observation": torch.from_numpy(self._seen[places]),
            "action": torch.from_numpy(self._actions[places]),
            "return": torch.from_numpy(returns.astype(np.float32)),
            "after": torch.from_numpy(self._after[last]),
            "discount": torch.from_numpy(future.astype(np.float32)),
            "weight": torch.from_numpy(weights.astype(np.float32)),
            "place": torch.from_numpy(places),
        }
        if self._recent:
            batch["#recent"] = torch.tensor(float(np.mean(self._recent)))
        return batch
