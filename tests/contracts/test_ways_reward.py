"""Learning by reward goes through the one `fit`, and goes on exactly where it was cut."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sonde
from sonde.core.text import to_json
from tests.contracts._strain import FAST, Strain
from tests.contracts.test_paradigms import Cut, CutAfter, digest, trained
from tests.worlds import MOVING, registered


@pytest.fixture(autouse=True)
def _worlds() -> Iterator[None]:
    with registered():
        yield


def _strain(world: str, model: dict[str, Any], paradigm: dict[str, Any]) -> Strain:
    return Strain(
        {
            "source": {"kind": "world", "id": world},
            "columns": {},
            "task": {"kind": "act", "world": world, "episodes": 2},
            "model": {"kind": "agent", "network": {"kind": "dense", "hidden": [8]}, **model},
            "paradigm": {**paradigm, "evaluate_every": 4, "evaluate_episodes": 2},
            "checkpoint": FAST,
        }
    )


_DQN = {"kind": "dqn", "copies": 2, "acts": 8, "warmup": 30, "batch_size": 16,
        "target_every": 4, "replay": 100, "budget": {"steps": 12}}  # fmt: skip
_PPO = {"kind": "ppo", "copies": 2, "length": 24, "batch_size": 16, "budget": {"steps": 10}}


def _pictures(paradigm: dict[str, Any]) -> Strain:
    strain = _strain(MOVING, {}, paradigm)
    strain.recipe["task"]["frames"] = 2
    strain.recipe["model"] = {"kind": "convnet", "stages": [4], "dense": [8], "padding": "same"}
    return strain


STRAINS = {
    "dqn": _strain("CartPole-v1", {"normalise": False}, _DQN),
    "dqn with all": _strain(
        "CartPole-v1",
        {"dueling": True},
        {**_DQN, "steps": 3, "prioritised": 0.6, "average": 0.9, "stop": {"patience": 9}},
    ),
    "ppo of choices": _strain("CartPole-v1", {}, {**_PPO, "stop": {"patience": 9}}),
    "dqn of pictures": _pictures({**_DQN, "copies": 2}),
    "ppo of pictures": _pictures(_PPO),
    "ppo of numbers": _strain("Pendulum-v1", {}, {**_PPO, "furthest": 0.05, "average": 0.5}),
}


@pytest.mark.parametrize("name", STRAINS)
def test_a_run_that_is_cut_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    """In the midst of episodes: the environments, the replay and the norms come back."""
    straight = trained(STRAINS[name], tmp_path / "straight")
    for cut in (2, 5, 8):
        with pytest.raises(Cut):
            trained(STRAINS[name], tmp_path / "cut", callbacks=[CutAfter(cut)])
    resumed = trained(STRAINS[name], tmp_path / "cut")
    assert straight.directory.facts["exactness"] == "bits"
    assert digest(resumed) == digest(straight)
    assert str(resumed.scores) == str(straight.scores)


@pytest.mark.parametrize("name", STRAINS)
def test_a_seed_decides_everything(name: str, tmp_path: Path) -> None:
    strain = STRAINS[name]
    first, again = (trained(strain, tmp_path / str(i)) for i in range(2))
    other = Strain(strain.recipe | {"seed": 1}, strain.data)
    assert digest(first) == digest(again)
    assert digest(first) != digest(trained(other, tmp_path / "other"))


@pytest.mark.parametrize("name", STRAINS)
def test_the_bundle_opens_and_answers_as_before(name: str, tmp_path: Path) -> None:
    run = trained(STRAINS[name], tmp_path / "run")
    opened = sonde.Bundle.load(run.directory.model)
    assert len(opened.golden.arrays["action"]) > 1
    assert opened.predict() == run.bundle.predict() == opened.golden.answers
    assert opened.predict(episodes=2, seed=3) == run.bundle.predict(episodes=2, seed=3)
    assert "Returns of the judged episodes" in run.report.read_text(encoding="utf-8")


def test_a_bundle_answers_observations_without_its_environment(tmp_path: Path) -> None:
    """It keeps what it must know of it; gymnasium is not even imported."""
    run = trained(STRAINS["ppo of choices"], tmp_path / "run")
    code = f"""
        import sys, sonde
        bundle = sonde.Bundle.load({str(run.directory.model)!r})
        print(bundle.predict(observation=[0.0, 0.1, 0.0, -0.1])[0]["action"])
        assert "gymnasium" not in sys.modules
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    assert done.stdout.strip() in ("0", "1"), done.stderr


@pytest.mark.parametrize("name", ["dqn with all", "ppo of choices"])
def test_a_killed_process_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    recipe = to_json(STRAINS[name].recipe)
    code = f"""
        import os, signal, sonde
        from sonde.core.text import from_json
        class Kill(sonde.Callback):
            def on_step(self, step, logs):
                if step == 7:
                    os.kill(os.getpid(), signal.SIGKILL)
        sonde.fit(from_json({recipe!r}), run_dir={str(tmp_path / "run")!r}, callbacks=[Kill()])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True)
    assert done.returncode == -9, done.stderr
    resumed = trained(STRAINS[name], tmp_path / "run")
    assert digest(resumed) == digest(trained(STRAINS[name], tmp_path / "straight"))
