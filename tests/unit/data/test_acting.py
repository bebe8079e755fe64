"""Environments side by side: taken up again exactly, and what is broken in them is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from tests.worlds import BROKEN, MOVING, Broken, registered

from sonde.core.errors import DataError, UsageError
from sonde.core.notice import SondeWarning
from sonde.core.seed import numpy_rng
from sonde.core.text import from_json, to_json
from sonde.data.acting import Copies, Staging, repeats_itself
from sonde.data.sources.world import Gymnasium
from sonde.data.spaces import Spaces, read_spaces


@pytest.fixture(autouse=True)
def _worlds() -> Iterator[None]:
    with registered():
        yield


def acted(copies: Copies, steps: int, seed: int) -> list[Any]:
    rng, seen = numpy_rng(seed), []
    for _ in range(steps):
        stepped = copies.step(copies.spaces.random(len(copies), rng))
        seen.append((stepped.after.tolist(), stepped.rewards.tolist(), stepped.finished))
    return seen


def test_of_an_episode_the_last_pictures_are_seen_at_once_the_newest_last() -> None:
    copies = Copies(Gymnasium(MOVING), 1, 0, frames=3)
    assert copies.observations.shape == (1, 3, 5, 8)
    assert copies.observations.dtype == np.uint8
    first = copies.observations.copy()
    assert (first[0] == first[0, 0]).all()
    second = copies.step(np.zeros(1, int)).after
    np.testing.assert_array_equal(second[0, :2], first[0, 1:])
    third = copies.step(np.zeros(1, int)).after
    np.testing.assert_array_equal(third[0, :2], second[0, 1:])
    assert not np.array_equal(third[0, 2], third[0, 1])


NAMES = ["CartPole-v1", "Pendulum-v1", "MountainCar-v0", "FrozenLake-v1", MOVING]


@pytest.mark.parametrize("frames", [1, 4])
@pytest.mark.parametrize("name", NAMES)
def test_copies_come_back_where_they_were(name: str, frames: int) -> None:
    first = Copies(Gymnasium(name), 3, 5, frames=frames)
    acted(first, 37, 1)
    state = from_json(to_json(first.state()))
    ahead = acted(first, 30, 2)
    second = Copies(Gymnasium(name), 3, 5, frames=frames)
    assert second.restore(state)
    assert acted(second, 30, 2) == ahead


def test_episodes_of_all_copies_differ_and_their_returns_add_up() -> None:
    copies = Copies(Gymnasium("CartPole-v1"), 4, 0)
    assert len(np.unique(copies.observations, axis=0)) == 4
    done = [one for _, _, finished in acted(copies, 120, 0) for one in finished]
    assert len({(one.copy, one.number) for one in done}) == len(done) > 8
    assert all(one.total == one.length for one in done)


def test_a_limit_of_time_cuts_and_does_not_end() -> None:
    copies = Copies(Gymnasium("Pendulum-v1"), 1, 0)
    rng = numpy_rng(0)
    steps = [copies.step(copies.spaces.random(1, rng)) for _ in range(200)]
    assert [bool(s.cut[0]) for s in steps] == [False] * 199 + [True]
    assert not any(s.ended[0] for s in steps)
    assert not np.array_equal(steps[-1].after, copies.observations)


def test_an_episode_without_an_end_is_cut_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonde.data.acting.LONGEST", 7)
    copies = Copies(Gymnasium("Pendulum-v1"), 1, 0)
    with pytest.warns(SondeWarning, match="did not end in 7 actions"):
        done = [one for _, _, finished in acted(copies, 20, 0) for one in finished]
    assert [one.length for one in done] == [7, 7]


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("raise", "step 3 .* raised ZeroDivisionError: the cart left the world"),
        ("reward", "step 3 .* got reward nan, expected a finite number"),
        ("observation", "step 3 .* got observation nan at place 1"),
        ("wider", r"spaces changed: got an observation of shape \(3,\), expected \(2,\)"),
        ("actions", r"spaces changed from Discrete\(2\) to Discrete\(3\)"),
    ],
)
def test_a_broken_environment_is_named_with_the_place(way: str, said: str) -> None:
    Broken.way = way
    copies = Copies(Gymnasium(BROKEN), 2, 0)
    with pytest.raises(DataError, match=f"environment Sonde-Broken-v0.*{said}"):
        acted(copies, 4, 0)


def test_an_environment_that_hides_something_is_found_out() -> None:
    world = Gymnasium(BROKEN)
    assert repeats_itself(world, 0)
    Broken.way = "hidden"
    assert not repeats_itself(world, 0)
    copies = Copies(world, 1, 0)
    acted(copies, 2, 0)
    assert not Copies(world, 1, 0).restore(copies.state())


def test_what_an_environment_carries_over_is_found_out_and_left_behind() -> None:
    Broken.way = "carried"
    world = Gymnasium(BROKEN)
    assert not repeats_itself(world, 0)
    assert repeats_itself(world, 0, renew=True)
    first, second = (Copies(world, 2, 0, staging=Staging(renew=True)) for _ in range(2))
    acted(first, 40, 0)
    assert second.restore(first.state())
    assert acted(second, 40, 1) == acted(first, 40, 1)


def test_an_unknown_environment_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'CartPole-v2'.*Did you mean 'CartPole-v"):
        Copies(Gymnasium("CartPole-v2"), 1, 0)


def test_other_spaces_than_in_training_are_refused() -> None:
    with pytest.raises(DataError, match="spaces changed"):
        Copies(Gymnasium("CartPole-v1"), 1, 0, Spaces(seen=(5,), choices=2))


class Odd(gymnasium.Env):
    """Spaces as they are given."""

    def __init__(self, seen: gymnasium.Space, done: gymnasium.Space) -> None:
        self.observation_space, self.action_space = seen, done


def test_spaces_are_laid_out_as_vectors() -> None:
    parts = gymnasium.spaces.Dict(
        a=gymnasium.spaces.Discrete(3), b=gymnasium.spaces.Box(0, 1, (2, 2))
    )
    box = gymnasium.spaces.Box(*np.array([[-2, -np.inf], [4, np.inf]], np.float32))
    spaces = read_spaces(Odd(parts, box), "odd")
    assert spaces.seen == (7,) and spaces.choices is None
    assert spaces.bounded == (True, False)
    scaled = spaces.scaled(np.array([[-1.0, -7.0], [3.0, 7.0], [0.0, 0.0]]))
    assert scaled.tolist() == [[-2, -7], [4, 7], [1, 0]]


LISTS = gymnasium.spaces.Sequence(gymnasium.spaces.Discrete(2))


@pytest.mark.parametrize(
    ("seen", "done", "said"),
    [
        (LISTS, gymnasium.spaces.Discrete(2), "got observations Sequence"),
        (gymnasium.spaces.Discrete(2), gymnasium.spaces.MultiBinary(3), "got actions MultiBinary"),
    ],
)
def test_spaces_nobody_can_act_in_are_refused(seen: Any, done: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_spaces(Odd(seen, done), "odd")
