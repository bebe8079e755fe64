"""Prototypes and MAML go the whole way: exact resume, one seed, bundles, and what is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

import sonde
from sonde.core.batch import tensor_of
from sonde.core.errors import DataError, SondeError, UsageError
from sonde.core.port import Port
from sonde.learn.paradigms._episodes import turned
from sonde.run.journal import last_of_each_step
from tests.contracts._strain import FAST, Strain
from tests.contracts.test_paradigms import Cut, CutAfter, digest, trained

NAMES = ["prototypes", "maml"]


def clouds(classes: int = 16, rows: int = 12) -> pa.Table:
    """Points around the places of `classes` letters, in rings that are three families."""
    rng = np.random.default_rng(1)
    letter = np.repeat(np.arange(classes), rows)
    angle, radius = letter * 2.4, 1 + letter % 3
    x, y = rng.normal(size=(2, len(letter))) * 0.15 + radius * np.array(
        [np.cos(angle), np.sin(angle)]
    )
    names = [f"letter {at}" for at in letter]
    return pa.table({"x": x, "y": y, "letter": names, "ring": [f"ring {r}" for r in radius]})


def pictures() -> pa.Table:
    """Twelve patterns of 8x8 with noise, eight drawings of each."""
    rng = np.random.default_rng(2)
    letter = np.repeat(np.arange(12), 8)
    patterns = rng.integers(0, 2, (12, 8, 8)) * 200
    drawn = patterns[letter] + rng.integers(0, 55, (96, 8, 8))
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(drawn.astype(np.uint8))
    return pa.table({"image": tensors, "letter": [f"letter {at}" for at in letter]})


def recipe(name: str, **changes: Any) -> dict[str, Any]:
    """Three ways, two shots, twelve steps; `task` and `paradigm` of `changes` are merged in."""
    task = {"kind": "few-shot", "target": "letter", "ways": 3, "shots": 2, "queries": 4,
            "episodes": 20, "width": 6}  # fmt: skip
    paradigm: dict[str, Any] = {"kind": name, "budget": {"steps": 12}, "episodes": 12, "at_once": 2}
    norm = "batch"
    if name == "maml":
        task["adapt"] = {"steps": 2, "learning_rate": 0.5}
        norm = "layer"
    plain = {
        "columns": {"x": "number", "y": "number", "letter": "category"},
        "split": {"kind": "group", "by": "letter", "valid": 0.25, "test": 0.25},
        "task": task,
        "model": {"kind": "dense", "hidden": [16], "norm": norm, "dropout": 0.1},
        "paradigm": paradigm | {"valid_episodes": 5},
        "checkpoint": FAST,
    }
    for part in ("task", "paradigm"):
        plain[part] = plain[part] | changes.pop(part, {})  # type: ignore[operator]
    return plain | changes


VARIANTS = {
    "prototypes": ("prototypes", {"paradigm": {"ways": 4, "shots": 1, "stop": {"patience": 3}}}),
    "prototypes in parts, averaged": (
        "prototypes", {"paradigm": {"micro_batch": 1, "average": 0.9}},
    ),
    "maml": ("maml", {"paradigm": {"stop": {"patience": 3}}}),
    "maml of first order": ("maml", {"paradigm": {"order": "first", "steps": 1}}),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_that_is_cut_ends_with_the_same_bits(variant: str, tmp_path: Path) -> None:
    name, changes = VARIANTS[variant]
    strain = Strain(recipe(name, **dict(changes)), clouds())
    straight = trained(strain, tmp_path / "straight")
    for cut in (2, 5, 8):
        with pytest.raises(Cut):
            trained(strain, tmp_path / "cut", callbacks=[CutAfter(cut)])
    resumed = trained(strain, tmp_path / "cut")
    assert straight.directory.facts["exactness"] == "bits"
    assert digest(resumed) == digest(straight)
    assert str(resumed.scores) == str(straight.scores)


DIES = """
import os, signal, sys
import sonde
from tests.contracts.test_ways_episodes import clouds, recipe

class Dies(sonde.Callback):
    def on_step(self, step, logs):
        if step == 7:
            os.kill(os.getpid(), signal.SIGKILL)

sonde.fit(recipe(sys.argv[1]), clouds(), run_dir=sys.argv[2], callbacks=[Dies()])
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_process_that_is_killed_goes_on_as_if_nothing_had_been(name: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DIES, name, str(tmp_path / "killed")],
        cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    strain = Strain(recipe(name), clouds())
    resumed, straight = (trained(strain, tmp_path / place) for place in ("killed", "straight"))
    assert digest(resumed) == digest(straight)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_decides_everything(name: str, tmp_path: Path) -> None:
    first, again = (trained(Strain(recipe(name), clouds()), tmp_path / str(i)) for i in range(2))
    other = trained(Strain(recipe(name, seed=1), clouds()), tmp_path / "other")
    assert digest(first) == digest(again) != digest(other)
    assert str(first.scores) == str(again.scores)


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_answers_for_classes_it_never_met(name: str, tmp_path: Path) -> None:
    steps = {"prototypes": 60, "maml": 100}[name]
    longer = {"budget": {"steps": steps}, "optimizer": {"kind": "adam", "learning_rate": 0.01}}
    run = trained(Strain(recipe(name, paradigm=longer), clouds()), tmp_path / "run")
    assert float(run.scores["accuracy"]) > 0.8  # by chance a third
    opened = sonde.Bundle.load(run.directory.model)
    places = {"alpha": (3.0, 0.0), "beta": (-3.0, 0.0), "gamma": (0.0, 1.0)}
    support = [{"x": x + d, "y": y, "letter": n} for n, (x, y) in places.items() for d in (0, 0.1)]
    questions = [{"x": x, "y": y + 0.1} for x, y in places.values()]
    answers = opened.predict(questions, support=support)
    assert [answer["letter"] for answer in answers] == list(places)
    assert answers == run.bundle.predict(questions, support=support)
    alone = [opened.predict(question, support=support)[0] for question in questions]
    assert [a["letter"] for a in alone] == list(places)  # a row's answer is its own
    assert opened.predict(questions) == run.bundle.predict(questions)
    frame = pa.Table.from_pylist(support)
    assert opened.predict(questions, support=frame) == answers


def test_scores_are_uncertain_by_episode(tmp_path: Path) -> None:
    run = trained(Strain(recipe("prototypes"), clouds()), tmp_path / "run")
    from sonde.workflow.judged import read_answers

    judged = read_answers(run.directory).judged
    assert judged.groups is not None
    assert np.bincount(judged.groups).tolist() == [12] * 20
    assert "Episodes" in run.report.read_text("utf-8")


def test_validation_episodes_are_of_other_classes(tmp_path: Path) -> None:
    run = trained(Strain(recipe("prototypes"), clouds()), tmp_path / "run")
    found = [s for s in last_of_each_step(run.directory.journal_path, "epoch") if "accuracy" in s]
    assert found and all(0 <= line["accuracy"] <= 1 for line in found)


def test_episodes_within_a_family(tmp_path: Path) -> None:
    columns = {"x": "number", "y": "number", "letter": "category", "ring": "category"}
    plain = recipe("prototypes", task={"within": "ring", "ways": 2}, columns=columns)
    split = {"kind": "group", "by": "letter", "valid": 0, "test": 0.4}
    run = trained(Strain(plain | {"split": split}, clouds()), tmp_path / "run")
    assert run.bundle.task.given == ("x", "y")  # the family is no input


def test_turned_classes(tmp_path: Path) -> None:
    plain = recipe(
        "prototypes",
        columns={"image": "image", "letter": "category"},
        paradigm={"turn": True},
        model={"kind": "convnet", "stages": [4], "dense": []},
    )
    strain = Strain(plain, pictures())
    run = trained(strain, tmp_path / "run")
    with pytest.raises(Cut):
        trained(strain, tmp_path / "cut", callbacks=[CutAfter(5)])
    assert digest(trained(strain, tmp_path / "cut")) == digest(run)


def test_a_class_turns_as_one_and_by_right_angles() -> None:
    grid = torch.randint(256, (8 * 3, 1, 5, 5), dtype=torch.uint8)
    draw = torch.Generator().manual_seed(0)
    batch = {"image": grid, "#row": torch.arange(24)}
    found = tensor_of(turned(batch, {"image": Port("grid", (1, 5, 5))}, 3, draw), "image")
    turns = []
    for start in range(0, 24, 3):
        own, now = grid[start : start + 3], found[start : start + 3]
        (quarter,) = [q for q in range(4) if torch.rot90(own, q, (2, 3)).equal(now)]
        turns.append(quarter)
    assert len(set(turns)) > 2
    assert tensor_of(batch, "image") is grid  # what came in stays as it was


REFUSED: dict[str, tuple[str, dict[str, Any], type[SondeError], str]] = {
    "fewer classes than ways": (
        "prototypes", {"paradigm": {"ways": 11}}, DataError,
        "need 11 classes of 'letter', and these rows have 8",
    ),
    "too few rows": (
        "prototypes", {"paradigm": {"shots": 9}}, DataError, "need 13 rows of each class; 0 of 8",
    ),
    "too few classes to validate": (
        "prototypes", {"task": {"ways": 5}}, DataError, "these rows have 4",
    ),
    "validated on what is trained": (
        "maml", {"split": {"kind": "stratified", "by": "letter"}}, UsageError,
        "validation rows are of classes that are trained on",
    ),
    "another task": (
        "maml", {"task": {"kind": "classification"}}, UsageError, "learns from episodes, got task",
    ),
    "a task that does not adapt": (
        "maml", {"task": {"adapt": None}}, UsageError, "paradigm: prototypes",
    ),
    "a task that adapts": (
        "prototypes", {"task": {"adapt": {"steps": 1}}}, UsageError, "paradigm: maml",
    ),
    "statistics of rows": (
        "maml", {"model": {"kind": "dense", "hidden": [4], "norm": "batch"}}, UsageError,
        "without batch normalisation",
    ),
    "nothing to stop by": (
        "prototypes",
        {"paradigm": {"stop": {}}, "split": {"kind": "group", "by": "letter", "valid": 0}},
        UsageError, "stop follows validation scores",
    ),
    "no pictures to turn": (
        "prototypes", {"paradigm": {"turn": True}}, UsageError, "turn needs pictures",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_learned_is_refused_before_the_first_step(case: str, tmp_path: Path) -> None:
    name, changes, error, message = REFUSED[case]
    plain = recipe(name, **{k: dict(v) for k, v in changes.items()})
    if case == "another task":
        plain["task"] = {"kind": "classification", "target": "letter"}
    with pytest.raises(error, match=message):
        trained(Strain(plain, clouds()), tmp_path / "run")


def test_too_few_test_classes_are_refused(tmp_path: Path) -> None:
    split = {"kind": "group", "by": "letter", "valid": 0.4, "test": 0.1}
    with pytest.raises(DataError, match="need 3 classes of 'letter', and these rows have 2"):
        trained(Strain(recipe("prototypes", split=split), clouds()), tmp_path / "run")
