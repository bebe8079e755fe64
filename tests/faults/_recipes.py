"""Small runs that use all that a resume must bring back, and the rows for them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import _boxes
import _codes
import _ways
import numpy as np
import pyarrow as pa
from _kinds import kinds
from _kinds import recipe as kind_recipe
from _kinds import rows as kind_rows
from PIL import Image as Pillow
from pyarrow import csv, parquet

from sonde.core.text import to_json, to_yaml

SAVED_EVERY = 7
"""Steps between two checkpoints: no divisor of an epoch, so that saves fall anywhere in it."""

_SAVING = {"seconds": 3600, "steps": SAVED_EVERY}


def table_rows() -> pa.Table:
    """Numbers, categories, missing values of both, and labels with enough noise to overfit."""
    rng = np.random.default_rng(0)
    size, age = rng.normal(size=(2, 220))
    town = rng.choice(["north", "south", "west"], 220)
    noise = rng.normal(size=220) * 1.5
    label = np.where(size + (town == "north") + noise > 0.3, "yes", "no")
    size[rng.random(220) < 0.1] = np.nan
    missing = rng.random(220) < 0.1
    return pa.table(
        {
            "size": pa.array(size, from_pandas=True),
            "age": age,
            "town": pa.array(town, mask=missing),
            "label": label,
        }
    )


def table_recipe() -> dict[str, Any]:
    """Dropout, batch norm, clipping, a schedule, an average, early stopping."""
    return {
        "task": {"kind": "classification", "target": "label"},
        "model": {"kind": "dense", "hidden": [16, 16], "dropout": 0.2, "norm": "batch"},
        "paradigm": {
            "kind": "supervised",
            "batch_size": 16,
            "optimizer": {"kind": "adamw", "learning_rate": 0.02, "weight_decay": 0.01},
            "schedule": "one-cycle",
            "clip": 1.0,
            "average": 0.9,
            "budget": {"epochs": 12},
            "stop": {"score": "loss", "patience": 3},
        },
        "checkpoint": _SAVING,
    }


def table_file(folder: Path) -> Path:
    """The same run for the command line: a recipe in YAML that names the rows' CSV file."""
    rows, recipe = folder / "rows.csv", folder / "recipe.yaml"
    csv.write_csv(table_rows(), rows)
    source = {"kind": "table", "path": str(rows)}
    recipe.write_text(to_yaml({"source": source} | table_recipe()), encoding="utf-8")
    return recipe


def pictures_rows() -> list[dict[str, Any]]:
    """300 handwritten digits of 8x8 pixels: Alpaydin, Kaynak, 1998, as scikit-learn has them."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pictures = (digits.images[:300] * 15.9).astype(np.uint8)
    named = zip(pictures, digits.target[:300], strict=True)
    return [{"image": picture, "digit": str(digit)} for picture, digit in named]


def pictures_recipe(precision: str) -> dict[str, Any]:
    """Convolutions with batch norm, shifted pictures, RMSprop."""
    return {
        "columns": {"image": "image", "digit": "category"},
        "augment": [{"kind": "shift", "most": 1}],
        "task": {"kind": "classification", "target": "digit"},
        "model": {
            "kind": "convnet",
            "stages": [8, 16],
            "dense": [16],
            "padding": "same",
            "norm": "batch",
        },
        "paradigm": {
            "kind": "supervised",
            "batch_size": 32,
            "optimizer": {"kind": "rmsprop", "learning_rate": 0.002},
            "precision": precision,
            "budget": {"epochs": 4},
            "stop": {"score": "loss", "patience": 4},
        },
        "checkpoint": _SAVING,
    }


@dataclass(frozen=True)
class Case:
    """A run.

    Attributes:
        recipe: as plain data, without a source.
        rows: what its model is asked about.
        write: makes the file or folder that the run reads; None gives it the rows themselves.
        name: of that file or folder.
    """

    recipe: Callable[[], dict[str, Any]]
    rows: Callable[[], Any]
    write: Callable[[Path], None] | None = None
    name: str = ""

    def data(self, home: Path) -> Any:
        """What the run is given: rows, or a path in `home`."""
        if self.write is None:
            return self.rows()
        path = home / self.name
        if not path.exists():
            self.write(path)
        return path


def _write_jsonl(path: Path) -> None:
    lines = [to_json(row) + "\n" for row in table_rows().to_pylist()]
    path.write_text("".join(lines), encoding="utf-8")


def _write_stream(path: Path) -> None:
    with pa.ipc.new_stream(path, table_rows().schema) as writer:
        writer.write_table(table_rows(), max_chunksize=50)


def _write_arrays(path: Path) -> None:
    rows = pictures_rows()
    np.savez(path, image=[row["image"] for row in rows], digit=[row["digit"] for row in rows])


def _write_folder(path: Path) -> None:
    for place, row in enumerate(pictures_rows()):
        file = path / row["digit"] / f"{place:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(row["image"]).save(file)


def _write_archive(path: Path) -> None:
    with TemporaryDirectory() as folder, zipfile.ZipFile(path, "w") as file:
        _write_folder(Path(folder))
        for picture in sorted(Path(folder).rglob("*.png")):
            info = zipfile.ZipInfo(picture.relative_to(folder).as_posix())  # no time of today
            file.writestr(info, picture.read_bytes())


def adversarial_recipe() -> dict[str, Any]:
    """Two networks, two descents, an average, penalties on a slope, pictures shown on the way."""
    small = {"channels": [6, 8], "kernel_size": 3}
    return {
        "columns": {"image": "image", "digit": "category"},
        "task": {"kind": "generate", "condition": "digit", "noise": 8},
        "model": {"kind": "dcgan", **small},
        "paradigm": {
            "kind": "adversarial",
            "loss": "wasserstein",
            "critic": {"kind": "critic", "spectral": False, **small},
            "critic_steps": 2,
            "batch_size": 16,
            "budget": {"epochs": 4},
        },
        "checkpoint": _SAVING,
    }


def folder_recipe() -> dict[str, Any]:
    """The pictures under the name that a folder per class gives their classes."""
    recipe = pictures_recipe("float32")
    columns = {"image": "image", "label": "category"}
    return recipe | {"columns": columns, "task": recipe["task"] | {"target": "label"}}


def pictures_alone() -> list[dict[str, Any]]:
    """The pictures without their classes."""
    return [{"image": row["image"]} for row in pictures_rows()]


GIVEN = {
    "table": Case(table_recipe, table_rows),
    "pictures": Case(lambda: pictures_recipe("float32"), pictures_rows),
    "pictures-bfloat16": Case(lambda: pictures_recipe("bfloat16"), pictures_rows),
    "adversarial": Case(adversarial_recipe, pictures_rows),
    "contrast": Case(partial(_codes.contrast_recipe, _SAVING), pictures_rows),
    "vicreg": Case(partial(_codes.vicreg_recipe, _SAVING), table_rows),
    "masked": Case(partial(_codes.masked_recipe, _SAVING), table_rows),
    "layer-by-layer": Case(partial(_ways.layers_recipe, _SAVING), table_rows),
    "prototypes": Case(partial(_ways.episodes_recipe, _SAVING, "prototypes"), _ways.clouds),
    "maml": Case(partial(_ways.episodes_recipe, _SAVING, "maml"), _ways.clouds),
    "dqn": Case(partial(_ways.dqn_recipe, _SAVING), lambda: None),
    "ppo": Case(partial(_ways.ppo_recipe, _SAVING), lambda: None),
    "told": Case(partial(_ways.told_recipe, _SAVING), _ways.told),
    "writing": Case(partial(_ways.writing_recipe, _SAVING), _ways.lines),
    "translating": Case(partial(_ways.translating_recipe, _SAVING), _ways.sentences),
    "detecting": Case(partial(_boxes.detect_recipe, _SAVING), _boxes.boxed_pictures),
}
"""Runs that are given their rows."""

READ = {
    "csv": Case(table_recipe, table_rows, lambda path: csv.write_csv(table_rows(), path), "r.csv"),
    "parquet": Case(
        table_recipe,
        table_rows,
        lambda path: parquet.write_table(table_rows(), path, row_group_size=60),
        "r.parquet",
    ),
    "arrow": Case(table_recipe, table_rows, _write_stream, "r.arrows"),
    "jsonl": Case(table_recipe, table_rows, _write_jsonl, "r.jsonl"),
    "arrays": Case(lambda: pictures_recipe("float32"), pictures_rows, _write_arrays, "r.npz"),
    "folder": Case(folder_recipe, pictures_alone, _write_folder, "digits"),
    "archive": Case(folder_recipe, pictures_alone, _write_archive, "digits.zip"),
}
"""Runs that read files, one for each kind of source."""

KINDS = {
    name: Case(partial(kind_recipe, family, kind), partial(kind_rows, family, kind))
    for name, family, kind in kinds()
}
"""Runs that each registered kind takes part in."""

RUNS = GIVEN | READ | KINDS
