"""Rollouts: stretches of acting with today's policy, made when they are asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from sonde.contracts.data import World
from sonde.contracts.learn import State
from sonde.core import seed as seeds
from sonde.core.batch import Batch
from sonde.data.acting import Copies
from sonde.data.spaces import Spaces
from sonde.learn.streams._running import Scale, taken_up

Sample = Callable[[np.ndarray, torch.Generator], np.ndarray]
"""(n, D) observations -> actions drawn from the policy: (n,) int64, or (n, A) float32, 1 being the
end of an action's range."""


@dataclass(frozen=True)
class RolloutSettings:
    """How far is acted.

    Attributes:
        copies: environments side by side, n.
        length: steps of each, T.
        discount: of the sums by whose deviation rewards are scaled.
        scale: whether rewards are scaled.
        renew: whether every episode has an environment of its own.
    """

    copies: int
    length: int
    discount: float
    scale: bool
    renew: bool = False


class Rollouts:
    """Batches of T steps of n copies: every tensor is (T, n, ...).

    `observation` float32, `action`, `reward` float32 (scaled if asked for), `ended` and `cut` bool,
    `after` float32: what followed, before any new episode.
    """

    steps_per_epoch: int | None = None

    def __init__(
        self, world: World, spaces: Spaces, settings: RolloutSettings, sample: Sample, seed: int
    ) -> None:
        self._world, self._spaces, self._settings, self._sample = world, spaces, settings, sample
        self._seed = seed
        self._scale = Scale(settings.copies, settings.discount)
        self._recent: deque[float] = deque(maxlen=100)
        self._copies: Copies | None = None
        self._restored: State | None = None

    def seek(self, step: int) -> None:
        """Nothing: where the environments are says all."""

    def __iter__(self) -> Iterator[Batch]:
        """Act; without end."""
        if self._copies is None:
            self._copies = taken_up(
                self._world, self._spaces, self._settings, self._seed, self._restored
            )
        while True:
            yield self._roll(self._copies)

    def state(self) -> State:
        """Where every copy stands, and the scale of rewards."""
        if self._copies is None:
            return {}
        return {
            "copies": self._copies.state(),
            "scale": self._scale.state(),
            "recent": list(self._recent),
        }

    def restore(self, state: State) -> None:
        """Become what `state` was; the environments follow when they are needed."""
        if state:
            self._restored = state["copies"]
            self._scale.restore(state["scale"])
            self._recent.extend(state["recent"])

    def _roll(self, copies: Copies) -> Batch:
        """T steps in every copy."""
        draw = seeds.generator("actions")
        parts: dict[str, list[np.ndarray]] = {name: [] for name in _NAMES}
        for _ in range(self._settings.length):
            seen = copies.observations.copy()
            action = self._sample(seen, draw)
            taken = action if self._spaces.choices is not None else self._spaces.scaled(action)
            stepped = copies.step(taken)
            over = stepped.ended | stepped.cut
            rewards = stepped.rewards
            if self._settings.scale:
                rewards = self._scale(rewards, over)
            row = (seen, action, rewards.astype(np.float32), stepped.ended, stepped.cut,
                   stepped.after)  # fmt: skip
            for name, value in zip(_NAMES, row, strict=True):
                parts[name].append(value)
            self._recent.extend(done.total for done in stepped.finished)
        batch: Batch = {name: torch.from_numpy(np.stack(part)) for name, part in parts.items()}
        if self._recent:
            batch["#recent"] = torch.tensor(float(np.mean(self._recent)))
        return batch


_NAMES = ("observation", "action", "reward", "ended", "cut", "after")
