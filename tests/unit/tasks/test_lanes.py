"""Lanes from files to drawn curves: trained, sealed, asked, as a stranger would."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sonde
from sonde.app import cli
from sonde.core.errors import UsageError
from sonde.metrics.line_iou import LineIou
from sonde.run.bundle import Bundle
from sonde.tasks.lanes import Lanes

HEIGHT, WIDTH = 24, 40
VALUES = {0: "road", 9: "left", 17: "right"}


def road(rng: np.random.Generator, scale: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A dark picture with two bright lines, and its mask, in the values above."""
    y, x = np.mgrid[: HEIGHT * scale, : WIDTH * scale] / scale
    lean, left, right = rng.uniform(0.1, 0.4), rng.uniform(6, 12), rng.uniform(26, 33)
    mask = np.zeros(y.shape, np.uint8)
    mask[np.abs(x - left - lean * (HEIGHT - y)) < 1.5] = 9
    mask[np.abs(x - right + lean * (HEIGHT - y)) < 1.5] = 17
    mask[y < 6] = 0
    noise = rng.integers(0, 60, (*y.shape, 3))
    return (noise + 180 * (mask > 0)[..., None]).astype(np.uint8), mask


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that learned from files in two folders."""
    home = tmp_path_factory.mktemp("lanes")
    rng = np.random.default_rng(0)
    for number in range(80):
        for folder, picture in zip(("images", "masks"), road(rng), strict=True):
            (home / "roads" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(home / "roads" / folder / f"{number:03d}.png")
    recipe = {
        "source": {"kind": "paired", "path": str(home / "roads")},
        "columns": {"image": "image", "mask": {"kind": "mask", "classes": VALUES}},
        "split": {"kind": "random", "valid": 0.1, "test": 0.2},
        "task": {"kind": "lanes", "degree": 1},
        "model": {"kind": "unet", "channels": [4, 8, 8]},
        "paradigm": {
            "kind": "supervised",
            "batch_size": 8,
            "optimizer": {"kind": "adamw", "learning_rate": 0.02},
            "budget": {"epochs": 8},
        },
    }
    run = sonde.fit(recipe, run_dir=home / "run")
    scores = {name: float(score) for name, score in run.scores.items()}
    assert scores["line iou"] > 0.6 and scores["line f1"] > 0.9
    assert scores["line error (pixels)"] < 1
    assert "Class by class" in (home / "run" / "report.html").read_text()
    return home / "run" / "model.sonde"


def test_lines_are_answered_in_the_pixels_of_the_raw_picture(model: Path) -> None:
    """A picture four times as large gets lines and a mask four times as large."""
    picture, mask = road(np.random.default_rng(5), scale=4)
    (answer,) = Bundle.load(model).predict([{"image": picture}])
    assert answer["mask"].shape == mask.shape and set(np.unique(answer["mask"])) <= {*VALUES}
    lines = {line["label"]: np.array(line["points"]) for line in answer["lines"]}
    assert set(lines) == {"left", "right"}
    for value, label in ((9, "left"), (17, "right")):
        for x, y in lines[label]:
            row = mask[min(int(y), len(mask) - 1)]
            if (row == value).any():
                assert abs(np.flatnonzero(row == value).mean() + 0.5 - x) < 6
    assert all(0 < line["score"] <= 1 for line in answer["lines"])


def test_what_was_found_is_drawn(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        picture, _ = road(np.random.default_rng(number), scale=10)
        Image.fromarray(picture).save(f"{number}.png")
    assert cli.run(["predict", str(model), "0.png", "1.png", "--draw"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["drawn"] for answer in answers] == [
        str(Path("predicted") / f"{number}-drawn.png") for number in range(2)
    ]
    drawn = np.asarray(Image.open(answers[0]["drawn"]))
    assert drawn.shape == (240, 400, 3)
    assert not np.array_equal(drawn, np.asarray(Image.open("0.png")))
    assert set(np.unique(np.asarray(Image.open(answers[0]["mask"])))) <= {*VALUES}


def test_a_picture_without_lines_has_none(model: Path) -> None:
    blank = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    bundle = Bundle.load(model)
    (answer,) = bundle.predict([{"image": blank}])
    assert len(answer["lines"]) <= 2
    assert answer["mask"].shape == (HEIGHT, WIDTH)


def test_the_ground_is_the_commonest_class_or_the_one_named(model: Path) -> None:
    columns = Bundle.load(model).columns
    assert Lanes().bind(columns).metrics()["line iou"] == LineIou(ground=0)
    assert Lanes(ground="left").bind(columns).metrics()["line iou"] == LineIou(ground=1)
    with pytest.raises(UsageError, match=r"ground: .*'rode'"):
        Lanes(ground="rode").bind(columns)
