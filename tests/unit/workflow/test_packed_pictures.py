"""Pictures in an archive, from the file to an answer: as if they lay in a folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sonde
from sonde.app.begin import begin


def draw(folder: Path) -> None:
    """Two classes of 40 pictures: the left half or the right half is bright."""
    rng = np.random.default_rng(0)
    for label in ("left", "right"):
        (folder / label).mkdir(parents=True)
        for number in range(40):
            pixels = rng.integers(0, 120, (10, 12), dtype=np.uint8)
            half = slice(0, 6) if label == "left" else slice(6, 12)
            pixels[:, half] += 120
            Image.fromarray(pixels).save(folder / label / f"{number:02}.png")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, sonde.Run]:
    """The same training from the folder and from the archive."""
    home = tmp_path_factory.mktemp("pictures")
    draw(home / "halves")
    with zipfile.ZipFile(home / "halves.zip", "w") as packed:
        for path in sorted((home / "halves").rglob("*.png"), reverse=True):
            packed.write(path, f"halves/{path.relative_to(home / 'halves')}")
    found = {}
    for name in ("halves", "halves.zip"):
        recipe = begin(str(home / name), None)
        plain = recipe.dump() | {
            "model": {"kind": "convnet", "stages": [4], "padding": "same", "dense": []},
            "paradigm": {
                "kind": "supervised",
                "optimizer": {"kind": "adam", "learning_rate": 0.05},
                "budget": {"epochs": 3},
                "batch_size": 16,
            },
        }
        found[name] = sonde.fit(plain, run_dir=home / f"run-{name}")
    return found


def test_an_archive_and_its_folder_give_the_same_scores(runs: dict[str, sonde.Run]) -> None:
    folder, archive = runs["halves"], runs["halves.zip"]
    assert str(archive.scores["accuracy"]) == str(folder.scores["accuracy"])
    assert archive.scores["accuracy"].value > 0.9


def test_a_model_from_an_archive_answers_files_and_bytes(
    runs: dict[str, sonde.Run], tmp_path: Path
) -> None:
    draw(tmp_path / "new")
    path = tmp_path / "new" / "right" / "07.png"
    bundle = runs["halves.zip"].bundle
    (by_path,) = bundle.predict([{"image": str(path)}])
    (by_bytes,) = bundle.predict([{"image": path.read_bytes()}])
    assert by_path == by_bytes
    assert by_path["label"] == "right"
