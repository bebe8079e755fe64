"""Where pictures with boxes may lie, and how parts are told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.annotated import (
    FORMS,
    TWO,
    Files,
    as_box_table,
    as_coco,
    as_voc,
    as_yolo,
    coco_json,
    packed,
    png,
    read,
    unpacked,
    voc_note,
)

from sonde.app.checks import is_recipe
from sonde.contracts.data import Source
from sonde.core.errors import DataError, StorageError, UsageError
from sonde.core.notice import listening
from sonde.core.port import PART
from sonde.data.boxes import BORDERS, Box
from sonde.data.guess import guess_source
from sonde.data.sources.voc import Voc

LISTS = {"ImageSets/Main/train.txt": "2\n", "ImageSets/Main/test.txt": "1  1\n\n"}


def parts_of(kind: str, path: str, **options: Any) -> list[tuple[str, int]]:
    """Each row's part and how many objects it has."""
    rows, errors = read(Source.parse({"kind": kind, "path": path, **options}))
    assert not errors
    return [(row[PART], len(row["boxes"])) for row in rows]


def inside(files: Files, folder: str) -> Files:
    return {f"{folder}/{name}": content for name, content in files.items()}


@pytest.mark.parametrize("around", ["", "VOCdevkit/VOC2007/", "a/b/"])
def test_lists_say_the_parts(around: str, tmp_path: Path) -> None:
    files = inside(as_voc(TWO) | LISTS, f"top/{around}".rstrip("/"))
    assert parts_of("voc", unpacked(files, tmp_path) + "/top") == [("train", 0), ("test", 2)]
    assert parts_of("voc", packed(files, tmp_path / "a.zip")) == [("train", 0), ("test", 2)]


def test_pictures_in_no_list_are_left_out_and_told(tmp_path: Path) -> None:
    path = packed(as_voc(TWO) | {"ImageSets/Main/trainval.txt": "2"}, tmp_path / "a.zip")
    heard: list[str] = []
    with listening(lambda message, *_: heard.append(message)):
        assert parts_of("voc", path) == [("train", 0)]
    assert heard == [f"{path}: 1 pictures stand in no list of a part, and are left out"]


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"ImageSets/Main/train.txt": "1\n1"}, "train.txt: '1' stands in ImageSets/Main/train.txt"),
        (LISTS | {"ImageSets/Main/val.txt": "2"}, "val.txt: '2' stands in .*train.txt already"),
        ({"ImageSets/Main/train.txt": b"\xff"}, "train.txt: not UTF-8"),
    ],
)
def test_a_list_that_cannot_be_meant(lists: Files, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        parts_of("voc", packed(as_voc(TWO) | lists, tmp_path / "a.zip"))


def test_a_name_in_a_list_that_nothing_has(tmp_path: Path) -> None:
    files = as_voc(TWO) | {"ImageSets/Main/train.txt": "1\n7\n2"}
    rows, (error,) = read(Voc(packed(files, tmp_path / "a.zip")))
    assert len(rows) == 2
    assert (error.row, error.got, error.expected) == (1, "7", "a name of a picture")


def test_annotations_may_lie_beside_their_pictures(tmp_path: Path) -> None:
    files: Files = {}
    for part, name in (("train", "1"), ("valid", "2"), ("test", "2")):
        files |= {f"{part}/{name}.jpg": png(), f"{part}/{name}.xml": voc_note(TWO[name])}
    expected = [("train", 2), ("valid", 0), ("test", 0)]
    assert parts_of("voc", unpacked(files, tmp_path / "a")) == expected
    alone = packed({"1.jpg": png(), "1.xml": voc_note(TWO["1"])}, tmp_path / "a.zip")
    assert len(read(Voc(alone))[0]) == 1


def test_pixels_counted_from_one_include_the_last(tmp_path: Path) -> None:
    """The one pixel of VOC's box 1, 1, 1, 1 is a box from 0, 0 to 1, 1."""
    path = packed(
        {"1.jpg": png(), "1.xml": voc_note([Box("cell", 0, 0, 1, 1)])}, tmp_path / "a.zip"
    )
    (row,), _ = read(Voc(path))
    assert (row["boxes"][0]["x0"], row["boxes"][0]["x1"]) == (0, 1)
    rows, errors = read(Voc(path, first_pixel=1))
    assert rows == [row] and not errors
    with pytest.raises(DataError, match=r"object 1: got \"'cell' from \(1, 1\) to \(1, 1\)\""):
        read(Voc(path, first_pixel=0))


def test_difficult_objects_and_crowds_stay_marked(tmp_path: Path) -> None:
    objects = {"1": [Box("cell", 2, 3, 12, 13, True), Box("cell", 5, 5, 9, 9)]}
    for kind in ("voc", "coco"):
        path = packed(FORMS[kind](objects), tmp_path / f"{kind}.zip")
        (row,), _ = read(Source.parse({"kind": kind, "path": path}))
        assert [box["difficult"] for box in row["boxes"]] == [True, False]


COCO_NAMES = [
    ("train.json", "val.json"),
    ("annotations/instances_train2017.json", "annotations/instances_val2017.json"),
    ("train/_annotations.coco.json", "valid/_annotations.coco.json"),
]


@pytest.mark.parametrize(("train", "valid"), COCO_NAMES)
def test_names_of_json_files_say_the_parts(train: str, valid: str, tmp_path: Path) -> None:
    files: Files = {
        "train/1.png": png(),
        "valid/2.png": png(seed=1),
        train: json.dumps(coco_json({"1": TWO["1"]})),
        valid: json.dumps(coco_json({"2": []})),
    }
    if "/" in train and "instances" in train:
        files["annotations/captions_train2017.json"] = "{}"
    path = packed(files, tmp_path / "a.zip")
    assert parts_of("coco", path) == [("train", 2), ("valid", 0)]
    assert guess_source(path).kind == "coco"


def test_json_files_may_be_named_and_lie_elsewhere(tmp_path: Path) -> None:
    photos = unpacked({"a/1.png": png(), "b/1.png": png(seed=1)}, tmp_path / "photos")
    notes = unpacked(
        {"x.json": json.dumps(coco_json({"1": TWO["1"]})),
         "y.json": json.dumps(coco_json({"1": []}))}, tmp_path / "notes"
    )  # fmt: skip
    said = {"annotations": f"{notes}/x.json", "pictures": "a",
            "test": {"annotations": f"{notes}/y.json", "pictures": "b"}}  # fmt: skip
    assert parts_of("coco", photos, **said) == [("train", 2), ("test", 0)]
    source = Source.parse({"kind": "coco", "path": photos, **said})
    before = source.fingerprint()
    Path(notes, "y.json").write_text(json.dumps(coco_json({"1": [TWO["1"][0]]})))
    assert Source.parse(source.dump()).fingerprint() != before
    with pytest.raises(DataError, match="no such file: neither"):
        parts_of("coco", photos, annotations="z.json")
    with pytest.raises(StorageError, match="no folder 'c'"):
        parts_of("coco", photos, annotations=f"{notes}/x.json", pictures="c")


def test_json_files_that_are_not_told_apart(tmp_path: Path) -> None:
    files = as_coco(TWO) | {"more.json": "{}"}
    with pytest.raises(
        DataError, match=r"2 JSON files \(more.json, notes.json\), expected one for"
    ):
        parts_of("coco", packed(files, tmp_path / "a.zip"))


@pytest.mark.parametrize("names", [None, ["cell", "dot"]])
def test_json_lines_lie_in_the_folders_of_parts(names: list[str] | None, tmp_path: Path) -> None:
    """Classes are numbers there; objects stand in lists or one by one."""
    lists = {"objects": {"bbox": [[2, 3, 8, 9]], "category": [1]}}
    single = {"objects": [{"bbox": [2, 3, 8, 9], "label": 0}]}
    files: Files = {}
    for part, said in (("train", lists), ("validation", single), ("test", {"objects": []})):
        files[f"{part}/a.png"] = png()
        files[f"{part}/metadata.jsonl"] = json.dumps({"file_name": "a.png", **said})
    top = unpacked(files, tmp_path / "a")
    heard: list[str] = []
    with listening(lambda message, *_: heard.append(message)):
        rows, errors = read(Source.parse({"kind": "box-lines", "path": top, "names": names}))
    assert not errors
    assert [row[PART] for row in rows] == ["train", "valid", "test"]
    found = [box for row in rows for box in row["boxes"]]
    assert [box["label"] for box in found] == (["dot", "cell"] if names else ["1", "0"])
    assert [tuple(box[border] for border in BORDERS) for box in found] == [(2, 3, 10, 12)] * 2
    assert len(heard) == (names is None)
    assert guess_source(top).kind == "box-lines"
    assert guess_source(f"{top}/train/metadata.jsonl").describe() == "1 picture with 1 box"


YOLO_LAYOUTS = {
    "parts below": ("images/{part}/{name}.jpg", "labels/{part}/{name}.txt"),
    "parts above": ("{part}/images/{name}.jpg", "{part}/labels/{name}.txt"),
    "one folder": ("{part}/{name}.jpg", "{part}/{name}.txt"),
}


@pytest.mark.parametrize("layout", YOLO_LAYOUTS)
def test_text_files_lie_in_folders_of_their_own_or_beside(layout: str, tmp_path: Path) -> None:
    pictures, texts = YOLO_LAYOUTS[layout]
    files: Files = {"data.yaml": "names: {0: cell, 1: dot}\nnc: 2\n", "README.txt": "about"}
    for part, name, line in (("train", "1", "1 0.5 0.5 0.1 0.1"), ("test", "2", "")):
        files[pictures.format(part=part, name=name)] = png()
        files[texts.format(part=part, name=name)] = line
    path = packed(files, tmp_path / "a.zip")
    assert parts_of("yolo", path) == [("train", 1), ("test", 0)]
    assert guess_source(path).kind == "yolo"


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("cells/my.yaml", ""),
        ("settings/my.yaml", "path: ../cells\n"),
        ("my.yaml", "path: cells\n"),
        ("cells/my.yaml", "path: elsewhere\n"),
    ],
)
def test_the_settings_of_yolo_stand_for_their_folder(place: str, path: str, tmp_path: Path) -> None:
    settings = f"{path}train: images/train\nval: images/val\nnames: {{0: cell, 1: dot}}\n"
    files: Files = {"cells/images/train/1.jpg": png(), "cells/images/val/2.jpg": png(seed=1)}
    files |= {"cells/labels/train/1.txt": "1 0.5 0.5 0.1 0.1", "cells/labels/val/2.txt": ""}
    top = unpacked(files | {place: settings}, tmp_path)
    assert not is_recipe(f"{top}/{place}")
    source = guess_source(f"{top}/{place}")
    (first, second), errors = read(source)
    assert (first["boxes"][0]["label"], first[PART], second[PART]) == ("dot", "train", "valid")
    assert not errors


def test_settings_whose_pictures_are_not_found_ask_for_the_folder(tmp_path: Path) -> None:
    path = unpacked({"my.yaml": "train: images/train\nnames: [a]\n"}, tmp_path) + "/my.yaml"
    with pytest.raises(UsageError, match="Give the folder that holds images and labels"):
        guess_source(path)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"data.yaml": "names: [a, b]"}, "b"),
        ({"data.yaml": "names: {1: b, 0: a}"}, "b"),
        ({"classes.txt": "a\nb\n"}, "b"),
        ({"labels/classes.txt": "a\nb\n"}, "b"),
        ({"obj.names": "a\nb"}, "b"),
        ({}, "1"),
    ],
)
def test_classes_are_called_as_a_file_says(named: Files, expected: str, tmp_path: Path) -> None:
    files = named | {"images/1.jpg": png(), "labels/1.txt": "1 0.5 0.5 0.1 0.1"}
    path = packed(files, tmp_path / "a.zip")
    (row,), errors = read(Source.parse({"kind": "yolo", "path": path}))
    assert not errors
    assert row["boxes"][0]["label"] == expected
    (row,), _ = read(Source.parse({"kind": "yolo", "path": path, "names": ["x", "y"]}))
    assert row["boxes"][0]["label"] == "y"


def test_shares_of_a_picture_that_cannot_be_read_are_not_known(tmp_path: Path) -> None:
    """The picture's own column says why; the row stays, so that it is told once."""
    files = as_yolo(TWO) | {"images/1.png": b"broken"}
    rows, errors = read(Source.parse({"kind": "yolo", "path": packed(files, tmp_path / "a.zip")}))
    assert not errors
    assert [row["boxes"] for row in rows] == [None, []]


def test_a_column_or_tables_say_the_parts(tmp_path: Path) -> None:
    files = as_box_table(TWO)
    first, *lines = str(files["boxes.csv"]).splitlines()
    sets = ["train", "train", "validation"]
    with_part = "\n".join([f"{first},set", *(f"{a},{b}" for a, b in zip(lines, sets, strict=True))])
    path = packed(files | {"boxes.csv": with_part}, tmp_path / "a.zip")
    assert parts_of("box-table", path, part="set") == [("train", 2), ("valid", 0)]
    two = {"boxes.csv": "\n".join([first, *lines[:2]]), "test.csv": "\n".join([first, lines[2]])}
    path = packed(files | two, tmp_path / "b.zip")
    expected = [("train", 2), ("test", 0)]
    assert parts_of("box-table", path, table="boxes.csv", test="test.csv") == expected
    del files["boxes.csv"]
    path = packed(files | {"train.csv": two["boxes.csv"], "test.csv": two["test.csv"]},
                  tmp_path / "c.zip")  # fmt: skip
    assert parts_of("box-table", path) == expected
    assert guess_source(path).kind == "box-table"


def test_a_picture_in_two_parts_is_told(tmp_path: Path) -> None:
    files = as_box_table(TWO)
    lines = "filename,class,xmin,ymin,xmax,ymax,set\n1.png,a,1,1,4,4,train\n1.png,a,1,1,4,4,test\n"
    source = {"kind": "box-table", "path": packed(files | {"boxes.csv": lines}, tmp_path / "a.zip"),
              "part": "set"}  # fmt: skip
    rows, (error,) = read(Source.parse(source))
    assert len(rows) == 1
    assert "named before" in str(error.got)
    lines = lines.replace("test", "exam")
    rows, (error,) = read(Source.parse(source | {"path": packed(files | {"boxes.csv": lines},
                                                                tmp_path / "b.zip")}))  # fmt: skip
    assert (len(rows), error.got) == (1, "'exam' for the part")


@pytest.mark.parametrize("file", ["1.png", "1", "photos/1.png", "/home/me/1.png", r"C:\me\1.png"])
def test_tables_name_pictures_with_or_without_folder(file: str, tmp_path: Path) -> None:
    files = as_box_table(TWO) | {"boxes.csv": f"id,w,h,x,y\n{file},4,5,2,3\n"}
    files["boxes.csv"] = str(files["boxes.csv"]).replace("id,", "name,kind,").replace(
        f"{file},", f"{file},cell,")  # fmt: skip
    said = {"file": "name", "label": "kind", "x0": "x", "y0": "y", "width": "w", "height": "h"}
    source = {"kind": "box-table", "path": packed(files, tmp_path / "a.zip"), **said}
    (row,), errors = read(Source.parse(source))
    assert not errors
    assert row["boxes"] == [Box("cell", 2, 3, 6, 8)._asdict()]


def test_shares_in_a_table_become_pixels(tmp_path: Path) -> None:
    lines = "ImageID,LabelName,XMin,XMax,YMin,YMax\n1,cell,0.1,0.5,0.2,1\n"
    files = as_box_table(TWO) | {"boxes.csv": lines}
    source = {"kind": "box-table", "path": packed(files, tmp_path / "a.zip"), "shares": True}
    (row,), _ = read(Source.parse(source))
    assert row["boxes"] == [Box("cell", 4, 6, 20, 30)._asdict()]


@pytest.mark.parametrize("kind", FORMS)
def test_the_form_is_told_from_what_lies_there(kind: str, tmp_path: Path) -> None:
    files = FORMS[kind](TWO)
    for path in (packed(files, tmp_path / "a.zip"), unpacked(files, tmp_path / "a")):
        assert guess_source(path).kind == kind


def test_pictures_by_class_are_told_from_all_these(tmp_path: Path) -> None:
    files: Files = {f"{label}/{n}.png": png() for label in ("images", "labels") for n in (1, 2)}
    del files["labels/2.png"]
    assert guess_source(packed(files, tmp_path / "a.zip")).kind == "folder"
    table = {"train.csv": "Path,ClassId\nimages/1.png,3\n"}
    assert guess_source(packed(files | table, tmp_path / "b.zip")).kind == "folder"


def test_the_blood_cells_are_those_that_were_counted(shared_data: Path) -> None:
    """4,155 red, 372 white, 361 platelets on 205, 87 and 72 pictures, as the data's own page says.

    Two boxes of VOC's form have their first pixel for the last: one pixel, no fault.
    """
    source = guess_source(str(shared_data / "bccd" / "BCCD.zip"))
    assert source.kind == "voc"
    rows, errors = read(source, "boxes", PART)
    assert not errors
    assert Counter(row[PART] for row in rows) == {"train": 205, "valid": 87, "test": 72}
    boxes = [box for row in rows for box in row["boxes"]]
    counts = {"RBC": 4155, "WBC": 372, "Platelets": 361}
    assert Counter(box["label"] for box in boxes) == counts
    assert min(min(box["x0"], box["y0"]) for box in boxes) == 0
    assert (max(b["x1"] for b in boxes), max(b["y1"] for b in boxes)) == (640, 480)


def voc_in(pictures: str, notes: str) -> Files:
    """The same in folders of any name."""
    return {
        name.replace("JPEGImages/", pictures).replace("Annotations/", notes): content
        for name, content in as_voc(TWO).items()
    }


@pytest.mark.parametrize(("pictures", "notes"), [
    ("images/", "annotations/"), ("data/images/", "data/xml/"), ("images/", "Annotations/"),
    ("", ""),
])  # fmt: skip
def test_voc_is_recognised_in_folders_called_alike_and_beside_pictures(
    pictures: str, notes: str, tmp_path: Path
) -> None:
    for path in (
        unpacked(voc_in(pictures, notes), tmp_path / "a"),
        packed(voc_in(pictures, notes), tmp_path / "a.zip"),
    ):
        source = guess_source(path)
        assert isinstance(source, Voc)
        rows, errors = read(source)
        assert [len(row["boxes"]) for row in rows] == [2, 0] and not errors


@pytest.mark.parametrize("order", ["{kind}/{part}/", "{part}/{kind}/"])
def test_parts_of_voc_lie_above_or_below_its_folders(order: str, tmp_path: Path) -> None:
    files: Files = {}
    for part in ("train", "test"):
        folders = [order.format(part=part, kind=kind) for kind in ("images", "annotations")]
        files |= voc_in(*folders)
    source = guess_source(packed(files, tmp_path / "a.zip"))
    assert isinstance(source, Voc)
    assert [row[PART] for row in read(source)[0]] == ["train"] * 2 + ["test"] * 2


def test_xml_of_another_kind_is_no_voc(tmp_path: Path) -> None:
    files = {n: c if n.endswith("png") else "<page><line/></page>"
             for n, c in voc_in("images/", "annotations/").items()}  # fmt: skip
    assert not isinstance(guess_source(packed(files, tmp_path / "a.zip")), Voc)


def test_yolo_is_recognised_without_names_by_its_lines(tmp_path: Path) -> None:
    whole = as_yolo(TWO)
    del whole["data.yaml"]
    source = guess_source(packed(whole, tmp_path / "a.zip"))
    assert source.kind == "yolo"
    with listening(lambda *_: None):
        assert [len(row["boxes"]) for row in read(source)[0]] == [2, 0]
    named = guess_source(packed(whole | {"labels/classes.txt": "a\nb\n"}, tmp_path / "b.zip"))
    assert {box["label"] for row in read(named)[0] for box in row["boxes"]} == {"a", "b"}
    told = {name: "a cell and a dot" if name.startswith("labels/") else c
            for name, c in whole.items()}  # fmt: skip
    assert guess_source(packed(told, tmp_path / "c.zip")).kind != "yolo"
