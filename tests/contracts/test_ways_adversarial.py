"""A generator and its critic go through the one `fit`; what they say of themselves is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import sonde
from sonde.core.errors import DataError, SondeError, StorageError, UsageError
from sonde.core.notice import listening
from sonde.core.picture import is_picture
from sonde.data.memory import as_source
from sonde.run.journal import last_of_each_step, read_journal
from sonde.workflow.judge import judge_rows
from tests.contracts._strain import FAST, Strain
from tests.contracts.test_paradigms import Cut, CutAfter, digest, trained

SIDE = 8


def halves(rows: int = 120) -> dict[str, Any]:
    """(N, 8, 8) uint8 with a bright square somewhere on the left or on the right, and where."""
    rng = np.random.default_rng(7)
    pictures = rng.integers(0, 30, (rows, SIDE, SIDE)).astype(np.uint8)
    left = np.arange(rows) % 2 == 0
    for picture, side, at in zip(pictures, left, rng.integers(0, 5, rows), strict=True):
        picture[at : at + 4, slice(0, 4) if side else slice(4, 8)] = 250
    return {"image": pictures, "sort": np.where(left, "left", "right")}


def strain(data: Any = None, *, task: dict[str, Any] | None = None, **paradigm: Any) -> Strain:
    """Some steps of two very small networks."""
    recipe = {
        "columns": {"image": "image", "sort": "category"},
        "split": {"kind": "random", "valid": 0.2, "test": 0.2},
        "task": {"kind": "generate", "condition": "sort", "noise": 6} | (task or {}),
        "model": {"kind": "dcgan", "channels": [4, 6], "kernel_size": 3},
        "paradigm": {
            "kind": "adversarial",
            "critic": {"kind": "critic", "channels": [4], "kernel_size": 3},
            "batch_size": 16,
            "budget": {"epochs": 2},
        }
        | paradigm,
        "checkpoint": FAST,
    }
    return Strain(recipe, halves() if data is None else data)


def adam(rate: float) -> dict[str, Any]:
    return {"optimizer": {"kind": "adam", "learning_rate": rate, "betas": [0.5, 0.999]}}


def without_condition(**paradigm: Any) -> Strain:
    made = strain({"image": halves()["image"]}, task={"condition": None}, **paradigm)
    made.recipe["columns"].pop("sort")
    return made


PLAIN = {"kind": "critic", "channels": [4], "kernel_size": 3, "spectral": False, "told": "planes"}
STRAINS: dict[str, Callable[[], Strain]] = {
    "hinge": strain,
    "standard, in parts": lambda: strain(
        loss="standard", critic=PLAIN, generator_descent={"micro_batch": 5, "average": 0.9},
        critic_descent={"micro_batch": 6, "clip": 1.0},
    ),
    "in half precision": lambda: strain(
        generator_descent={"precision": "bfloat16", "schedule": "polynomial"},
        critic_descent={"precision": "bfloat16", "schedule": "polynomial"},
    ),
    "wasserstein": lambda: strain(
        loss="wasserstein", critic=PLAIN, critic_steps=2, evaluate_every=2, budget={"steps": 6}
    ),
    "without a condition": lambda: without_condition(
        generator_descent={"snapshots": {"last": 2}, "average": None}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STRAINS)
def test_a_run_that_is_cut_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    made = STRAINS[name]()
    straight = trained(made, tmp_path / "straight")
    for cut in (2, 5):
        with pytest.raises(Cut):
            trained(made, tmp_path / "cut", callbacks=[CutAfter(cut)])
    resumed = trained(made, tmp_path / "cut")
    assert straight.directory.facts["exactness"] == "bits"
    assert digest(resumed) == digest(straight)
    assert str(resumed.scores) == str(straight.scores)
    assert straight.directory.model.read_bytes() == resumed.directory.model.read_bytes()


@pytest.mark.parametrize("name", STRAINS)
def test_a_seed_decides_everything_and_the_bundle_draws(name: str, tmp_path: Path) -> None:
    made = STRAINS[name]()
    first, again = (trained(made, tmp_path / str(i)) for i in range(2))
    other = Strain(made.recipe | {"seed": 1}, made.data)
    assert digest(first) == digest(again) != digest(trained(other, tmp_path / "other"))
    opened = sonde.Bundle.load(first.directory.model)
    drawn = pixels(opened.predict(count=5, seed=3))
    assert drawn.shape == (5, SIDE, SIDE)
    assert drawn.tobytes() == pixels(first.bundle.predict(count=5, seed=3)).tobytes()
    assert drawn.tobytes() != pixels(opened.predict(count=5, seed=4)).tobytes()
    assert np.array_equal(drawn, pixels(opened.predict(count=300, seed=3))[:5])


def pixels(answers: list[dict[str, Any]]) -> np.ndarray:
    assert all(is_picture(answer["image"]) for answer in answers)
    return np.stack([answer["image"] for answer in answers])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    """Trained until left and right can be told apart."""
    made = strain(
        halves(400),
        budget={"epochs": 12},
        generator_descent=adam(2e-3) | {"average": 0.99},
        critic_descent=adam(2e-3),
    )
    made.recipe["model"] = {"kind": "dcgan", "channels": [16, 24], "kernel_size": 3}
    made.recipe["paradigm"]["critic"] = {"kind": "critic", "channels": [16, 24], "kernel_size": 3}
    made.recipe.pop("checkpoint")
    return trained(made, tmp_path_factory.mktemp("generate") / "run")


def test_it_draws_what_it_is_asked_for(run: sonde.Run) -> None:
    answers = run.bundle.predict(count=6, seed=1, classes="right")
    assert [answer["sort"] for answer in answers] == ["right"] * 6
    turns = run.bundle.predict(count=5, seed=1)
    assert [answer["sort"] for answer in turns] == ["left", "right", "left", "right", "left"]
    rows = run.bundle.predict([{"sort": "right"}, {"sort": "left"}], seed=1)
    assert [row["sort"] for row in rows] == ["right", "left"]


def test_rows_that_are_given_in_parts_are_drawn_as_the_whole(run: sonde.Run) -> None:
    """Else every batch of rows would begin with the same pictures."""
    rows = [{"sort": "right"}] * 7
    whole = pixels(run.bundle.predict(rows, seed=5))
    assert np.array_equal(whole, pixels(run.bundle.predict(rows, seed=5, batch_size=3)))
    assert len(np.unique(whole.reshape(7, -1), axis=0)) == 7


def test_conditions_are_heeded_after_training(run: sonde.Run) -> None:
    for sort, bright in (("left", slice(0, 4)), ("right", slice(4, 8))):
        drawn = pixels(run.bundle.predict(count=60, seed=2, classes=sort)).astype(float)
        assert drawn[:, :, bright].mean() > 1.5 * drawn.mean(), sort


def test_samples_are_shown_and_cheap_scores_are_taken(run: sonde.Run) -> None:
    sheets = sorted((run.path / "pictures").glob("*samples.png"))
    assert len(sheets) == 12
    epochs = last_of_each_step(run.directory.journal_path, "epoch")
    assert {"nearest drawn", "nearest real", "spread"} <= set(epochs[0])
    assert epochs[-1]["nearest drawn"] < epochs[0]["nearest drawn"]
    assert set(run.scores) == {"nearest drawn", "nearest real"}


def test_without_a_classifier_it_says_what_it_cannot_score(tmp_path: Path) -> None:
    heard: list[str] = []
    made = strain(budget={"steps": 2})
    run = trained(made, tmp_path / "run")
    with listening(lambda message, *_: heard.append(message)):
        judge_rows(run.bundle, as_source(made.data))
    assert any("judge_by: path/to/model.sonde" in message for message in heard)
    assert "Fréchet" in run.report.read_text("utf-8")


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    recipe = {
        "columns": {"image": "image", "sort": "category"},
        "task": {"kind": "classification", "target": "sort"},
        "model": {"kind": "convnet", "stages": [6], "dense": [5], "padding": "same"},
        "paradigm": {"kind": "supervised", "budget": {"epochs": 15}, "batch_size": 16},
    }
    return sonde.fit(recipe, halves(300), run_dir=tmp_path_factory.mktemp("judge") / "run")


def test_a_named_classifier_judges(judge: sonde.Run, tmp_path: Path) -> None:
    made = strain(budget={"epochs": 1}, task={"judge_by": str(judge.directory.model)})
    run = trained(made, tmp_path / "run")
    names = ["frechet", "precision", "recall", "agreement", "nearest drawn", "nearest real"]
    assert list(run.scores) == names
    assert run.scores["frechet"].low is not None
    assert float(run.scores["frechet"]) > 0


def test_features_are_those_of_the_last_hidden_layer(judge: sonde.Run) -> None:
    batch = pa.RecordBatch.from_pydict(
        {"image": pa.FixedShapeTensorArray.from_numpy_ndarray(halves(9)["image"])}
    )
    features = judge.bundle.features(batch)
    assert features.shape == (9, 5)
    head = judge.bundle.network.heads[0]
    logits = features @ head.weight.numpy().T + head.bias.numpy()
    said = judge.bundle.arrays(batch)["index"]
    assert np.array_equal(logits.argmax(axis=1), said)


def test_a_classifier_learns_from_drawn_rows_and_is_tested_on_real_ones(
    run: sonde.Run, tmp_path: Path
) -> None:
    real = halves(60)
    np.savez(tmp_path / "real.npz", **real)
    places = {"image": f"{tmp_path}/real.npz:image", "sort": f"{tmp_path}/real.npz:sort"}
    recipe = {
        "source": {"kind": "drawn", "model": str(run.directory.model), "count": 400,
                   "test": {"kind": "arrays", "train": places}},
        "columns": {"image": "image", "sort": "category"},
        "task": {"kind": "classification", "target": "sort"},
        "model": {"kind": "convnet", "stages": [8], "dense": [8], "padding": "same"},
        "paradigm": {"kind": "supervised", "budget": {"epochs": 12}, "batch_size": 16},
    }  # fmt: skip
    learned = sonde.fit(recipe, run_dir=tmp_path / "run")
    assert learned.scores["accuracy"].rows == 60
    assert float(learned.scores["accuracy"]) > 0.8
    again = sonde.fit(recipe, run_dir=tmp_path / "again")
    assert digest(learned) == digest(again)


def test_a_model_that_draws_nothing_is_no_source(judge: sonde.Run) -> None:
    recipe = {
        "source": {"kind": "drawn", "model": str(judge.directory.model)},
        "task": {"kind": "classification", "target": "sort"},
    }
    with pytest.raises(UsageError, match="draws no rows"):
        sonde.fit(recipe)


def test_pictures_of_different_sizes_are_refused_unless_one_is_named(tmp_path: Path) -> None:
    data = halves(60)
    several = [picture[: SIDE - (row % 3 == 0)] for row, picture in enumerate(data["image"])]
    rows = [{"image": p, "sort": s} for p, s in zip(several, data["sort"], strict=True)]
    with pytest.raises(UsageError, match=r"different sizes.*size: \[8, 8\]"):
        trained(strain(rows), tmp_path / "run")
    named = strain(rows, budget={"steps": 1})
    named.recipe["columns"]["image"] = {"kind": "image", "size": [SIDE, SIDE]}
    assert trained(named, tmp_path / "named").bundle.predict(count=1)


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a picture that is none": ({"task": {"kind": "generate", "picture": "sort"}}, UsageError,
                               "expected pictures|nothing becomes of"),
    "a condition that is no column": ({"task": {"kind": "generate", "condition": "sorte"}},
                                      SondeError, "Did you mean 'sort'"),
    "a column without a use": ({"task": {"kind": "generate"}}, UsageError, "condition: sort"),
    "a judge that is not there": (
        {"task": {"kind": "generate", "condition": "sort", "judge_by": "no/model.sonde"}},
        StorageError, "there is no no/model.sonde"),
    "a task that draws nothing": ({"task": {"kind": "classification", "target": "sort"},
                                   "model": "convnet"}, UsageError, "task: generate"),
    "a model that draws nothing": ({"model": {"kind": "dense"}}, UsageError, "output 'image'"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_meant_is_said_before_training(name: str, tmp_path: Path) -> None:
    change, error, message = WRONG[name]
    made = strain()
    with pytest.raises(error, match=message):
        trained(Strain(made.recipe | change, made.data), tmp_path / "run")


def test_a_model_that_reads_no_pictures_cannot_judge(run: sonde.Run, tmp_path: Path) -> None:
    made = strain(budget={"steps": 1}, task={"judge_by": str(run.directory.model)})
    with pytest.raises(UsageError, match="expected one that says a class"):
        trained(made, tmp_path / "run")


def test_pictures_in_colour_and_another_network_for_a_critic(tmp_path: Path) -> None:
    data = {"image": np.repeat(halves()["image"][..., None], 3, axis=3)}
    critic = {"kind": "convnet", "stages": [4], "dense": [3], "padding": "same"}
    made = without_condition(critic=critic, loss="standard", budget={"steps": 2})
    drawn = trained(Strain(made.recipe, data), tmp_path / "run").bundle.predict(count=3)
    assert [answer["image"].shape for answer in drawn] == [(SIDE, SIDE, 3)] * 3


def test_a_critic_that_wins_and_pictures_that_stay_alike_are_said(tmp_path: Path) -> None:
    """A generator that hardly learns, against a critic that does."""
    made = strain(
        critic=PLAIN | {"channels": [8, 8]},
        generator_descent=adam(1e-7) | {"average": None},
        critic_descent=adam(0.005),
        budget={"steps": 450},
        evaluate_every=450,
    )
    made.recipe.pop("checkpoint")
    made.recipe["model"]["norm"] = None  # its pictures are all but the same
    run = trained(made, tmp_path / "run")
    notices = [e["message"] for e in read_journal(run.directory.journal_path)
               if e["event"] == "notice"]  # fmt: skip
    assert any("the critic has won" in message for message in notices)
    assert any("'left' are all alike" in message for message in notices)


def test_the_task_names_its_model_and_its_way_of_learning(tmp_path: Path) -> None:
    recipe = {"task": {"kind": "generate", "condition": "sort"}}
    assert sonde.Recipe.parse(recipe).paradigm.kind == "adversarial"
    made = strain(budget={"steps": 1})
    made.recipe.pop("model")
    assert trained(made, tmp_path / "run").bundle.recipe["model"]["kind"] == "dcgan"


def test_beside_a_penalty_no_norm_is_the_default() -> None:
    asked = {"task": "generate", "paradigm": {"kind": "adversarial", "loss": "wasserstein"}}
    assert sonde.Recipe.parse(asked).dump()["paradigm"]["critic"]["spectral"] is False


def test_what_a_caller_cannot_ask_for(run: sonde.Run) -> None:
    with pytest.raises(UsageError, match=r"unknown class of 'sort' 'rigt'.*'right'"):
        run.bundle.predict(count=2, classes="rigt")
    with pytest.raises(DataError, match="no class that was trained on"):
        run.bundle.predict([{"sort": "diagonal"}])
