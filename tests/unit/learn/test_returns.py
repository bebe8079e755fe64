"""Returns, advantages and draws, against what they are by definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.learn.streams._returns import advantages, n_step
from sonde.learn.streams._running import Scale
from sonde.learn.streams._sum_tree import SumTree

ENDS = st.lists(st.sampled_from(["goes on", "ended", "cut"]), min_size=1, max_size=12)
PART = st.floats(0.0, 1.0)


def stretch(ends: list[str], seed: int) -> tuple[np.ndarray, ...]:
    """Rewards, values, values of what followed, whether it ended, whether it was cut."""
    rng = np.random.default_rng(seed)
    ended, cut = (np.array([end == name for end in ends]) for name in ("ended", "cut"))
    rewards, values, later = rng.normal(size=(3, len(ends)))
    return rewards, values, np.where(ended, 0.0, later), ended, cut


def estimated(rewards, values, later, over, discount: float, trace: float) -> list[float]:
    """Equation 16 as it is written: a weighted sum of all surprises to come."""
    found = []
    for start in range(len(rewards)):
        total, weight = 0.0, 1.0
        for step in range(start, len(rewards)):
            total += weight * (rewards[step] + discount * later[step] - values[step])
            weight *= discount * trace
            if over[step]:
                break
        found.append(total)
    return found


@given(ENDS, PART, PART, st.integers(0, 99))
def test_advantages_are_weighted_sums_of_surprises(ends, discount, trace, seed) -> None:
    rewards, values, later, ended, cut = stretch(ends, seed)
    found = advantages(
        *(array[:, None] for array in (rewards, values, later, ended | cut)),
        discount=discount,
        trace=trace,
    )
    wanted = estimated(rewards, values, later, ended | cut, discount, trace)
    np.testing.assert_allclose(found[:, 0], wanted, atol=1e-10)


@given(ENDS, st.integers(0, 99))
def test_with_a_trace_of_1_an_advantage_is_the_return_less_the_value(ends, seed) -> None:
    """An episode that was cut goes on with the value of what was seen last."""
    rewards, values, later, ended, cut = stretch(ends, seed)
    over = ended | cut
    found = advantages(
        *(array[:, None] for array in (rewards, values, np.where(over, later, 0), over)),
        discount=1.0,
        trace=1.0,
    )[:, 0]
    last = next((step for step, is_over in enumerate(over) if is_over), len(ends) - 1)
    if over[last]:
        between = -values[1 : last + 1].sum()  # `next_values` was set to 0 on the way
        total = rewards[: last + 1].sum() + later[last] - values[0] + between
        assert found[0] == pytest.approx(total)


@given(ENDS, PART, st.integers(1, 6), st.integers(0, 99))
def test_n_step_returns_stop_with_the_episode(ends, discount, steps, seed) -> None:
    rewards, _, _, ended, cut = stretch(ends, seed)
    count = len(ends)
    later = np.minimum(np.arange(count)[:, None] + np.arange(steps), count - 1)
    found, lengths = n_step(rewards[later], (ended | cut)[later], later == count - 1, discount)
    for start in range(count):
        total = 0.0
        for k in range(steps):
            total += discount**k * rewards[start + k]
            if (ended | cut)[start + k] or start + k == count - 1:
                break
        assert found[start] == pytest.approx(total)
        assert lengths[start] == k + 1


@given(
    st.lists(st.floats(0.0, 100.0), min_size=1, max_size=40).filter(lambda w: sum(w) > 0),
    st.lists(st.integers(0, 39), max_size=10),
)
def test_a_sum_tree_finds_the_place_a_point_falls_in(weights, changed) -> None:
    tree, held = SumTree(len(weights)), np.array(weights)
    tree.put(np.arange(len(weights)), held)
    for place in changed:
        if place < len(weights) and held.sum() > held[place]:
            held[place] /= 2
            tree.put(np.array([place]), held[[place]])
    assert tree.total == pytest.approx(held.sum())
    edges = np.cumsum(held)
    middles = (edges - held / 2)[held > 1e-6 * held.sum()]
    assert tree.find(middles).tolist() == np.flatnonzero(held > 1e-6 * held.sum()).tolist()


def test_draws_are_in_proportion_to_weights() -> None:
    weights = np.array([0.0, 1.0, 2.0, 0.0, 5.0])
    tree = SumTree(5)
    tree.put(np.arange(5), weights)
    places = tree.find(np.random.default_rng(0).random(40_000) * tree.total)
    share = np.bincount(places, minlength=5) / 40_000
    np.testing.assert_allclose(share, weights / 8, atol=0.01)
    assert share[0] == share[3] == 0


def test_a_point_that_rounding_put_beyond_all_weights_finds_a_place_with_weight() -> None:
    tree = SumTree(6)
    tree.put(np.arange(4), np.array([0.1, 0.2, 0.3, 0.7]))
    assert tree.find(np.array([np.nextafter(tree.total, np.inf)])).tolist() == [3]


def test_the_scale_of_rewards_is_the_deviation_of_their_discounted_sums() -> None:
    rng, scale, sums = np.random.default_rng(0), Scale(2, 0.9), []
    running = np.zeros(2)
    for step in range(50):
        rewards, over = rng.normal(size=2), np.array([step % 7 == 6, False])
        running = running * 0.9 + rewards
        sums += running.tolist()
        running[over] = 0
        scaled = scale(rewards, over)
    assert scale.deviation == pytest.approx(np.std(sums, ddof=1))
    np.testing.assert_allclose(scaled, rewards / np.std(sums, ddof=1))
    again = Scale(2, 0.9)
    again.restore(scale.state())
    np.testing.assert_array_equal(again(rewards, over), scale(rewards, over))
