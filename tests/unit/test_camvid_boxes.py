"""The script that takes patches of masks for objects, and the source that reads its table."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from sonde.data.sources.box_table import BoxTable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script() -> ModuleType:
    path = ROOT / "examples" / "camvid_boxes.py"
    spec = importlib.util.spec_from_file_location("camvid_boxes", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mask() -> np.ndarray:
    """Two cars, one of which is too small; a person in two pieces that touch at a corner."""
    pixels = np.full((40, 60), 3, np.uint8)
    pixels[5:20, 10:30] = 8
    pixels[30:34, 2:8] = 8
    pixels[2:12, 40:45], pixels[12:24, 45:50] = 9, 9
    return pixels


def test_each_patch_is_an_object(script: ModuleType) -> None:
    assert list(script.patches(mask())) == [("car", 10, 5, 30, 20), ("person", 40, 2, 50, 24)]


def test_the_table_is_read_as_the_recipe_reads_it(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "camvid" / "camvid-subset.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as held:
        for folder in ("train", "val", "test"):
            for name, pixels in (("", np.zeros((40, 60, 3), np.uint8)), ("annot", mask())):
                for number in range(2):
                    file = io.BytesIO()
                    shown = pixels if number else np.zeros_like(pixels)  # the first is empty
                    Image.fromarray(shown).save(file, "PNG")
                    held.writestr(f"CamVid/{folder}{name}/{folder}{number}.png", file.getvalue())
    monkeypatch.setenv("SONDE_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    script.main()
    source = BoxTable(path="camvid/camvid-subset.zip", table="runs/camvid-boxes.csv", part="part")
    rows = [row for chunk in source.scan() for row in chunk.to_pylist()]
    assert [row["#part"] for row in rows] == ["train"] * 2 + ["valid"] * 2 + ["test"] * 2
    assert [len(row["boxes"]) for row in rows] == [0, 2] * 3
    assert rows[1]["boxes"][0]["label"] == "car"
    assert [rows[1]["boxes"][0][border] for border in ("x0", "y0", "x1", "y1")] == [10, 5, 30, 20]
