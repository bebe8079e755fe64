"""The script that draws roads: one seed, one set; masks and lines agree; the recipe reads them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sonde.contracts.recipe import Recipe
from sonde.core.text import from_yaml

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def made(folder: Path, *flags: str) -> Path:
    script = [sys.executable, str(EXAMPLES / "make_roads.py"), str(folder)]
    subprocess.run([*script, "--train", "5", "--valid", "1", "--test", "1", *flags], check=True)
    return folder


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("made") / "runs" / "roads")


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_a_seed_says_every_byte(roads: Path, tmp_path: Path) -> None:
    again, other = files(made(tmp_path / "again")), files(made(tmp_path / "other", "--seed", "1"))
    assert files(roads) == again
    assert all(again[name] != other[name] for name in again if name.endswith(".jpg"))
    assert len(again) == 2 * (5 + 1 + 1) + 3


def test_lines_run_through_their_masks(roads: Path) -> None:
    """Each point of a line whose row has a mark lies in the mark or a pixel beside it."""
    lines = json.loads((roads / "train" / "lines.json").read_text())
    assert len(lines) == 5
    met = 0
    for name, found in lines.items():
        mask = np.asarray(Image.open(roads / "train" / "masks" / f"{name}.png"))
        assert mask.shape == (180, 320) and set(np.unique(mask)) <= {0, 1, 2}
        for line in found:
            value = {"left": 1, "right": 2}[line["label"]]
            for x, y in line["points"][
                : len(line["points"]) // 2
            ]:  # the rest may be behind a crest
                marked = np.flatnonzero(mask[int(y)] == value)
                assert len(marked) and marked[0] - 1 <= x <= marked[-1] + 2
                met += 1
    assert met > 50


def test_the_recipe_reads_them(roads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(roads.parent.parent)
    text = (EXAMPLES / "lanes.yaml").read_text(encoding="utf-8")
    recipe = Recipe.parse(from_yaml(text))
    assert recipe.source is not None
    rows = [row for chunk in recipe.source.scan() for row in chunk.to_pylist()]
    assert [row["#part"] for row in rows] == ["train"] * 5 + ["valid", "test"]
    assert all(row["image"].endswith(".jpg") and row["mask"].endswith(".png") for row in rows)
