"""Pictures of red and blue rectangles on grey noise, and where they lie."""

from __future__ import annotations

import io
from typing import Any

import numpy as np


def squares(
    rows: int, seed: int = 0, *, size: tuple[int, int] = (40, 56), most: int = 3
) -> list[dict[str, Any]]:
    """PNG bytes and at most so many objects, as raw rows hold them; some pictures have none."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    made = []
    for _ in range(rows):
        picture = rng.integers(90, 130, (*size, 3)).astype(np.uint8)
        boxes = []
        for _ in range(rng.integers(0, most + 1)):
            width, height = (int(side) for side in rng.integers(8, 16, 2))
            x, y = int(rng.integers(size[1] - width)), int(rng.integers(size[0] - height))
            label = ("blue", "red")[rng.integers(2)]
            colour = (230, 40, 40) if label == "red" else (20, 20, 220)
            picture[y : y + height, x : x + width] = colour
            corners = {"x0": x, "y0": y, "x1": x + width, "y1": y + height}
            boxes.append({"label": label, **{n: float(v) for n, v in corners.items()}})
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        made.append({"image": file.getvalue(), "boxes": boxes})
    return made


def recipe(**paradigm: Any) -> dict[str, Any]:
    """A small detector of them."""
    return {
        "columns": {"image": {"kind": "image", "size": [40, 56]}, "boxes": "boxes"},
        "split": {"kind": "random", "valid": 0.2, "test": 0.2},
        "augment": ["flip", {"kind": "shift", "most": 3}],
        "task": {"kind": "detect", "strides": [4, 8]},
        "model": {
            "kind": "detector",
            "backbone": {"kind": "resnet", "blocks": [1, 1, 1], "channels": [16, 16, 24]},
            "width": 16,
            "layers": 1,
        },
        "paradigm": {
            "kind": "supervised",
            "batch_size": 8,
            "optimizer": {"kind": "adamw", "learning_rate": 0.01},
            "schedule": "one-cycle",
            "average": 0.9,
            "budget": {"epochs": 2},
            **paradigm,
        },
        "checkpoint": {"seconds": 3600, "steps": 3},
    }
