"""Small runs that use all that a resume must bring back, and the rows for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from sonde.core.text import to_yaml

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


RUNS: dict[str, tuple[Callable[[], dict[str, Any]], Callable[[], Any]]] = {
    "table": (table_recipe, table_rows),
    "pictures": (lambda: pictures_recipe("float32"), pictures_rows),
    "pictures-bfloat16": (lambda: pictures_recipe("bfloat16"), pictures_rows),
}
"""Name -> (recipe as plain data, rows)."""
