"""Masks of large pictures: in tiles at full resolution, and over mirror images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import sonde
from sonde.core.picture import png

VALUES = np.array([10, 200], np.uint8)


def scene(seed: int, height: int = 32, width: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """A grey picture with bright blocks, and its mask of two values."""
    rng = np.random.default_rng(seed)
    blocks = rng.random((-(-height // 8), -(-width // 8))) < 0.4
    there = blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
    picture = 60 + 100 * there + rng.normal(0, 20, there.shape)
    return picture.clip(0, 255).astype(np.uint8), VALUES[there.astype(int)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> sonde.Bundle:
    """A model of pictures of 32 x 32."""
    folder: Path = tmp_path_factory.mktemp("masks")
    scenes = [scene(number) for number in range(40)]
    rows = {"image": [png(a) for a, _ in scenes], "mask": [png(b) for _, b in scenes]}
    recipe = {
        "columns": {"image": "image", "mask": "mask"},
        "split": {"kind": "random", "valid": 0.2, "test": 0.2},
        "task": {"kind": "segment", "target": "mask"},
        "model": {"kind": "unet", "channels": [4, 8]},
        "paradigm": {"kind": "supervised", "batch_size": 8, "budget": {"epochs": 15},
                     "optimizer": {"kind": "adam", "learning_rate": 0.02}},
    }  # fmt: skip
    run = sonde.fit(recipe, pa.table(rows), run_dir=folder / "run", judge=False)
    return sonde.Bundle.load(run.directory.model)


def right(answer: dict, mask: np.ndarray) -> float:
    assert answer["mask"].shape == mask.shape and set(np.unique(answer["mask"])) <= set(VALUES)
    assert 0.5 < answer["confidence"] <= 1
    return float((answer["mask"] == mask).mean())


def test_large_pictures_are_answered_at_their_own_resolution(bundle: sonde.Bundle) -> None:
    """Blocks that vanish where the picture is made ten times smaller are all found."""
    picture, mask = scene(100, 320, 260)
    (small,), (tiled,) = (bundle.predict([{"image": picture}], tiles=t) for t in (False, True))
    assert right(tiled, mask) > 0.97 > 0.9 > right(small, mask)


def test_a_picture_of_the_networks_size_is_answered_alike(bundle: sonde.Bundle) -> None:
    picture, mask = scene(101)
    (whole,), (tiled,) = (bundle.predict([{"image": picture}], tiles=t) for t in (False, True))
    assert (whole["mask"] == tiled["mask"]).all() and right(whole, mask) > 0.97
    assert whole["confidence"] == pytest.approx(tiled["confidence"], abs=0.003)


def test_flips_turn_with_the_picture(bundle: sonde.Bundle) -> None:
    """Where both ways are asked, a mirrored picture has the mirrored mask to the pixel."""
    picture, mask = scene(102, 40, 70)
    asked = [{"image": picture}, {"image": picture[:, ::-1].copy()}]
    here, mirrored = (a["mask"] for a in bundle.predict(asked, flips=True))
    assert (here == mirrored[:, ::-1]).mean() > 0.999
    plain = [a["mask"] for a in bundle.predict(asked)]
    assert (plain[0] != plain[1][:, ::-1]).any(), "which the network alone does not do"
    assert right(bundle.predict(asked, flips=True, tiles=True)[0], mask) > 0.97


def test_where_colours_are_classes_answers_are_in_them(tmp_path: Path) -> None:
    colours = {"ground": (10, 0, 0), "block": (0, 120, 250)}
    table = np.zeros((256, 3), np.uint8)
    table[VALUES] = list(colours.values())
    drawn = [scene(number) for number in range(8)]
    pictures = [png(picture) for picture, _ in drawn]
    recipe = {
        "columns": {"image": {"kind": "image", "size": [16, 16]},
                    "mask": {"kind": "mask", "colours": colours}},
        "split": {"kind": "random", "valid": 0.2, "test": 0.2},
        "task": {"kind": "segment", "target": "mask"},
        "model": {"kind": "unet", "channels": [4, 8]},
        "paradigm": {"kind": "supervised", "batch_size": 2, "budget": {"epochs": 1}},
    }  # fmt: skip
    rows = pa.table({"image": pictures, "mask": [png(table[mask]) for _, mask in drawn]})
    bundle = sonde.fit(recipe, rows, run_dir=tmp_path / "run").bundle
    for tiles in (False, True):
        for asked, answers in bundle.predicting([{"image": pictures[0]}], tiles=tiles):
            assert asked is not None
            assert answers[0]["mask"].shape == (32, 32, 3)
            found = {tuple(colour) for colour in answers[0]["mask"].reshape(-1, 3).tolist()}
            assert found <= set(colours.values())
            assert bundle.task.pictured(answers, asked)[0].ndim == 3
