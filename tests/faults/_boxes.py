"""A small detector, for runs that are killed: boxes move with pictures, a cut is settled."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image as Pillow

Plain = dict[str, Any]


def boxed_pictures() -> list[Plain]:
    """80 pictures of 24 x 32 with up to two rectangles, red or blue."""
    rng = np.random.default_rng(4)
    rows = []
    for _ in range(80):
        picture = rng.integers(90, 130, (24, 32, 3)).astype(np.uint8)
        boxes = []
        for _ in range(rng.integers(0, 3)):
            (x, y), (wide, high) = rng.integers(0, 12, 2), rng.integers(6, 12, 2)
            red = bool(rng.integers(2))
            picture[y : y + high, x : x + wide] = (230, 40, 40) if red else (20, 20, 220)
            corners = {"x0": x, "y0": y, "x1": x + wide, "y1": y + high}
            boxes.append({"label": "red" if red else "blue"} |
                         {name: float(value) for name, value in corners.items()})  # fmt: skip
        file = io.BytesIO()
        Pillow.fromarray(picture).save(file, "PNG")
        rows.append({"image": file.getvalue(), "boxes": boxes})
    return rows


def detect_recipe(saving: Plain) -> Plain:
    """Ragged targets that augmentation moves, statistics of batches, an average, bfloat16."""
    return {
        "columns": {"image": {"kind": "image", "size": [24, 32]}, "boxes": "boxes"},
        "split": {"kind": "random", "valid": 0.2, "test": 0.2},
        "augment": ["flip", {"kind": "affine", "scale": [0.8, 1.25], "translate": 0.1}],
        "task": {"kind": "detect", "strides": [4, 8]},
        "model": {"kind": "detector", "width": 8, "layers": 1, "backbone": {
            "kind": "resnet", "blocks": [1, 1, 1], "channels": [16, 16, 16],
            "shortcut": "pool"}},
        "paradigm": {"kind": "supervised", "batch_size": 8, "budget": {"epochs": 4},
                     "optimizer": {"kind": "adamw", "learning_rate": 0.01},
                     "schedule": "one-cycle", "precision": "bfloat16", "average": 0.9,
                     "clip": 5.0, "stop": {"score": "loss", "patience": 4}},
        "checkpoint": saving,
    }  # fmt: skip
