"""Boxes: from the raw picture's pixels to the grid's, with its faults."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from sonde.contracts.data import Encoded, Ragged
from sonde.core.errors import DataError, UnknownColumn, UsageError
from sonde.core.notice import listening
from sonde.data.boxes import BOXES, Box, as_boxes
from sonde.data.columns.boxes import Boxes
from sonde.data.columns.image import Image
from sonde.data.columns.number import Number

WIDTH, HEIGHT = 40, 30
CELL = Box("cell", 2, 3, 12, 13)


def picture(width: int = WIDTH, height: int = HEIGHT, **options: Any) -> bytes:
    file = io.BytesIO()
    Pillow.new("L", (width, height)).save(file, "JPEG", **options)
    return file.getvalue()


def rows_of(*rows: Sequence[Box] | None, files: Sequence[Any] | None = None) -> pa.RecordBatch:
    held = [picture()] * len(rows) if files is None else files
    return pa.record_batch({"image": pa.array(held), "boxes": as_boxes(rows)})


def fitted(rows: pa.RecordBatch, *, image: Image | None = None, **options: Any) -> Boxes:
    pictures = (image or Image(size=(30, 40))).named("image").fit([rows])
    column = Boxes(**options).named("boxes")
    first = column.beside({"image": (image or Image(size=(30, 40))).named("image")})
    return first.fit([rows]).beside({"image": pictures})


def in_rows(encoded: Encoded) -> list[list[list[float]]]:
    assert encoded.starts is not None and encoded.lengths is not None
    ends = encoded.starts + encoded.lengths
    return [encoded.values[a:b].tolist() for a, b in zip(encoded.starts, ends, strict=True)]


def test_boxes_are_encoded_in_the_pixels_of_their_grid() -> None:
    rows = rows_of([CELL, Box("axon", 0, 0, 40, 30)], [], None)
    column = fitted(rows, image=Image(size=(60, 20)))
    encoded = column.encode(rows)
    assert in_rows(encoded) == [[[1, 6, 6, 26, 1], [0, 0, 20, 60, 0]], [], []]
    assert encoded.present is not None and encoded.present.tolist() == [True, True, False]
    assert column.names == ("axon", "cell")
    port = column.port
    assert (port.kind, port.shape, port.size, port.frame) == ("set", (5,), 2, "image")
    assert column.reads == ("boxes", "image")


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_a_bright_rectangle_lies_where_its_box_says(resize: Any) -> None:
    """However pictures are fitted, the box moves as its picture's pixels do, within one pixel."""
    rng = np.random.default_rng(0)
    files, boxes = [], []
    for _ in range(20):
        height, width = rng.integers(40, 90, 2).tolist()
        left, upper = (int(side * 0.3) for side in (width, height))
        right, lower = (int(side * 0.7) for side in (width, height))
        pixels = np.zeros((height, width), np.uint8)
        pixels[upper:lower, left:right] = 255
        file = io.BytesIO()
        Pillow.fromarray(pixels).save(file, "PNG")
        files.append(file.getvalue())
        boxes.append([Box("cell", left, upper, right, lower)])
    rows = rows_of(*boxes, files=files)
    image = Image(size=(64, 48), resize=resize, channels=1)
    column = fitted(rows, image=image)
    grids = image.named("image").fit([rows]).encode(rows).values[:, 0]
    for grid, (found,) in zip(grids, in_rows(column.encode(rows)), strict=True):
        down, across = np.nonzero(grid > 127)
        seen = [across.min(), down.min(), across.max() + 1, down.max() + 1]
        np.testing.assert_allclose(found[:4], seen, atol=1)


def test_a_picture_held_upright_is_the_one_boxes_are_in() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    rows = rows_of([Box("cell", 0, 20, 30, 40)], files=[picture(exif=exif)])
    column = fitted(rows, image=Image(size=(40, 30)))
    encoded = column.encode(rows)
    assert not encoded.errors
    assert in_rows(encoded) == [[[0, 20, 30, 40, 0]]]


def test_a_box_is_cut_at_its_pictures_border() -> None:
    rows = rows_of([Box("cell", -5, -5, 45, 10)])
    column = fitted(rows)
    encoded = column.encode(rows)
    assert in_rows(encoded) == [[[0, 0, 40, 10, 0]]]
    assert not encoded.errors
    (found,) = column.objects(rows)
    assert found is not None and found.borders.tolist() == [[0, 0, 40, 10]]


def test_what_a_cropped_picture_has_lost_is_left_out() -> None:
    """The middle of a box must be seen; what is seen of it stays."""
    rows = rows_of([Box("cell", 0, 0, 4, 4), Box("cell", 2, 0, 18, 10), Box("cell", 19, 9, 21, 11)])
    column = fitted(rows, image=Image(size=(30, 30), resize="crop"))
    assert in_rows(column.encode(rows)) == [[[0, 0, 13, 10, 0], [14, 9, 16, 11, 0]]]


FAULTS = {
    "outside": (Box("cell", 41, 3, 50, 9), "a box in its picture of 40 x 30 pixels"),
    "beside": (Box("cell", 40, 3, 50, 9), "a box in its picture of 40 x 30 pixels"),
    "above": (Box("cell", 4, -9, 9, 0), "a box in its picture of 40 x 30 pixels"),
    "no width": (Box("cell", 4, 3, 4, 9), "an area"),
    "turned around": (Box("cell", 9, 9, 4, 3), "an area"),
    "no class": (Box(None, 4, 3, 9, 9), "the name of its class"),
    "empty class": (Box("", 4, 3, 9, 9), "the name of its class"),
    "no number": (Box("cell", float("nan"), 3, 9, 9), "four numbers"),
    "endless": (Box("cell", 0, 3, float("inf"), 9), "four numbers"),
    "another class": (Box("crab", 4, 3, 9, 9), "one of the classes cell"),
}


@pytest.mark.parametrize(("box", "expected"), FAULTS.values(), ids=FAULTS)
def test_an_object_that_is_none_makes_its_row_an_error(box: Box, expected: str) -> None:
    train = rows_of([CELL])
    rows = rows_of([CELL], [CELL, box, CELL], [])
    encoded = fitted(train).encode(rows)
    (error,) = encoded.errors
    assert error.row == 1
    assert str(error.got).startswith("object 2, ")
    assert expected in error.expected
    assert [len(row) for row in in_rows(encoded)] == [1, 0, 0]
    _, spared, _ = fitted(train).objects(rows)
    assert spared is not None and spared.difficult.tolist() == [False, True, False]
    assert np.isfinite(spared.borders).all()


def test_an_error_names_the_file_where_the_picture_is_one(tmp_path: Any) -> None:
    path = tmp_path / "1.jpg"
    path.write_bytes(picture())
    rows = rows_of([CELL], files=[str(path)])
    bad = rows_of([Box("crab", 4, 3, 9, 9)], files=[str(path)])
    (error,) = fitted(rows).encode(bad).errors
    assert error.place == str(path)


def test_a_row_with_a_fault_teaches_no_class() -> None:
    rows = rows_of([CELL], [Box("crab", 4, 3, 9, 9), Box("cell", 9, 9, 9, 9)])
    column = fitted(rows)
    assert (column.names, column.counts) == (("cell",), (1,))


def test_classes_may_be_given_in_their_order() -> None:
    rows = rows_of([CELL], [Box("axon", 0, 0, 4, 4)])
    column = fitted(rows, classes=("wall", "cell", "axon"))
    assert (column.names, column.class_counts) == (("wall", "cell", "axon"), (0, 1, 1))
    assert [row[0][4] for row in in_rows(column.encode(rows))] == [1, 2]


def test_difficult_objects_are_left_out_unless_asked_for() -> None:
    rows = rows_of([CELL, Box("crab", 4, 3, 9, 9, True)])
    column = fitted(rows)
    assert column.names == ("cell",)
    assert len(in_rows(column.encode(rows))[0]) == 1
    (found,) = column.objects(rows)
    assert found is not None
    assert (found.classes.tolist(), found.difficult.tolist()) == ([0, -1], [False, True])
    every = fitted(rows, difficult=True)
    assert every.names == ("cell", "crab")
    assert len(in_rows(every.encode(rows))[0]) == 2
    (found,) = every.objects(rows)
    assert found is not None and not found.difficult.any()


def test_objects_that_are_left_out_of_scores_are_strange() -> None:
    column = fitted(rows_of([CELL], [CELL]))
    new = rows_of([CELL, Box("mite", 0, 0, 9, 9), Box("fly", 0, 0, 9, 9)], [CELL],
                  [Box("mite", 1, 1, 9, 9), Box("cell", 9, 9, 2, 2)], None,
                  [Box("mite", 1, 1, 9, 9, difficult=True)])  # fmt: skip
    missing, classes, faulty = column.strange(new, column.encode(new))
    assert (missing.rows.tolist(), missing.what) == ([3], "have no value")
    assert (classes.rows.tolist(), classes.examples) == ([0, 2], ("mite", "fly"))
    assert classes.what == "hold objects of classes that no training row had"
    assert (faulty.rows.tolist(), faulty.what) == ([2], "hold objects that cannot be read")
    assert not column.strange(rows_of([CELL]), column.encode(rows_of([CELL])))


def test_what_training_rows_hold_is_told() -> None:
    heard: list[str] = []
    with listening(lambda message, *_: heard.append(message)):
        fitted(rows_of([CELL, Box("axon", 30, 0, 44, 4)], [], None))
    assert heard == [
        "boxes: 2 objects in 3 training pictures; 1 hold none: axon 1, cell 1; 1 reach beyond "
        "their picture and are cut at its border"
    ]


def test_a_picture_that_cannot_be_read_is_for_its_own_column_to_tell() -> None:
    train = rows_of([CELL])
    encoded = fitted(train).encode(rows_of([CELL], files=[b"no picture"]))
    assert not encoded.errors


def test_what_holds_no_boxes_is_refused() -> None:
    with pytest.raises(DataError, match="lists of objects with label, x0, y0, x1, y1"):
        Boxes().named("boxes").fit([pa.record_batch({"boxes": pa.array([1.0, 2.0])})])
    with pytest.raises(DataError, match="not one training row has an object"):
        fitted(rows_of([], []))
    with pytest.raises(UnknownColumn, match="within: unknown column 'image'"):
        Boxes().named("boxes").beside({})
    with pytest.raises(UsageError, match="'image' is a number, expected pictures"):
        Boxes().named("boxes").beside({"image": Number().named("image")})


def test_rows_as_a_caller_writes_them_are_read() -> None:
    """Whole numbers, no `difficult`, empty lists of no type, and nothing but nulls."""
    column = fitted(rows_of([CELL]))
    plain = [{"label": "cell", "x0": 2, "y0": 3, "x1": 12, "y1": 13}]
    for values, expected in (
        (pa.array([plain, []]), [[[2, 3, 12, 13, 0]], []]),
        (pa.array([[], []]), [[], []]),
        (pa.nulls(2), [[], []]),
        (pa.array([None, plain], BOXES), [[], [[2, 3, 12, 13, 0]]]),
    ):
        files = pa.array([picture()] * 2)
        assert (
            in_rows(column.encode(pa.record_batch({"image": files, "boxes": values}))) == expected
        )


def test_lists_of_objects_are_claimed() -> None:
    guess = Boxes.guess(as_boxes([[CELL], [], None]))
    assert guess is not None and guess.reason == "1 boxes of 1 classes: cell 1"
    assert Boxes.guess(pa.array([[1.0]])) is None
    assert Boxes.guess(pa.array([[{"label": "a", "x0": "1"}]])) is None


borders = st.tuples(*[st.floats(0, 1, width=32)] * 4)


@given(drawn=st.lists(borders, max_size=5), size=st.tuples(*[st.integers(8, 80)] * 2))
def test_a_box_comes_back_where_it_was(drawn: list[Any], size: tuple[int, int]) -> None:
    """From the raw picture into any grid and back, to a thousandth of a pixel."""
    boxes = [
        Box("cell", min(a, c) * 39, min(b, d) * 29, max(a, c) * 39 + 1, max(b, d) * 29 + 1)
        for a, b, c, d in drawn
    ]
    rows = rows_of([CELL, *boxes])
    column = fitted(rows, image=Image(size=size))
    encoded = column.encode(rows)
    assert encoded.starts is not None and encoded.lengths is not None
    (decoded,) = column.decode(Ragged(encoded.values, encoded.starts, encoded.lengths))
    placing = column.placing(rows)
    assert placing is not None
    for item, box in zip(decoded, [CELL, *boxes], strict=True):
        corners = np.array([[item["x0"], item["y0"]], [item["x1"], item["y1"]]])
        np.testing.assert_allclose(placing.back(0, corners).ravel(), box[1:5], atol=1e-3)
        assert item["label"] == box.label
