"""Worlds: environments by name, seeded, and nothing that imports by name."""

from __future__ import annotations

import sys

import pytest
from numpy.testing import assert_array_equal

from sonde.contracts.data import Source
from sonde.core.errors import MissingPackage, RecipeError, UsageError
from sonde.data.sources.world import Gymnasium


def test_equal_seeds_play_equally() -> None:
    pytest.importorskip("gymnasium")

    def play(seed: int) -> object:
        worlds = Gymnasium("CartPole-v1").make(3, seed)
        seen = worlds.reset()[0]
        assert seen.shape == (3, 4)
        return worlds.step(worlds.action_space.sample())[0]

    assert_array_equal(play(1), play(1))
    with pytest.raises(AssertionError):
        assert_array_equal(play(1), play(2))


def test_an_unknown_environment_names_the_nearest() -> None:
    pytest.importorskip("gymnasium")
    with pytest.raises(UsageError, match="Did you mean 'CartPole-v1'"):
        Gymnasium("CartPol-v1").make(1, 0)


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(MissingPackage, match=r"pip install 'sonde\[rl\]'"):
        Gymnasium("CartPole-v1").make(1, 0)


def test_a_name_that_would_import_a_module_is_refused() -> None:
    with pytest.raises(RecipeError, match="id: got 'os:CartPole-v1'"):
        Source.parse({"kind": "world", "id": "os:CartPole-v1"})


def test_a_world_has_no_rows() -> None:
    world = Gymnasium("CartPole-v1")
    assert list(world.fields()) == []
    assert list(world.scan()) == []
    assert world.title == "CartPole-v1"
    assert world.fingerprint() != Gymnasium("Acrobot-v1").fingerprint()
