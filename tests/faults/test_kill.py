"""A run that is killed, anywhere and as often as you like, ends with the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from _children import KILLED, Nursery, Straight
from _kill import Plan
from _recipes import RUNS

MANY = pytest.param(20, marks=pytest.mark.reliability, id="20 kills")
FEW = pytest.param(2, id="2 kills")


def random_places(straight: Straight, kills: int, seed: int) -> list[Plan]:
    """Places in the order a run comes to them: half at any call, half after any step.

    Calls are most frequent while data is prepared and the model judged, steps are the training.
    """
    rng = np.random.default_rng(seed)
    calls = np.array(list(straight.process.calls.values()))
    by_call = rng.integers(1, calls[-1], kills - kills // 2)
    after = rng.integers(0, len(calls) - 1, kills // 2)
    by_step = rng.integers(calls[after], calls[after + 1]) + 1
    places = np.sort(np.concatenate([by_call, by_step]))
    steps = np.searchsorted(calls, places) - 1
    return [
        Plan(after_step=int(step), calls=int(place - calls[step]))
        for step, place in zip(steps, places, strict=True)
    ]


@pytest.mark.parametrize("kills", [FEW, MANY])
@pytest.mark.parametrize("recipe", RUNS)
def test_f1_kills_at_random_places(
    recipe: str,
    kills: int,
    nursery: Nursery,
    straight: Callable[[str], Straight],
    tmp_path: Path,
) -> None:
    undisturbed = straight(recipe)
    for plan in random_places(undisturbed, kills, seed=kills):
        killed = nursery.run(recipe, tmp_path / "run", plan)
        assert killed.code == KILLED, f"{plan} was not reached: {killed.error}"
        undisturbed.check_steps(killed)
    last = nursery.run(recipe, tmp_path / "run")
    assert last.code == 0, last.error
    undisturbed.check_steps(last)
    undisturbed.check(tmp_path / "run")
