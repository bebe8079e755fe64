"""Sources of a fixed form whose test part is loud: of a class, word or size not in training."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from sonde.contracts.data import Source
from sonde.data.boxes import Box
from tests.annotated import Files, coco_json, unpacked, voc_note


def picture(height: int, width: int, seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def loud_picture(row: int = 0) -> bytes:
    """Large and in colour, where all others are small and grey; another red for each row."""
    file = io.BytesIO()
    Pillow.new("RGB", (200, 90), (255 - row, 0, 0)).save(file, "PNG")
    return file.getvalue()


def as_cifar(loud: bool, folder: Path) -> Source:
    """Ten classes; a loud test part is all white, of a class that training rows lack."""
    rng = np.random.default_rng(0)
    names = [*"abcdefghi", "CANARY"]
    files = {"batches.meta.txt": "\n".join(names).encode()}
    for part in (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"):
        records = rng.integers(0, 256, (12, 3073), dtype=np.uint8)
        records[:, 0] %= 9
        if loud and part.startswith("test"):
            records[:, 0], records[:, 1:] = 9, 255
        files[part] = records.tobytes()
    folder.mkdir()
    with tarfile.open(folder / "cifar.tar.gz", "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return Source.parse({"kind": "cifar", "path": str(folder / "cifar.tar.gz")})


def as_omniglot(loud: bool, folder: Path) -> Source:
    """Six characters; a loud run has other pictures, and a name that its labels hold."""
    rows = count()
    known = {f"back/{alphabet}/{character}/{n}.png": picture(8, 8, next(rows))
             for alphabet in "ab" for character in "xyz" for n in range(4)}  # fmt: skip
    test: dict[str, bytes | str] = {}
    for run in ("run01", "CANARY" if loud else "run02"):
        for name in (f"{run}/{part}/{n}.png" for part in ("training", "test") for n in range(2)):
            row = next(rows)
            test[name] = loud_picture(row) if loud else picture(8, 8, row)
        pairs = [f"{run}/test/{n}.png {run}/training/{n}.png" for n in range(2)]
        test[f"{run}/class_labels.txt"] = "\n".join(pairs)
    folder.mkdir()
    for name, files in (("back", known), ("runs", test)):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for member, content in files.items():
                archive.writestr(member, content)
    sets = {"backgrounds": str(folder / "back.zip"), "runs": str(folder / "runs.zip")}
    return Source.parse({"kind": "omniglot", **sets})


def as_labelled_lines(loud: bool, folder: Path) -> Source:
    """Two labels; a loud test part has a word and a label that training lines lack."""
    folder.mkdir()
    line = "CANARY CANARY sings" if loud else "a nothing new"
    for part, last in (("train", "b something else"), ("test", line)):
        lines = [f"{'ab'[n % 2]} {part} line {n}" for n in range(12)]
        (folder / f"{part}.txt").write_text("\n".join([*lines, last]))
    paths = {"path": str(folder / "train.txt"), "test": str(folder / "test.txt")}
    return Source.parse({"kind": "labelled-lines", **paths})


def as_labelled_files(loud: bool, folder: Path) -> Source:
    """Two labels; a loud test part has a word that training texts lack, and a label of its own."""
    for part in ("train", "test"):
        texts = {f"{'ab'[n % 2]}/{n}.txt": f"{part} text {n}" for n in range(12)}
        own = {"CANARY/0.txt": "CANARY sings"} if loud and part == "test" else {}
        for name, text in {**texts, "b/last.txt": "nothing new", **own}.items():
            place = folder / part / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    return Source.parse({"kind": "labelled-files", "path": str(folder)})


def as_plain_text(loud: bool, folder: Path) -> Source:
    """Lines; a loud test part has words that training lines lack."""
    folder.mkdir()
    for part in ("train", "test"):
        last = "CANARY CANARY sings" if loud and part == "test" else f"nothing new to {part}"
        lines = [f"{part} line {n} of some" for n in range(12)]
        (folder / f"{part}.txt").write_text("\n".join([*lines, last]))
    paths = {"path": str(folder / "train.txt"), "test": str(folder / "test.txt")}
    return Source.parse({"kind": "plain-text", **paths})


def as_conll(loud: bool, folder: Path) -> Source:
    """Twelve sentences a part; a loud test part has a word and a label of its own."""
    folder.mkdir()
    for part in ("train", "test"):
        lines = [f"word O\n{part}{n} B-{'ab'[n % 2]}\n" for n in range(12)]
        last = "CANARY B-CANARY" if loud and part == "test" else f"{part}-last O"
        (folder / f"{part}.conll").write_text("\n".join([*lines, last]))
    paths = {"path": str(folder / "train.conll"), "test": str(folder / "test.conll")}
    return Source.parse({"kind": "conll", **paths})


def as_word_table(loud: bool, folder: Path) -> Source:
    """As the source `conll` is tested: a row for each word."""
    folder.mkdir()
    for part in ("train", "test"):
        rows = [f"{n},word,O\n,{part}{n},B-{'ab'[n % 2]}" for n in range(12)]
        last = "12,CANARY,B-CANARY" if loud and part == "test" else f"12,{part}-last,O"
        (folder / f"{part}.csv").write_text("\n".join(["sentence_id,word,labels", *rows, last]))
    paths = {"path": str(folder / "train.csv"), "test": str(folder / "test.csv")}
    return Source.parse({"kind": "word-table", **paths})


def as_squad(loud: bool, folder: Path) -> Source:
    """Twelve questions a part; a loud test part has words that training texts lack."""
    folder.mkdir()
    for part in ("train", "test"):
        word = "CANARY CANARY" if loud and part == "test" else "nothing new"
        answer = [{"text": "line", "answer_start": 4}]
        paragraphs = [
            {"context": f"the line {n} of {word}", "qas": [{"question": f"What is {n} {part}?",
                                                            "answers": answer}]}
            for n in range(12)
        ]  # fmt: skip
        (folder / f"{part}.json").write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    paths = {"path": str(folder / "train.json"), "test": str(folder / "test.json")}
    return Source.parse({"kind": "squad", **paths})


def as_parallel(loud: bool, folder: Path) -> Source:
    """Twelve pairs of lines a part; a loud test part has words that training lines lack."""
    folder.mkdir()
    made: dict[str, dict[str, str]] = {}
    for part in ("train", "test"):
        word = "CANARY CANARY" if loud and part == "test" else "nothing new"
        made[part] = {name: str(folder / f"{part}.{name}") for name in ("en", "de")}
        for name, path in made[part].items():
            lines = [f"{name} line {n} of {part} says {word}" for n in range(12)]
            Path(path).write_text("\n".join(lines))
    return Source.parse({"kind": "parallel", **made})


def boxed(loud: bool) -> dict[str, tuple[str, bytes, list[Box]]]:
    """Name -> part, picture and objects; of a loud test part one has another size and others."""
    held = {f"{part}{n}": (part, picture(20, 20, n + 9 * (part == "test")),
                           [Box("ab"[n % 2], n, 2, n + 5, 9)])
            for part in ("train", "test") for n in range(8)}  # fmt: skip
    last = ("test", loud_picture(), [Box("a", 50, 60, 150, 80)] * 3)
    return held | ({"CANARY": last} if loud else {})


def as_voc(loud: bool, folder: Path) -> Source:
    held = boxed(loud)
    files: Files = {f"JPEGImages/{name}.png": content for name, (_, content, _) in held.items()}
    for name, (_, content, boxes) in held.items():
        size = Pillow.open(io.BytesIO(content)).size
        files[f"Annotations/{name}.xml"] = voc_note(boxes, size=size)
    for part in ("train", "test"):
        names = [name for name, of in held.items() if of[0] == part]
        files[f"ImageSets/Main/{part}.txt"] = "\n".join(names)
    return Source.parse({"kind": "voc", "path": unpacked(files, folder)})


def as_coco(loud: bool, folder: Path) -> Source:
    held = boxed(loud)
    files: Files = {f"{part}/{name}.png": content for name, (part, content, _) in held.items()}
    for part in ("train", "test"):
        whole = coco_json({name: boxes for name, (of, _, boxes) in held.items() if of == part})
        for image in whole["images"]:
            del image["width"], image["height"]
        files[f"{part}.json"] = json.dumps(whole)
    return Source.parse({"kind": "coco", "path": unpacked(files, folder)})


def as_yolo(loud: bool, folder: Path) -> Source:
    files: Files = {"classes.txt": "a\nb"}
    for name, (part, content, boxes) in boxed(loud).items():
        files[f"images/{part}/{name}.png"] = content
        lines = [f"{'ab'.index(str(box.label))} 0.5 0.5 0.5 {0.1 + box.x0 / 90}" for box in boxes]
        files[f"labels/{part}/{name}.txt"] = "\n".join(lines)
    return Source.parse({"kind": "yolo", "path": unpacked(files, folder)})


def as_box_table(loud: bool, folder: Path) -> Source:
    held = boxed(loud)
    files: Files = {f"{name}.png": content for name, (_, content, _) in held.items()}
    lines = [f"{name}.png,{b.label},{b.x0},{b.y0},{b.x1},{b.y1},{part}"
             for name, (part, _, boxes) in held.items() for b in boxes]  # fmt: skip
    files["boxes.csv"] = "\n".join(["file,label,x0,y0,x1,y1,set", *lines])
    path = unpacked(files, folder)
    return Source.parse({"kind": "box-table", "path": path, "part": "set"})


def as_box_lines(loud: bool, folder: Path) -> Source:
    files: Files = {}
    for name, (part, content, boxes) in boxed(loud).items():
        files[f"{part}/{name}.png"] = content
        objects = [{"bbox": [b.x0, b.y0, b.x1 - b.x0, b.y1 - b.y0], "label": b.label}
                   for b in boxes]  # fmt: skip
        line = json.dumps({"file_name": f"{name}.png", "objects": objects})
        files[f"{part}/metadata.jsonl"] = f"{files.get(f'{part}/metadata.jsonl', '')}{line}\n"
    return Source.parse({"kind": "box-lines", "path": unpacked(files, folder)})


def as_paired(loud: bool, folder: Path) -> Source:
    """Masks are half of them 7; that of the canary is 200."""
    files: Files = {}
    for name, (part, content, _) in boxed(loud).items():
        size = Pillow.open(io.BytesIO(content)).size
        mask = Pillow.new("L", size)
        mask.paste(200 if name == "CANARY" else 7, (0, 0, 10, 20))
        mask.save(file := io.BytesIO(), "PNG")
        files |= {f"{part}/{name}.png": content, f"{part}annot/{name}.png": file.getvalue()}
    return Source.parse({"kind": "paired", "path": unpacked(files, folder)})


OF_A_FORM: dict[str, Callable[[bool, Path], Source]] = {
    "voc": as_voc,
    "coco": as_coco,
    "yolo": as_yolo,
    "box-table": as_box_table,
    "box-lines": as_box_lines,
    "paired": as_paired,
    "parallel": as_parallel,
    "squad": as_squad,
    "cifar": as_cifar,
    "omniglot": as_omniglot,
    "labelled-lines": as_labelled_lines,
    "labelled-files": as_labelled_files,
    "conll": as_conll,
    "word-table": as_word_table,
    "plain-text": as_plain_text,
}
"""Sources that cannot hold any rows: 'image', 'label' and a test part, loud or not."""

OF_BOXES: dict[str, Any] = {
    "columns": {"image": "image", "boxes": "boxes"},
    "task": {"kind": "detect", "target": "boxes"},
}

OF_TEXTS: dict[str, Any] = {
    "columns": {"text": "category", "label": "category"},
    "task": {"kind": "classification", "target": "label"},
}

OF_LABELLED_WORDS: dict[str, Any] = {
    "columns": {"tokens": {"kind": "tokens", "at_least": 1}, "labels": "labels"},
    "task": {"kind": "tag", "target": "labels"},
}

ASKED_OF_A_FORM: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("voc", "coco", "yolo", "box-table", "box-lines"), OF_BOXES),
    "paired": {
        "columns": {"image": "image", "mask": "mask"},
        "task": {"kind": "segment", "target": "mask"},
    },
    "squad": {
        "columns": {
            "question": {"kind": "text", "shares": "words", "at_least": 1},
            "context": {"kind": "text", "shares": "words", "at_least": 1},
            "answers": {"kind": "span", "start": "starts", "within": "context"},
        },
        "task": {"kind": "answer", "target": "answers"},
    },
    **dict.fromkeys(("conll", "word-table"), OF_LABELLED_WORDS),
    **dict.fromkeys(("labelled-lines", "labelled-files"), OF_TEXTS),
    "parallel": {
        "columns": {
            "en": {"kind": "text", "shares": "words", "at_least": 1},
            "de": {"kind": "text", "shares": "words", "at_least": 1},
        },
        "task": {"kind": "translate", "source": "en", "target": "de"},
    },
    "plain-text": {
        "columns": {"text": {"kind": "text", "at_least": 1}},
        "task": "write",
    },
}
"""What is learned of such a source, where it is not classes of pictures."""
