"""Played: whole episodes under a policy, and their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sonde.contracts.data import World
from sonde.contracts.metric import Arrays
from sonde.data.acting import Copies, Policy, Staging
from sonde.data.spaces import Spaces
from sonde.metrics._mean import RowMean
from sonde.tasks._films import Camera

SIDE_BY_SIDE, MOST_FILMED = 16, 8
"""Copies in which episodes are played at once, and how many of them may be filmed."""


@dataclass(frozen=True)
class Played:
    """Episodes in the order of their numbers.

    Attributes:
        returns: (E,) float64, the sum of each one's rewards.
        lengths: (E,) int64, how many actions each one had.
        seen: some observations on the way, (K, D) float32.
        film: (F, H, W, 3) uint8, the frames of all films one after another.
        frames: (E,) int64, how many each has.
    """

    returns: np.ndarray
    lengths: np.ndarray
    seen: np.ndarray
    film: np.ndarray | None = None
    frames: np.ndarray | None = None


@dataclass(frozen=True)
class Filmed:
    """How films of episodes are to be: pixels of the longer side, and seconds at most."""

    side: int
    seconds: float


def play(
    world: World,
    policy: Policy,
    numbers: range,
    seed: int,
    spaces: Spaces,
    *,
    filmed: Filmed | None = None,
) -> Played:
    """Play whole episodes of the given numbers; which ones is settled before any is played.

    So long ones count as often as short ones: copy c plays episodes c, c + n, c + 2n, ...

    Raises:
        DataError: the environment broke, or its spaces are not those of the training.
        UsageError: a film is asked for, and it cannot draw.
    """
    count = min(len(numbers), MOST_FILMED if filmed else SIDE_BY_SIDE)
    staging = Staging(draws=filmed is not None, first=numbers.start)
    copies = Copies(world, count, seed, spaces, staging=staging)
    camera = Camera(copies, count, side=filmed.side, seconds=filmed.seconds) if filmed else None
    returns, lengths = np.full(len(numbers), np.nan), np.zeros(len(numbers), np.int64)
    seen, open_ones = [copies.observations.copy()], len(numbers)
    while open_ones:
        stepped = copies.step(policy(copies.observations))
        if len(seen) < SIDE_BY_SIDE:
            seen.append(stepped.after)
        for done in stepped.finished:
            if done.number in numbers:
                at = done.number - numbers.start
                returns[at], lengths[at] = done.total, done.length
                open_ones -= 1
    copies.close()
    film, frames = camera.developed() if camera else (None, None)
    return Played(returns, lengths, np.concatenate(seen), film, frames)


def play_at_random(world: World, episodes: int, seed: int, spaces: Spaces) -> Played:
    """The same episodes with actions drawn evenly."""
    from sonde.core.seed import numpy_rng

    rng = numpy_rng(seed, "random actions")
    return play(world, lambda seen: spaces.random(len(seen), rng), range(episodes), seed, spaces)


class MeanReturn(RowMean):
    """Mean over episodes of the sum of rewards, undiscounted."""

    kind: ClassVar[str] = "mean-return"

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(E,) each episode's return."""
        return predicted["return"].astype(np.float64)


class MeanLength(RowMean):
    """Mean over episodes of the number of actions."""

    kind: ClassVar[str] = "mean-length"

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(E,) each episode's length."""
        return predicted["length"].astype(np.float64)
