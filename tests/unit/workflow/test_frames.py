"""Frames: what is drawn while a policy plays is what the rows hold, the same each time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.worlds import DRAWN, MOVING, TWO_STATES, registered

import sonde
from sonde.contracts.data import Source
from sonde.core.errors import RecipeError, StorageError, UnknownColumn, UsageError


@pytest.fixture(autouse=True)
def _worlds() -> Iterator[None]:
    with registered():
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A model for each of three games, hardly trained."""
    folder, found = tmp_path_factory.mktemp("models"), {}
    with registered():
        for world in (DRAWN, MOVING, TWO_STATES):
            dense = {"kind": "agent", "network": {"kind": "dense", "hidden": [4]}}
            recipe = {
                "source": {"kind": "world", "id": world},
                "columns": {},
                "task": {"kind": "act", "world": world, "episodes": 1},
                "model": {"kind": "convnet", "stages": [2]} if world == MOVING else dense,
                "paradigm": {
                    "kind": "ppo", "copies": 2, "length": 8, "batch_size": 8,
                    "budget": {"steps": 1},
                },
            }  # fmt: skip
            run = sonde.fit(recipe, run_dir=folder / world.rpartition("/")[2])
            found[world] = str(run.directory.model)
    return found


def source(*policy: str, **options: Any) -> Source:
    return Source.parse({"kind": "frames", "policy": list(policy), **options})


def rows(of: Source, *fields: str) -> list[dict[str, Any]]:
    return [row for chunk in of.scan(fields or None) for row in chunk.to_pylist()]


def picture(row: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(row["image"])))


def test_a_row_is_what_the_game_looked_like(models: dict[str, str]) -> None:
    """The column that is drawn stands where the observation says, and moves as steps do."""
    cells = [{"number": 0, "at": [0.0]}]
    found = rows(source(models[DRAWN], count=300, cells=cells, randomness=0.5))
    assert len(found) == 300
    places = {}
    for row in found:
        frame = picture(row)
        assert frame.shape == (10, 20, 3)
        place = int(frame[0, :, 0].argmax())
        assert row["cell"] == str(int(place >= 10))
        assert row["game"] == "Sonde-Drawn-v0" and row["action"] in ("0", "1")
        places[row["episode"], row["step"]] = place
    moved = [abs(places[e, s] - places[e, s - 1]) for e, s in places if (e, s - 1) in places]
    assert moved and set(moved) == {1}
    assert len({episode for episode, _ in places}) > 8


def test_they_are_the_same_each_time_and_others_under_another_seed(models: dict[str, str]) -> None:
    first, again = (source(models[DRAWN], count=40, seed=4) for _ in range(2))
    assert rows(first) == rows(again)
    assert first.fingerprint() == again.fingerprint()
    other = source(models[DRAWN], count=40, seed=5)
    assert rows(first) != rows(other)
    assert first.fingerprint() != other.fingerprint()
    assert first.fingerprint() != source(models[TWO_STATES], count=40, seed=4).fingerprint()


def test_some_fields_and_every_third_step(models: dict[str, str]) -> None:
    found = rows(source(models[DRAWN], count=50, every=3), "step", "episode")
    assert all(set(row) == {"step", "episode"} and row["step"] % 3 == 0 for row in found)
    with pytest.raises(UnknownColumn, match="no column 'frame'"):
        rows(source(models[DRAWN], count=5), "frame")


def test_crop_grey_and_size(models: dict[str, str]) -> None:
    whole = rows(source(models[DRAWN], count=20))
    cut = rows(source(models[DRAWN], count=20, crop=[2, 4, 6, 12], grey=True, size=[3, 6]))
    for one, other in zip(whole, cut, strict=True):
        grey = np.asarray(Image.fromarray(picture(one)[2:8, 4:16]).convert("L"), float)
        wanted = grey.reshape(3, 2, 6, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(picture(other), wanted, atol=0.51)
    with pytest.raises(UsageError, match="expected a part of the 10 x 20 pixels"):
        rows(source(models[DRAWN], crop=[5, 0, 6, 20]))


def test_several_games_give_as_many_frames_each(models: dict[str, str]) -> None:
    """An agent that sees pictures is recorded by what it sees, and needs no drawing."""
    of = source(models[DRAWN], models[MOVING], count=41, grey=True)
    found = rows(of)
    games = [row["game"] for row in found]
    assert [games.count(name) for name in ("Sonde-Drawn-v0", "Sonde-Moving-v0")] == [20, 21]
    assert {picture(row).shape for row in found} == {(10, 20), (5, 8)}
    assert all((picture(row) == 255).sum() == 5 for row in found[20:])
    assert len({row["episode"] for row in found[:20]} & {row["episode"] for row in found[20:]}) == 0
    assert of.describe() == "41 frames of Sonde-Drawn-v0, Sonde-Moving-v0"


def test_what_cannot_be_recorded_is_told(models: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot draw itself"):
        rows(source(models[TWO_STATES]))
    with pytest.raises(UsageError, match="got number 2, but Sonde-Drawn-v0 gives observations"):
        rows(source(models[DRAWN], cells=[{"number": 2, "at": [0]}]))
    with pytest.raises(RecipeError, match="rising order"):
        source(models[DRAWN], cells=[{"number": 0, "at": [1, 0]}])
    with pytest.raises(StorageError, match=r"gone\.sonde"):
        rows(source(str(tmp_path / "gone.sonde")))
    table = tmp_path / "points.csv"
    table.write_text("x,y\n" + "\n".join(f"{n},{'ab'[n % 2]}" for n in range(40)))
    recipe = {
        "source": {"kind": "table", "path": str(table)},
        "task": {"kind": "classification", "target": "y"},
        "model": "linear", "paradigm": {"kind": "supervised", "budget": {"steps": 1}},
    }  # fmt: skip
    run = sonde.fit(recipe, run_dir=tmp_path / "run", judge=False)
    with pytest.raises(UsageError, match="'classification'; frames are recorded under a policy"):
        rows(source(str(run.directory.model)))


def test_a_classifier_learns_from_frames(models: dict[str, str], tmp_path: Path) -> None:
    """On which side the column stands; episodes stay in one part."""
    recipe = {
        "source": {
            "kind": "frames", "policy": models[DRAWN], "count": 400, "randomness": 0.5,
            "cells": [{"number": 0, "at": [0.0]}],
        },
        "split": {"kind": "group", "by": "episode"},
        "columns": {"image": "image", "cell": "category"},
        "task": {"kind": "classification", "target": "cell"},
        "model": {"kind": "convnet", "stages": [4], "dense": [8]},
        "paradigm": {
            "kind": "supervised", "batch_size": 32, "budget": {"epochs": 20},
            "optimizer": {"kind": "adam", "learning_rate": 0.01},
        },
    }  # fmt: skip
    run = sonde.fit(recipe, run_dir=tmp_path / "run")
    assert float(run.scores["accuracy"]) > 0.9
