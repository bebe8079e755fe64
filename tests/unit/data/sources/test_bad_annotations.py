"""Bad annotations: each is told with its file and its object, and its picture is no row."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.annotated import (
    FORMS,
    TWO,
    Files,
    as_box_lines,
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

from sonde.contracts.data import RowError, Source
from sonde.core.errors import DataError, UnknownColumn, UsageError
from sonde.core.notice import listening
from sonde.data.boxes import Box
from sonde.data.sources._xml import MOST_BYTES, BadXml, parse_xml

GROWING = "\n".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True)
)
BILLION_LAUGHS = f"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "lol">
{GROWING}]>
<annotation><object><name>&j;</name></object></annotation>"""
A_FILE = """<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<annotation><object><name>&x;</name></object></annotation>"""


BOXED = '{{"file_name": "photos/3.png", "objects": {}}}'


def told(kind: str, files: Files, folder: Path, **options: Any) -> tuple[int, list[RowError]]:
    """How many rows are left, and what was told; in an archive, where nothing is looked up."""
    path = packed(files, folder / "bad.zip")
    rows, errors = read(Source.parse({"kind": kind, "path": path, **options}))
    assert not any(error.harmless for error in errors)
    return len(rows), errors


def voc(note: str | bytes) -> Files:
    return as_voc(TWO) | {"Annotations/1.xml": note}


def item(inner: str) -> str:
    return f"<annotation><object>{inner}</object></annotation>"


BOX = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>{}</xmax><ymax>9</ymax></bndbox>"

IN_XML: dict[str, tuple[str | bytes, str, str, str]] = {
    "outside": (voc_note([TWO["1"][0], Box("cell", 50, 3, 60, 9)]), "/1.xml, object 2",
                "'cell' from (50, 3) to (60, 9)", "a box in its picture of 40 x 30 pixels"),
    "no class": (item(BOX.format(9)), "/1.xml, object 1", "no class", "the name of its class"),
    "no area": (voc_note([Box("cell", 5, 3, 5, 9)]), "/1.xml, object 1",
                "'cell' from (5, 3) to (5, 9)", "an area"),
    "no number": (item(f"<name>cell</name>{BOX.format('wide')}"), "/1.xml, object 1",
                  "'wide' for xmax of 'cell'", "a number"),
    "not a number": (item(f"<name>cell</name>{BOX.format('nan')}"), "/1.xml, object 1",
                     "(nan, 9)", "four numbers"),
    "no box": (item("<name>cell</name>"), "/1.xml, object 1", "nothing for xmin of 'cell'",
               "a number"),
    "billion laughs": (BILLION_LAUGHS, "/1.xml", "a document type 'lolz'",
                       "an annotation in XML without a document type"),
    "external entity": (A_FILE, "/1.xml", "a document type 'a'", "without a document type"),
    "cut short": (voc_note([])[:-7], "/1.xml", "not XML: unclosed token", "an annotation in XML"),
    "empty": ("", "/1.xml", "not XML", "an annotation in XML"),
    "bytes": (b"\x89PNG\r\n", "/1.xml", "not XML", "an annotation in XML"),
    "another root": ("<html/>", "/1.xml", "<html>", "<annotation> around all"),
}  # fmt: skip


@pytest.mark.parametrize(("note", "place", "got", "expected"), IN_XML.values(), ids=IN_XML)
def test_a_fault_in_xml(
    note: str | bytes, place: str, got: str, expected: str, tmp_path: Path
) -> None:
    rows, (error,) = told("voc", voc(note), tmp_path)
    assert rows == 1
    assert error.place is not None and error.place.endswith(f"bad.zip/Annotations{place}")
    assert got in str(error.got) and expected in error.expected


@pytest.mark.parametrize(
    "data", [b"<a>" * 40 + b"</a>" * 40, b" " * (MOST_BYTES + 1)], ids=["deep", "long"]
)
def test_xml_is_bounded(data: bytes) -> None:
    with pytest.raises(BadXml, match="more than"):
        parse_xml(data)


def test_parts_of_an_object_are_no_objects(tmp_path: Path) -> None:
    head = f"<part><name>head</name>{BOX.format(9)}</part>"
    note = item(f"<name>person</name>{head}{BOX.format(20)}")
    path = packed(voc(note), tmp_path / "parts.zip")
    rows, errors = read(Source.parse({"kind": "voc", "path": path}))
    assert not errors
    assert [(box["label"], box["x1"]) for box in rows[0]["boxes"]] == [("person", 20)]


def coco(change: Callable[[dict[str, Any]], Any]) -> Files:
    whole = coco_json(TWO)
    change(whole)
    return as_coco(TWO) | {"notes.json": json.dumps(whole)}


def first(**values: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda whole: whole["annotations"][0].update(values)


IN_JSON: dict[str, tuple[Callable[[dict[str, Any]], Any], str, str, str]] = {
    "outside": (first(bbox=[50, 3, 10, 9]), "annotations[0]", "'cell' from (50, 3) to (60, 12)",
                "a box in its picture of 40 x 30 pixels"),
    "unknown category": (first(category_id=70), "annotations[0]", "category_id 70", "one of 7, 8"),
    "no category": (first(category_id=None), "annotations[0]", "category_id None", "one of 7, 8"),
    "no area": (first(bbox=[5, 3, 0, 9]), "annotations[0]", "'cell'", "an area"),
    "negative": (first(bbox=[5, 3, -2, 9]), "annotations[0]", "'cell'", "an area"),
    "three numbers": (first(bbox=[5, 3, 2]), "annotations[0]", "bbox [5, 3, 2]", "bbox: [x, y"),
    "no box": (first(bbox=None), "annotations[0]", "bbox None", "bbox: [x, y, width, height]"),
    "a missing file": (lambda whole: whole["images"][0].update(file_name="9.png"), "images[0]",
                       "9.png", "a picture in"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "place", "got", "expected"), IN_JSON.values(), ids=IN_JSON)
def test_a_fault_in_json(
    change: Callable[[dict[str, Any]], Any], place: str, got: str, expected: str, tmp_path: Path
) -> None:
    rows, (error,) = told("coco", coco(change), tmp_path)
    assert rows == 1
    assert error.place is not None and error.place.endswith(f"bad.zip/notes.json, {place}")
    assert got in str(error.got) and expected in error.expected


def test_an_annotation_of_no_picture_is_told_and_takes_no_row(tmp_path: Path) -> None:
    rows, (error,) = told("coco", coco(first(image_id=99)), tmp_path)
    assert rows == 2
    assert (error.got, error.expected) == ("image_id 99", "the id of an image that is listed")


@pytest.mark.parametrize(
    ("image", "got"),
    [
        ({"id": 1, "file_name": "3.png"}, "id 1 again"),
        ({"id": 2, "file_name": "1.png"}, "file_name '1.png' again"),
        ({"file_name": "3.png"}, "{'file_name': '3.png'}"),
        ({"id": 2}, "{'id': 2}"),
        ("3.png", "3.png"),
    ],
)
def test_an_image_without_a_name_of_its_own(image: Any, got: str, tmp_path: Path) -> None:
    files = coco(lambda whole: whole["images"].append(image)) | {"photos/3.png": png()}
    rows, (error,) = told("coco", files, tmp_path)
    assert rows == 2
    assert error.got == got
    assert error.place is not None and error.place.endswith("images[2]")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"notes\.json: not JSON"),
        (b"\xff\xfe\0", r"notes\.json: not JSON"),
        ("[]", "got list, expected the form of COCO"),
        ('{"images": [], "annotations": []}', "got an object with images, annotations, expected"),
        ('{"images": {}, "annotations": [], "categories": []}', "the lists images, annotations"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1}]}', r"categories\[0\]"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, '
         '{"id": 2, "name": "a"}]}', r"categories\[1\].* stands twice"),
        ('{"images": [], "images": []}', "not JSON"),
    ],
)  # fmt: skip
def test_json_of_another_form(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        told("coco", as_coco(TWO) | {"notes.json": content}, tmp_path)


@pytest.mark.parametrize(
    ("line", "got", "expected"),
    [
        ("2 0.5 0.5 0.1 0.1", "class 2", "a class from 0 to 1 (cell, dot)"),
        ("-1 0.5 0.5 0.1 0.1", "class -1", "a class from 0 to 1"),
        ("0 0.5 0.5 0.1", "'0 0.5 0.5 0.1'", "five numbers"),
        ("0 0.5 0.5 0.1 0.1 0.9", "0.9", "five numbers"),
        ("0 20 15 4 4", "'0 20 15 4 4'", "shares in [0, 1]"),
        ("cell 0.5 0.5 0.1 0.1", "'cell", "five numbers"),
        ("0 0.5 0.5 0 0.1", "'cell' from (20, ", "an area"),
        ("0 0.5 nan 0.1 0.1", "nan", "shares in [0, 1]"),
    ],
)
def test_a_fault_in_text(line: str, got: str, expected: str, tmp_path: Path) -> None:
    files = as_yolo(TWO) | {"labels/1.txt": f"0 0.5 0.5 0.5 0.5\n\n{line}\n"}
    rows, (error,) = told("yolo", files, tmp_path)
    assert rows == 1
    assert error.place is not None and error.place.endswith("bad.zip/labels/1.txt, line 3")
    assert got in str(error.got) and expected in error.expected


@pytest.mark.parametrize("content", ["{", "names: 3", "nc: 2", "names: {1: a}", b"\xff"])
def test_a_file_of_classes_that_names_none(content: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.yaml: "):
        told("yolo", as_yolo(TWO) | {"data.yaml": content}, tmp_path)


@pytest.mark.parametrize(
    ("line", "got", "expected"),
    [
        ("1.png,cell,50,3,60,9", "'cell' from (50, 3)", "a box in its picture of 40 x 30 pixels"),
        ("1.png,,1,3,6,9", "no class", "the name of its class"),
        ("1.png,cell,5,3,5,9", "'cell' from (5, 3) to (5, 9)", "an area"),
        ("1.png,cell,wide,3,5,9", "'cell' at wide, 3, 5, 9", "four numbers"),
        ("1.png,cell,,,,", "'cell' at , , , ", "four numbers"),
        ("9.png,cell,1,3,6,9", "9.png", "a picture in"),
        (",cell,1,3,6,9", "no file", "the file of a picture"),
    ],
)
def test_a_fault_in_a_table(line: str, got: str, expected: str, tmp_path: Path) -> None:
    files = as_box_table(TWO)
    files["boxes.csv"] = f"{files['boxes.csv']}{line}\n"
    _, (error,) = told("box-table", files, tmp_path)
    assert error.place is not None and error.place.endswith("bad.zip/boxes.csv, row 3")
    assert got in str(error.got) and expected in error.expected


@pytest.mark.parametrize(
    ("line", "got", "expected"),
    [
        ('{"objects": []}', "no file_name", "the name of a picture"),
        ('{"file_name": 7, "objects": []}', "file_name '7'", "the name of a picture"),
        ('{"file_name": "9.png", "objects": []}', "9.png", "a picture in the folder"),
        ('{"file_name": "photos/1.png", "objects": []}', "1.png again", "each picture once"),
        ("nonsense", "nonsense", "a JSON object"),
        (BOXED.format('{"bbox": [[1, 3, 6, 9]], "categories": []}'), "1 boxes and 0", "as many"),
        (BOXED.format('{"bbox": [[1, 3, 6, 9]]}'), "objects with bbox", "bbox, and categories"),
        (BOXED.format('["cell"]'), "objects ['cell']", "a list of objects"),
        (BOXED.format('[{"bbox": [1, 3, 6], "label": "a"}]'), "bbox [1, 3, 6]", "in pixels"),
        (BOXED.format('[{"bbox": [50, 3, 6, 6], "label": "a"}]'), "'a' from (50", "40 x 30"),
        (BOXED.format('[{"bbox": [1, 3, 6, 6]}]'), "class None", "the name of a class"),
    ],
)
def test_a_fault_in_json_lines(line: str, got: str, expected: str, tmp_path: Path) -> None:
    files = as_box_lines(TWO) | {"photos/3.png": png(seed=3)}
    files["metadata.jsonl"] = f"{files['metadata.jsonl']}{line}\n"
    rows, (error,) = told("box-lines", files, tmp_path)
    assert rows == 2
    assert error.place is not None and "bad.zip/metadata.jsonl, line 3" in error.place
    assert got in str(error.got) and expected in error.expected


def test_a_class_number_without_a_name(tmp_path: Path) -> None:
    files = as_box_lines(TWO) | {"photos/3.png": png(seed=3)}
    line = BOXED.format('{"bbox": [[1, 3, 6, 6]], "label": [2]}')
    files["metadata.jsonl"] = f"{files['metadata.jsonl']}{line}\n"
    assert told("box-lines", files, tmp_path) == (3, [])
    _, (error,) = told("box-lines", files, tmp_path, names=["a", "b"])
    assert (error.got, error.expected) == ("class 2", "one from 0 to 1")


def test_a_table_whose_columns_are_called_otherwise(tmp_path: Path) -> None:
    files = as_box_table(TWO)
    files["boxes.csv"] = str(files["boxes.csv"]).replace("xmin", "links")
    with pytest.raises(UnknownColumn, match=r"none of its columns is known as 'x0'.* x0: NAME"):
        told("box-table", files, tmp_path)
    assert told("box-table", files, tmp_path, x0="links")[0] == 2
    with pytest.raises(UnknownColumn, match="no column 'rechts'"):
        told("box-table", files, tmp_path, x0="links", x1="rechts")


@pytest.mark.parametrize("kind", ["voc", "coco"])
def test_an_annotation_of_a_picture_of_another_size(kind: str, tmp_path: Path) -> None:
    """Pictures were scaled and their annotations were not: boxes would lie where nothing is."""
    files = FORMS[kind](TWO)
    name = next(n for n in files if n.endswith("1.png"))
    rows, (error,) = told(kind, files | {name: png(80, 60)}, tmp_path)
    assert rows == 1
    assert error.got == "the annotation of a picture of 40 x 30 pixels"
    assert error.expected == "that of its own, 80 x 60 pixels"
    assert error.place is not None and "bad.zip" in error.place
    assert told(kind, files | {name: png(80, 60)}, tmp_path, any_size=True) == (2, [])
    rows, (error,) = told(kind, files | {name: png(2, 30)}, tmp_path, any_size=True)
    assert error.expected == "a box in its picture of 2 x 30 pixels"


@pytest.mark.parametrize("kind", FORMS)
def test_a_picture_that_is_missing(kind: str, tmp_path: Path) -> None:
    """In a folder as in an archive: the annotation is told, and its row is not there."""
    files = FORMS[kind](TWO)
    gone = {name: content for name, content in files.items() if not name.endswith("1.png")}
    for path in (packed(gone, tmp_path / "a.zip"), unpacked(gone, tmp_path / "a")):
        rows, (error,) = read(Source.parse({"kind": kind, "path": path}))
        assert len(rows) == 1
        assert "picture" in error.expected
        assert error.place is not None and Path(path).name in error.place


@pytest.mark.parametrize("kind", ["voc", "yolo"])
def test_two_pictures_of_one_name(kind: str, tmp_path: Path) -> None:
    files = FORMS[kind](TWO)
    name = next(n for n in files if n.endswith("1.png"))
    rows, (error,) = told(kind, files | {name.replace(".png", ".tif"): b"II"}, tmp_path)
    assert rows == 1
    assert (error.got, error.expected) == ("a second picture called '1'", "one")
    assert error.place is not None and error.place.endswith("1.tif")


def test_a_name_in_a_table_that_two_pictures_have(tmp_path: Path) -> None:
    files = as_box_table(TWO) | {"more/1.png": png(seed=8)}
    rows, (error,) = told("box-table", files, tmp_path)
    assert rows == 1
    assert (error.got, error.expected[:22]) == ("1.png", "the path of one picture"[:22])
    assert told("box-table", files, tmp_path, pictures="photos") == (2, [])


def test_a_picture_without_an_annotation(tmp_path: Path) -> None:
    """In VOC it is told; in YOLO it holds nothing, since its files say so by being absent."""
    rows, (error,) = told("voc", as_voc(TWO) | {"JPEGImages/3.png": png()}, tmp_path)
    assert rows == 2
    assert (error.got, error.expected) == ("a picture without an annotation", "3.xml")
    path = packed(as_yolo(TWO) | {"images/3.png": png()}, tmp_path / "yolo.zip")
    found, errors = read(Source.parse({"kind": "yolo", "path": path}))
    assert not errors
    assert found[2]["boxes"] == []


def test_texts_that_no_file_can_hold(tmp_path: Path) -> None:
    """JSON and YAML can write the half of a character, as `\\ud800`; Arrow and UTF-8 cannot."""
    half = "\ud800"
    rows, errors = told("coco", coco(lambda w: w["categories"][0].update(name=half)), tmp_path)
    assert (rows, errors[0].got, errors[0].expected) == (
        1, "a class called '\\ud800'", "a name in valid Unicode")  # fmt: skip
    rows, errors = told("coco", coco(lambda w: w["images"][1].update(file_name=half)), tmp_path)
    assert rows == 1
    assert "\\ud800" in errors[0].got and errors[0].got.isprintable()
    yaml = as_yolo(TWO) | {"data.yaml": r'names: ["a", "\ud800"]'}
    assert told("yolo", yaml, tmp_path)[1][0].got == "a class called '\\ud800'"


@pytest.mark.parametrize("kind", ["voc", "yolo"])
def test_a_file_whose_name_is_not_utf8_is_passed_over_and_said(kind: str, tmp_path: Path) -> None:
    path = Path(unpacked(FORMS[kind](TWO), tmp_path / "a"))
    first = next(path.rglob("1.png"))
    first.with_name(os.fsdecode(b"caf\xe9.png")).write_bytes(png())
    heard: list[str] = []
    with listening(lambda message, *_: heard.append(message)):
        rows, errors = read(Source.parse({"kind": kind, "path": str(path)}))
    assert (len(rows), errors) == (2, [])
    assert heard == [f"{first.parent.name}: the names of 1 files are not UTF-8, such as "
                     r"'caf\udce9.png'; they are passed over. Rename them."]  # fmt: skip


def test_where_no_picture_can_be_read_the_first_reason_is_given(tmp_path: Path) -> None:
    files = {name: "<a/>" if name.endswith("xml") else c for name, c in as_voc(TWO).items()}
    with pytest.raises(DataError, match=r"1\.xml: got '<a>', expected <annotation> .*all of 2"):
        told("voc", files, tmp_path)


def test_options_that_cannot_be_meant_together() -> None:
    for options in ({"x1": "a", "width": "b"}, {"part": "a", "test": "b"}, {"valid": "b"}):
        with pytest.raises(UsageError, match="expected"):
            Source.parse({"kind": "box-table", "path": "x", **options})
