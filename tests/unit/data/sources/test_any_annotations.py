"""Whatever stands in an annotation: it is objects, or an error that names it, and never a fault."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotated import (
    TWO,
    Files,
    as_box_lines,
    as_box_table,
    as_coco,
    as_voc,
    as_yolo,
    boxes_of,
    coco_json,
    packed,
    png,
    read,
    voc_note,
)

from sonde.contracts.data import Source
from sonde.core.errors import SondeError
from sonde.data.boxes import fault
from sonde.data.sources._xml import BadXml, parse_xml


def check(kind: str, files: Files) -> None:
    """All rows hold objects, and all else is told with its place."""
    with tempfile.TemporaryDirectory() as folder:
        source = Source.parse({"kind": kind, "path": packed(files, Path(folder) / "any.zip")})
        try:
            rows, errors = read(source)
        except SondeError as error:
            assert "any.zip" in str(error)
            return
    assert rows
    assert not any(fault(box) for row in rows for box in boxes_of(row))
    assert all(error.place and "any.zip" in error.place and error.expected for error in errors)


@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_as_xml(data: bytes) -> None:
    try:
        assert parse_xml(data).tag
    except BadXml as error:
        assert str(error)


words = st.sampled_from(
    ["", "1", "-3", "1e999", "nan", "12.5", " 7 ", "²", "9" * 5000, "cell", "x"]
)
tags = st.sampled_from(["name", "bndbox", "xmin", "xmax", "object", "size", "width", "difficult"])
trees: st.SearchStrategy[str] = st.recursive(
    words,
    lambda inner: st.lists(
        st.tuples(tags, inner).map(lambda t: f"<{t[0]}>{t[1]}</{t[0]}>"), max_size=4
    ).map("".join),
    max_leaves=12,
)


@settings(max_examples=60)
@given(tree=trees)
def test_any_tree_as_an_annotation(tree: str) -> None:
    check("voc", as_voc(TWO) | {"Annotations/1.xml": f"<annotation>{tree}</annotation>"})


@settings(max_examples=60)
@given(
    at=st.integers(0, 600), inserted=st.sampled_from(["<", "&", "&x;", "]]>", "<!DOCTYPE a>", "é"])
)
def test_an_annotation_with_anything_in_it(at: int, inserted: str) -> None:
    note = voc_note(TWO["1"])
    check("voc", as_voc(TWO) | {"Annotations/1.xml": note[:at] + inserted + note[at:]})


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["id", "name", "bbox", "file_name"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
places = st.sampled_from(
    [("images",), ("annotations",), ("categories",), ("images", 0), ("annotations", 0),
     ("categories", 0), ("images", 0, "id"), ("images", 0, "file_name"), ("images", 0, "width"),
     ("annotations", 0, "image_id"), ("annotations", 0, "category_id"), ("annotations", 0, "bbox"),
     ("annotations", 0, "bbox", 1), ("annotations", 0, "iscrowd"), ("categories", 0, "id"),
     ("categories", 0, "name")]
)  # fmt: skip


@settings(max_examples=150)
@given(place=places, value=values)
def test_any_value_at_any_place_of_a_json_file(place: tuple[Any, ...], value: Any) -> None:
    whole: Any = coco_json(TWO)
    holder = whole
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    check("coco", as_coco(TWO) | {"notes.json": json.dumps(whole)})


@settings(max_examples=100)
@given(value=values, inside=st.sampled_from(["", "bbox", "categories", "file_name"]))
def test_any_value_in_a_json_line(value: Any, inside: str) -> None:
    line = {"file_name": "photos/1.png", "objects": {"bbox": [[1, 2, 3, 4]], "categories": ["a"]}}
    (line if inside in ("", "file_name") else line["objects"])[inside or "objects"] = value
    files = as_box_lines({"2": TWO["2"]}) | {"photos/1.png": png()}
    lines = str(files["metadata.jsonl"]) + json.dumps(line) + "\n"
    check("box-lines", files | {"metadata.jsonl": lines})


numbers = st.floats(-0.5, 1.5).map(str) | st.sampled_from(
    ["0", "1", "nan", "1e999", "x", "9" * 5000]
)


@settings(max_examples=60)
@given(lines=st.lists(st.lists(numbers, max_size=6).map(" ".join), max_size=3))
def test_any_lines_of_numbers(lines: list[str]) -> None:
    check("yolo", as_yolo(TWO) | {"labels/1.txt": "\n".join(lines)})


@settings(max_examples=60)
@given(data=st.binary(max_size=40))
def test_any_bytes_as_a_text_file_or_a_file_of_classes(data: bytes) -> None:
    check("yolo", as_yolo(TWO) | {"labels/1.txt": data})
    check("yolo", as_yolo(TWO) | {"data.yaml": data})


@settings(max_examples=60)
@given(cells=st.lists(st.lists(numbers | words, min_size=6, max_size=6), max_size=3))
def test_any_cells_of_a_table(cells: list[list[str]]) -> None:
    files = as_box_table(TWO)
    files["boxes.csv"] = str(files["boxes.csv"]) + "".join(f"{','.join(row)}\n" for row in cells)
    check("box-table", files)
