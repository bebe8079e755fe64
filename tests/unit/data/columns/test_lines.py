"""Lines and landmarks: equal steps, grids, and what is told."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as Pillow

from sonde.contracts.data import Ragged
from sonde.core.errors import DataError
from sonde.data.columns._polylines import in_equal_steps
from sonde.data.columns.image import Image
from sonde.data.columns.lines import Lines


def line(*points: tuple[float, float], label: str | None = None) -> dict[str, Any]:
    return {"label": label, "points": [list(point) for point in points]}


TYPE = pa.list_(pa.struct([("label", pa.string()), ("points", pa.list_(pa.list_(pa.float64())))]))
BENT = line((0, 0), (8, 0), (8, 6))


def rows_of(*lines: Any, size: tuple[int, int] = (20, 40)) -> pa.RecordBatch:
    """Rows of lines, each in a picture of that height and width."""
    file = io.BytesIO()
    Pillow.fromarray(np.zeros(size, np.uint8)).save(file, "PNG")
    pictures = [file.getvalue()] * len(lines)
    return pa.record_batch([pa.array(lines, TYPE), pa.array(pictures)], ["lines", "image"])


def fitted(column: Lines, rows: pa.RecordBatch, image: Image | None = None) -> Lines:
    picture = (image or Image()).named("image").fit([rows])
    found = column.named("lines").beside({"image": picture}).fit([rows])
    return found.beside({"image": picture})


def decoded(column: Lines, rows: pa.RecordBatch) -> list[list[dict[str, Any]]]:
    encoded = column.encode(rows)
    assert not encoded.errors
    assert encoded.starts is not None
    assert encoded.lengths is not None
    return column.decode(Ragged(encoded.values, encoded.starts, encoded.lengths))


def test_points_are_equally_far_apart_along_the_line() -> None:
    points = np.array(BENT["points"], float)
    found = in_equal_steps(points, 8)
    assert np.allclose(found[[0, -1]], points[[0, -1]])
    assert np.allclose(found[:5], [[2 * step, 0] for step in range(5)])
    assert np.allclose(found[4:], [[8, 2 * step] for step in range(4)])
    assert np.array_equal(in_equal_steps(points, 3), points)
    assert np.allclose(in_equal_steps(np.repeat(points, 2, axis=0), 8), found)
    assert np.allclose(in_equal_steps(np.ones((5, 2)), 3), 1)


def test_lines_lie_in_the_grid_of_their_picture() -> None:
    rows = rows_of([line((0, 0), (40, 20))], [], None)
    image = Image(size=(10, 10), resize="pad")
    column = fitted(Lines(points=3), rows, image)
    encoded = column.encode(rows)
    assert (column.port.shape, column.port.size, column.port.frame) == ((6,), None, "image")
    assert np.allclose(encoded.values, [[0, 2, 5, 4.5, 10, 7]])  # bars of two pixels and three
    assert encoded.lengths is not None
    assert encoded.present is not None
    assert encoded.lengths.tolist() == [1, 0, 0]
    assert encoded.present.tolist() == [True, True, False]


def test_labels_are_classes_behind_the_points() -> None:
    lane, kerb = line((1, 2), (3, 4), label="lane"), line((5, 6), (7, 9), label="kerb")
    rows = rows_of([lane, kerb], [lane])
    column = fitted(Lines(points=3), rows)
    assert (column.names, column.counts, column.port.shape) == (("kerb", "lane"), (1, 2), (7,))
    assert [found["label"] for found in decoded(column, rows)[0]] == ["lane", "kerb"]


def test_landmarks_keep_their_order_and_number() -> None:
    face = line((9, 9), (1, 1), (5, 2), (3, 8), (2, 2))
    column = fitted(Lines(fixed=True), rows_of([face]))
    assert column.port.shape == (10,)
    assert decoded(column, rows_of([face]))[0] == [face]
    (error,) = column.encode(rows_of([BENT])).errors
    assert (error.got, error.expected) == ("a line of 3 points", "5, as all others")
    with pytest.raises(DataError, match=r"equally many, got 3 \(1 lines\), 5 \(1 lines\)"):
        fitted(Lines(fixed=True), rows_of([face], [BENT]))
    with pytest.raises(DataError, match="kind: boxes"):
        fitted(Lines(fixed=True), rows_of([line((1, 1), (2, 2))]))


@pytest.mark.parametrize(
    ("wrong", "got", "expected"),
    [
        (line((1, 1), label="lane"), "a line 'lane' of 1 points", "at least two"),
        (line((1, 1), (2, 2), label="wire"), "a line 'wire'", "one of lane"),
        (line((50, 1), (60, 9), label="lane"), "(50, 1) to (60, 9)", "picture of 40 x 20 pixels"),
        (line((1, np.nan), (2, 2), label="lane"), "[[1.0, nan]", "pairs of x and y"),
        ({"label": "lane", "points": [[1, 2, 3]]}, "[[1.0, 2.0, 3.0]]", "pairs of x and y"),
        ({"label": "lane", "points": [[1, 2], [3]]}, "[3.0]]", "pairs of x and y"),
    ],
)
def test_a_line_that_is_none_is_told_as_a_row(wrong: Any, got: str, expected: str) -> None:
    good = line((1, 2), (3, 4), label="lane")
    column = fitted(Lines(), rows_of([good]))
    (error,) = column.encode(rows_of([good], [good, wrong])).errors
    assert error.row == 1
    assert got in error.got
    assert expected in error.expected


def test_training_lines_without_any_label_or_with_some_are_told() -> None:
    with pytest.raises(DataError, match="not one training row has a line"):
        fitted(Lines(), rows_of([], None))
    with pytest.raises(DataError, match="1 of 2 training lines have no label"):
        fitted(Lines(), rows_of([BENT, line((1, 2), (3, 4), label="lane")]))


def test_it_claims_fields_of_points() -> None:
    assert Lines.guess(pa.array([[BENT], None], TYPE)) is not None
    assert Lines.guess(pa.array([[1.0]])) is None
    found = Lines(within="scan").beside({"scan": Image()}).picture
    assert found is not None and found.kind == "image"
