"""Small trained models of three kinds, and the command line as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from PIL import Image as Pillow

import sonde

ROWS = 240


@dataclass(frozen=True)
class Shipped:
    """A finished run, the source it came from, and raw rows without their targets."""

    run: sonde.Run
    source: sonde.Source
    rows: list[dict[str, Any]]


def command(*arguments: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """`sonde ...`, with text on its standard input."""
    words = [sys.executable, "-m", "sonde.app.cli", *map(str, arguments)]
    return subprocess.run(words, input=given, capture_output=True, text=True, check=False)


def lines(answers: list[dict[str, Any]]) -> str:
    """Answers as the command line writes them."""
    return "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers)


def table() -> pa.Table:
    """Numbers and categories of several types, some missing."""
    rng = np.random.default_rng(0)
    size, colour = rng.normal(50, 9, ROWS), rng.choice(["red", "green", "blüe"], ROWS)
    truth = size / 9 + 2 * (colour == "red") + rng.normal(size=ROWS)
    return pa.table(
        {
            "size": pa.array(size, mask=rng.random(ROWS) < 0.1),
            "colour": pa.array(colour, mask=rng.random(ROWS) < 0.1),
            "code": rng.integers(1, 4, ROWS),
            "flag": rng.random(ROWS) < 0.5,
            "label": np.where(truth > 6, "yes", "no"),
        }
    )


def trained(name: str, folder: Path) -> Shipped:
    """The model `name` of `table`, `pictures`, `mixed`, trained for two epochs."""
    folder.mkdir(parents=True)
    recipe, source = {"table": _table, "pictures": _pictures, "mixed": _mixed}[name](folder)
    recipe["task"] = {"kind": "classification", "target": "label"}
    recipe["paradigm"] = {"kind": "supervised", "budget": {"epochs": 2}, "batch_size": 16}
    run = sonde.fit(recipe, source, run_dir=folder / "run")
    given = list(run.bundle.task.given)
    rows = [row for chunk in source.scan(given) for row in chunk.to_pylist()]
    return Shipped(run, source, rows)


def _table(folder: Path) -> tuple[dict[str, Any], sonde.Source]:
    path = folder / "rows.csv"
    pyarrow.csv.write_csv(table(), path)
    columns = {"size": "number", "colour": "category", "code": "category", "flag": "category",
               "label": "category"}  # fmt: skip
    return {"columns": columns, "model": {"kind": "dense", "hidden": [16]}}, sonde.Table(str(path))


def _pictures(folder: Path) -> tuple[dict[str, Any], sonde.Source]:
    _draw(folder / "pictures", [f"{'ab'[row % 2]}/{row:03}.png" for row in range(ROWS // 2)])
    model = {"kind": "convnet", "stages": [4, 8], "dense": [8]}
    return {"model": model}, sonde.Folder(str(folder / "pictures"))


def _mixed(folder: Path) -> tuple[dict[str, Any], sonde.Source]:
    names = [f"{row:03}.png" for row in range(ROWS)]
    _draw(folder / "pictures", names)
    pyarrow.csv.write_csv(table().append_column("file", pa.array(names)), folder / "rows.csv")
    source = sonde.Folder(str(folder / "pictures"), table=str(folder / "rows.csv"), image="file")
    columns = {"file": "image", "size": "number", "colour": "category", "label": "category"}
    return {"columns": columns, "model": {"kind": "dense", "hidden": [16]}}, source


def _draw(folder: Path, names: list[str]) -> None:
    """Grey noise, brighter on the left in every other picture."""
    rng = np.random.default_rng(1)
    for row, name in enumerate(names):
        pixels = rng.integers(0, 200, (12, 10), dtype=np.uint8)
        pixels[:, :5] += 40 * np.uint8(row % 2)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(pixels).save(folder / name)
