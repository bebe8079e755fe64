"""A run that is killed, anywhere and as often as you like, ends with the same bits."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from _children import KILLED, Nursery, command_line
from _kill import Plan
from _outcomes import Straight, check_checkpoints
from _recipes import GIVEN, KINDS, READ, table_file

from sonde.core.errors import Interrupted

MANY = [
    pytest.param(recipe, 20, marks=pytest.mark.reliability, id=f"{recipe}-20 kills")
    for recipe in GIVEN | READ
]
FEW = [pytest.param(recipe, 2, id=f"{recipe}-2 kills") for recipe in GIVEN]
EACH = [pytest.param(kind, 1, marks=pytest.mark.reliability, id=f"{kind}-1 kill") for kind in KINDS]
ONE = [pytest.param(recipe, 1, id=f"{recipe}-1 kill") for recipe in ("parquet", "arrow", "jsonl")]


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


@pytest.mark.parametrize(("recipe", "kills"), [*FEW, *ONE, *MANY, *EACH])
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


def test_the_recipes_differ_in_precision(straight: Callable[[str], Straight]) -> None:
    assert straight("pictures").outcome != straight("pictures-bfloat16").outcome


def test_f4_kills_at_both_sides_of_the_end_of_an_epoch(
    nursery: Nursery, straight: Callable[[str], Straight], tmp_path: Path
) -> None:
    """After an epoch's last step, before it is evaluated; after the first step of the next."""
    undisturbed = straight("pictures")
    last = undisturbed.steps_per_epoch * 2
    places = [Plan(after_step=step, calls=1) for step in (last, last + 1)]
    processes = [nursery.run("pictures", tmp_path / "run", plan) for plan in [*places, Plan()]]
    assert [process.code for process in processes] == [KILLED, KILLED, 0]
    assert [max(process.steps) for process in processes[:2]] == [last, last + 1]
    for process in processes:
        undisturbed.check_steps(process)
    undisturbed.check(tmp_path / "run")


def test_f5_kills_while_the_model_is_judged_and_sealed(
    nursery: Nursery, straight: Callable[[str], Straight], tmp_path: Path
) -> None:
    """In an evaluation while training, and in each stage of what follows training."""
    training, judging = "SupervisedLearner.evaluate", ("verdict_on", "report_run")
    for stage in (training, *judging, "write_archive", "Bundle.load"):
        killed = nursery.run("pictures", tmp_path / "run", Plan(function=stage, calls=1))
        assert killed.code == KILLED, f"{stage} was not reached: {killed.error}"
    assert nursery.run("pictures", tmp_path / "run").code == 0
    straight("pictures").check(tmp_path / "run")


def test_f6_a_signal_ends_the_command_line_after_its_step(
    nursery: Nursery, straight: Callable[[str], Straight], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    arguments = ["train", str(table_file(tmp_path)), "--run-dir", str(run)]
    plan = Plan(function="SupervisedLearner.step", calls=17, hold=True)
    child = nursery.command(arguments, tmp_path / "cache", plan)
    child.until_it_holds()
    child.send(signal.SIGTERM)
    child.tell("go on")
    stopped = child.wait()
    assert stopped.code == Interrupted.exit_code, stopped.error
    assert "SIGTERM after step 17" in stopped.error
    assert check_checkpoints(run).position.step == 17
    again = command_line(arguments, tmp_path / "cache")
    assert again.returncode == 0, again.stderr
    straight("table").check(run)


def test_f6_a_second_signal_ends_it_at_once(
    nursery: Nursery, straight: Callable[[str], Straight], tmp_path: Path
) -> None:
    plan = Plan(function="SupervisedLearner.step", calls=17, hold=True)
    child = nursery.start("table", tmp_path / "run", plan)
    for word in ("again", "again"):
        child.until_it_holds()
        child.send(signal.SIGTERM)
        child.tell(word)
    assert child.wait().code == -signal.SIGTERM
    assert nursery.run("table", tmp_path / "run").code == 0
    straight("table").check(tmp_path / "run")
