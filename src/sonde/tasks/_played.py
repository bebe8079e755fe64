"""Played: whole episodes under a policy, and their scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sonde.contracts.data import World
from sonde.contracts.task import Arrays
from sonde.data.acting import Copies
from sonde.data.spaces import Spaces
from sonde.metrics._mean import RowMean

Policy = Callable[[np.ndarray], np.ndarray]
"""(n, D) float32 observations -> actions, (n,) int64 or (n, A) float32."""

SIDE_BY_SIDE = 16
"""Copies in which episodes are played at once."""


@dataclass(frozen=True)
class Played:
    """Episodes in the order of their seeds.

    Attributes:
        returns: (E,) float64, the sum of each one's rewards.
        lengths: (E,) int64, how many actions each one had.
        seen: some observations on the way, (K, D) float32.
    """

    returns: np.ndarray
    lengths: np.ndarray
    seen: np.ndarray


def play(world: World, policy: Policy, episodes: int, seed: int, spaces: Spaces) -> Played:
    """Play so many whole episodes; which ones is settled before any is played.

    So long ones count as often as short ones: copy c plays episodes c, c + n, c + 2n, ...

    Raises:
        DataError: the environment broke, or its spaces are not those of the training.
    """
    copies = Copies(world, min(episodes, SIDE_BY_SIDE), seed, spaces)
    returns, lengths = np.full(episodes, np.nan), np.zeros(episodes, np.int64)
    seen, open_ones = [copies.observations.copy()], episodes
    while open_ones:
        stepped = copies.step(policy(copies.observations))
        if len(seen) < SIDE_BY_SIDE:
            seen.append(stepped.after)
        for done in stepped.finished:
            number = done.number * len(copies) + done.copy
            if number < episodes:
                returns[number], lengths[number] = done.total, done.length
                open_ones -= 1
    copies.close()
    return Played(returns, lengths, np.concatenate(seen))


def play_at_random(world: World, episodes: int, seed: int, spaces: Spaces) -> Played:
    """The same episodes with actions drawn evenly."""
    from sonde.core.seed import numpy_rng

    rng = numpy_rng(seed, "random actions")
    return play(world, lambda seen: spaces.random(len(seen), rng), episodes, seed, spaces)


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
