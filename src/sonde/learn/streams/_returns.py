"""Returns: what rewards, episode ends and estimates of the future make of a stretch of acting."""

from __future__ import annotations

import numpy as np


def advantages(
    rewards: np.ndarray,
    values: np.ndarray,
    next_values: np.ndarray,
    over: np.ndarray,
    *,
    discount: float,
    trace: float,
) -> np.ndarray:
    """Generalised advantage estimates, (T, n).

    Schulman, Moritz, Levine, Jordan, Abbeel, "High-dimensional continuous control using
    generalized advantage estimation", 2016, arXiv:1506.02438, equation 16. An episode that was cut
    by a limit of time goes on in thought: its last `next_values` is the value of what was seen
    last (Pardo, Tavakoli, Levdik, Kormushev, "Time limits in reinforcement learning", 2018).

    Args:
        rewards: (T, n) of n copies side by side.
        values: (T, n) of the states that were acted in.
        next_values: (T, n) of the states that followed; 0 where the episode ended.
        over: (T, n) bool, no step of the same episode follows: it ended or was cut.
        discount: gamma in (0, 1].
        trace: lambda in [0, 1]: 0 trusts `next_values`, 1 the rewards.
    """
    found = np.zeros_like(values)
    carried = np.zeros(values.shape[1])
    for step in range(len(values) - 1, -1, -1):
        surprise = rewards[step] + discount * next_values[step] - values[step]
        carried = surprise + discount * trace * np.where(over[step], 0.0, carried)
        found[step] = carried
    return found


def n_step(
    rewards: np.ndarray, over: np.ndarray, newest: np.ndarray, discount: float
) -> tuple[np.ndarray, np.ndarray]:
    """Discounted sums of the next rewards, and how many they are.

    Sutton, "Learning to predict by the methods of temporal differences", 1988. A sum stops with
    its episode, and at the newest step there is.

    Args:
        rewards: (B, n) of each step and the n - 1 after it.
        over: (B, n) bool, the episode ended or was cut with that step.
        newest: (B, n) bool, that step is the newest there is.
        discount: gamma in (0, 1].

    Returns:
        (B,) float64 sums, and (B,) int64 steps in each, from 1 to n.
    """
    last = over | newest
    before = np.cumsum(last, axis=1) - last  # ends met before a step
    counted = before == 0
    weights = discount ** np.arange(rewards.shape[1])
    return (rewards * counted * weights).sum(axis=1), counted.sum(axis=1)
