"""The same pictures with boxes in every form that is read, in a folder or an archive."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from sonde.contracts.data import RowError, Source
from sonde.data.boxes import Box

WIDTH, HEIGHT = 40, 30

Files = dict[str, bytes | str]
"""Path -> content."""

Objects = Mapping[str, Sequence[Box]]
"""A picture's name without suffix -> what it holds."""

TWO: Objects = {
    "1": [Box("cell", 2, 3, 12, 13), Box("dot", 0, 0, 40, 30)],
    "2": [],
}
"""A picture with two objects, and one without any."""


def png(width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> bytes:
    """A small picture."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def pictures(objects: Objects, folder: str) -> Files:
    return {f"{folder}/{name}.png": png(seed=at) for at, name in enumerate(objects)}


def voc_note(boxes: Sequence[Box], *, size: tuple[int, int] = (WIDTH, HEIGHT)) -> str:
    """An annotation of Pascal VOC: pixels from 1, the last one included."""
    items = "".join(
        f"<object><name>{b.label}</name><difficult>{int(b.difficult)}</difficult><bndbox>"
        f"<xmin>{b.x0 + 1}</xmin><ymin>{b.y0 + 1}</ymin><xmax>{b.x1}</xmax><ymax>{b.y1}</ymax>"
        "</bndbox></object>"
        for b in boxes
    )
    width, height = size
    extent = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation><filename>x.png</filename>{extent}{items}</annotation>"


def as_voc(objects: Objects) -> Files:
    notes = {f"Annotations/{name}.xml": voc_note(boxes) for name, boxes in objects.items()}
    return {**pictures(objects, "JPEGImages"), **notes}


def coco_json(objects: Objects) -> dict[str, Any]:
    labels = sorted({box.label for boxes in objects.values() for box in boxes})
    return {
        "images": [
            {"id": at, "file_name": f"{name}.png", "width": WIDTH, "height": HEIGHT}
            for at, name in enumerate(objects)
        ],
        "categories": [{"id": 7 + at, "name": label} for at, label in enumerate(labels)],
        "annotations": [
            {"id": at, "image_id": image, "category_id": 7 + labels.index(box.label),
             "bbox": [box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0],
             "iscrowd": int(box.difficult)}
            for image, boxes in enumerate(objects.values()) for at, box in enumerate(boxes)
        ],
    }  # fmt: skip


def as_coco(objects: Objects) -> Files:
    return {**pictures(objects, "photos"), "notes.json": json.dumps(coco_json(objects))}


def as_yolo(objects: Objects) -> Files:
    labels = sorted({box.label for boxes in objects.values() for box in boxes})
    files: Files = {"data.yaml": f"names: {json.dumps(labels)}\n"}
    for name, boxes in objects.items():
        lines = [
            f"{labels.index(b.label)} {(b.x0 + b.x1) / 2 / WIDTH!r} {(b.y0 + b.y1) / 2 / HEIGHT!r} "
            f"{(b.x1 - b.x0) / WIDTH!r} {(b.y1 - b.y0) / HEIGHT!r}"
            for b in boxes
        ]
        files[f"labels/{name}.txt"] = "\n".join(lines)
    return {**pictures(objects, "images"), **files}


def as_box_table(objects: Objects) -> Files:
    lines = ["filename,class,xmin,ymin,xmax,ymax"]
    for name, boxes in objects.items():
        lines += [f"{name}.png,{b.label},{b.x0},{b.y0},{b.x1},{b.y1}" for b in boxes]
        lines += [] if boxes else [f"{name}.png,,,,,"]
    return {**pictures(objects, "photos"), "boxes.csv": "\n".join(lines) + "\n"}


def as_box_lines(objects: Objects) -> Files:
    lines = [
        {
            "file_name": f"photos/{name}.png",
            "objects": {
                "bbox": [[b.x0, b.y0, b.x1 - b.x0, b.y1 - b.y0] for b in boxes],
                "categories": [b.label for b in boxes],
            },
        }
        for name, boxes in objects.items()
    ]
    listed = "".join(json.dumps(line) + "\n" for line in lines)
    return {**pictures(objects, "photos"), "metadata.jsonl": listed}


FORMS = {"voc": as_voc, "coco": as_coco, "yolo": as_yolo, "box-table": as_box_table,
         "box-lines": as_box_lines}  # fmt: skip
"""Kind of source -> how the same objects are written for it."""


def packed(files: Files, path: Path) -> str:
    """The files in an archive."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # of 1980, not of now
    return str(path)


def unpacked(files: Files, folder: Path) -> str:
    """The files in a folder."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(folder)


def read(source: Source, *fields: str) -> tuple[list[dict[str, Any]], list[RowError]]:
    """All rows, and what was told beside them."""
    errors: list[RowError] = []
    chunks = source.scan(list(fields) or None, errors.append)
    return [row for chunk in chunks for row in chunk.to_pylist()], errors


def boxes_of(row: Mapping[str, Any]) -> list[Box]:
    """The objects of a row."""
    return [Box(**item) for item in row["boxes"]]
