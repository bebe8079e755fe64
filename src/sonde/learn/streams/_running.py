"""Running: environments that are taken up again, and a scale that moves with what comes."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sonde.contracts.data import World
from sonde.contracts.learn import State
from sonde.core.notice import say
from sonde.data.acting import Copies, Staging
from sonde.data.spaces import Spaces


class Lanes(Protocol):
    """Of a stream's settings: environments side by side."""

    @property
    def copies(self) -> int:
        """How many."""

    @property
    def renew(self) -> bool:
        """Whether every episode has an environment of its own."""


def taken_up(
    world: World, spaces: Spaces, settings: Lanes, seed: int, state: State | None
) -> Copies:
    """Environments at their beginning, or where they were when `state` was saved.

    An environment that hides something, so that its seed and its actions do not bring it back, is
    noticed: the run goes on, and it is said that its bits are others.
    """
    copies = Copies(world, settings.copies, seed, spaces, staging=Staging(settings.renew))
    if state is not None and not copies.restore(state):
        say(
            "resumed, but the environment did not come back as it was: it hides something that its "
            "seed does not decide. The run goes on from what it shows now, so this is no longer "
            "the run it would have been without the interruption. Say repeatable: false for it."
        )
    return copies


class Scale:
    """The deviation of discounted sums of rewards, by which rewards are divided.

    Engstrom and others, "Implementation matters in deep policy gradients", 2020,
    arXiv:2005.12729, appendix A.2: rewards are scaled, not centred, for centring would change
    what is worth while.

    Args:
        count: copies side by side.
        discount: gamma in (0, 1].
    """

    def __init__(self, count: int, discount: float) -> None:
        self._discount = discount
        self._sums = np.zeros(count)
        self._met, self._mean, self._spread = 0, 0.0, 0.0

    def __call__(self, rewards: np.ndarray, over: np.ndarray) -> np.ndarray:
        """(n,) rewards of one step, scaled by all that was met until now."""
        self._sums = self._sums * self._discount + rewards
        for value in self._sums.tolist():  # Welford, 1962
            self._met += 1
            gap = value - self._mean
            self._mean += gap / self._met
            self._spread += gap * (value - self._mean)
        self._sums[over] = 0.0
        scaled = rewards / max(self.deviation, 1e-4)
        clipped: np.ndarray = np.clip(scaled, -10.0, 10.0)
        return clipped

    @property
    def deviation(self) -> float:
        """1 before there are two."""
        return float(np.sqrt(self._spread / (self._met - 1))) if self._met > 1 else 1.0

    def state(self) -> State:
        """The running sums."""
        return {"sums": self._sums.tolist(), "met": self._met, "mean": self._mean,
                "spread": self._spread}  # fmt: skip

    def restore(self, state: State) -> None:
        """Become what `state` was."""
        self._sums = np.array(state["sums"], float)
        self._met, self._mean, self._spread = state["met"], state["mean"], state["spread"]
