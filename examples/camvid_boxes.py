"""Cars and people of CamVid as boxes: each connected patch of their pixels is taken for one object.

    python examples/camvid_boxes.py

Reads the masks in `camvid/camvid-subset.zip`, below the folder that `SONDE_DATA` names, and writes
`runs/camvid-boxes.csv`, a row for each object, for `examples/camvid-boxes.yaml`. Cars side by side
are one patch, and a car behind a pole may be two: so the boxes are what the masks can tell, no more
(Brostow, Fauqueur, Cipolla, "Semantic object classes in video", 2009, has no objects apart).
Patches that are too small to make out in a picture of 480 x 360 are left out.
"""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

LABELS = {8: "car", 9: "person"}
"""Values of the masks' pixels."""
LEAST = {"car": 150, "person": 60}
"""Pixels that a patch has at least."""
PARTS = {"train": "train", "val": "valid", "test": "test"}
"""Folder of pictures -> what the part is called."""


def main() -> None:
    """Write the table."""
    archive = Path(os.environ.get("SONDE_DATA", ".")) / "camvid" / "camvid-subset.zip"
    table = Path("runs") / "camvid-boxes.csv"
    table.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive) as held, table.open("w", newline="", encoding="utf-8") as file:
        rows = list(objects(held))
        csv.writer(file).writerows([("file", "part", "label", "x0", "y0", "x1", "y1"), *rows])
    print(f"{table}: {sum(bool(row[2]) for row in rows):,} objects")


def objects(held: zipfile.ZipFile) -> Iterator[tuple[object, ...]]:
    """A row for each object; one with a file alone for a picture that has none."""
    for name in sorted(held.namelist()):
        folder, _, stem = name.removeprefix("CamVid/").partition("/")
        part = PARTS.get(folder.removesuffix("annot"))
        if part is None or not folder.endswith("annot") or not stem:
            continue
        picture = f"{folder.removesuffix('annot')}/{stem}"
        mask = np.asarray(Image.open(io.BytesIO(held.read(name))))
        found = list(patches(mask))
        yield from ((picture, part, *box) for box in found or [("", "", "", "", "")])


def patches(mask: np.ndarray) -> Iterator[tuple[object, ...]]:
    """(H, W) uint8 -> label, x0, y0, x1, y1 of each patch; pixels that touch at a corner count."""
    for value, label in LABELS.items():
        numbered, _ = ndimage.label(mask == value, structure=np.ones((3, 3)))
        sizes = np.bincount(numbered.ravel())
        for number, (down, across) in enumerate(ndimage.find_objects(numbered), 1):
            if sizes[number] >= LEAST[label]:
                yield label, across.start, down.start, across.stop, down.stop


if __name__ == "__main__":
    main()
