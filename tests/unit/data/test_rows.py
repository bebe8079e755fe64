"""A caller's rows: exactly the fields asked for, and JSON that loses nothing."""

from __future__ import annotations

import io
import json
import math
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image

from sonde.core.errors import DataError, UnknownColumn, UsageError
from sonde.data.rows import as_rows, from_jsonable, to_jsonable


def test_exactly_the_fields_come_back_and_absent_ones_are_named() -> None:
    batch, absent = as_rows([{"b": 1}, {"a": None, "b": 2}], ["a", "b", "c"])
    assert batch.schema.names == ["a", "b", "c"]
    assert absent == ["c"]
    assert batch.to_pydict() == {"a": [None, None], "b": [1, 2], "c": [None, None]}
    assert [str(kind) for kind in batch.schema.types] == ["string", "int64", "string"]


@pytest.mark.parametrize(
    "rows",
    [
        {"age": 29, "sex": "f"},
        [{"age": 29, "sex": "f"}],
        pd.DataFrame({"sex": ["f"], "age": [29]}),
        pl.DataFrame({"age": [29], "sex": ["f"]}),
        pa.RecordBatch.from_pydict({"age": [29], "sex": ["f"], "#row": [5]}),
    ],
    ids=lambda rows: type(rows).__name__,
)
def test_every_form_of_a_row_is_the_same_batch(rows: object) -> None:
    batch, absent = as_rows(rows, ["age", "sex"])
    assert batch.to_pylist() == [{"age": 29, "sex": "f"}]
    assert absent == []


def test_no_rows_are_an_empty_batch() -> None:
    batch, absent = as_rows([], ["a"])
    assert batch.num_rows == 0
    assert absent == ["a"]


def test_an_unknown_field_names_the_nearest_and_a_known_one_is_left_out() -> None:
    with pytest.raises(UnknownColumn, match=r"no field 'agee'. Did you mean 'age'"):
        as_rows([{"age": 1}, {"agee": 2}], ["age", "sex"])
    batch, _ = as_rows({"age": 1, "price": 2}, ["age"], known=["price"])
    assert batch.schema.names == ["age"]


def test_mixed_values_become_texts_with_numbers_in_shortest_form() -> None:
    rows = [{"a": value} for value in ("12", 12, 3.0, 2.5, True, None, math.nan, 1e300)]
    batch, _ = as_rows(rows, ["a"])
    assert batch.column("a").to_pylist() == [
        "12", "12", "3", "2.5", "true", None, None, "1e+300"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5], "double"),
        ([True, None], "bool"),
        ([b"x"], "binary"),
        ([np.float32(1), np.int64(2)], "double"),
        ([2**70, 1], "string"),
        ([PurePosixPath("a/b")], "string"),
        ([np.array([1.0, 2.0])], "list<item: double>"),
    ],
)
def test_values_of_one_kind_keep_it(values: list[object], kind: str) -> None:
    batch, _ = as_rows([{"a": value} for value in values], ["a"])
    assert str(batch.column("a").type) == kind


@pytest.mark.parametrize(
    "picture",
    [
        np.arange(12, dtype=np.uint8).reshape(3, 4),
        np.arange(36, dtype=np.uint8).reshape(3, 4, 3),
        Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)),
    ],
    ids=["grey", "colour", "pil"],
)
def test_pictures_become_png_bytes_without_loss(picture: object) -> None:
    batch, _ = as_rows({"p": picture}, ["p"])
    read = np.asarray(Image.open(io.BytesIO(batch.column("p")[0].as_py())))
    assert_array_equal(read, np.asarray(picture))


def test_a_turned_photograph_is_turned_once() -> None:
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    exif = image.getexif()
    exif[0x0112] = 6
    written = io.BytesIO()
    image.save(written, "PNG", exif=exif)
    written.seek(0)
    batch, _ = as_rows({"p": Image.open(written)}, ["p"])
    assert Image.open(io.BytesIO(batch.column("p")[0].as_py())).size == (3, 4)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([3], UsageError, "row 0: got int"),
        ({"a": np.zeros((2, 2))}, UsageError, "shape \\(2, 2\\), dtype float64"),
        ({"a": np.zeros((0, 2), np.uint8)}, UsageError, "shape \\(0, 2\\)"),
        ([{"a": "x.png"}, {"a": np.zeros((2, 2), np.uint8)}], UsageError, "picture, text"),
        ([{"a": [1]}, {"a": "x"}], UsageError, "'a' holds list, text"),
        ({"a": "\ud800"}, DataError, "column 'a', row 0: got .* expected valid Unicode"),
    ],
)
def test_rows_that_cannot_be_meant_are_refused(
    rows: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        as_rows(rows, ["a"])


_words = st.lists(st.text("a"))
_objects = st.fixed_dictionaries({
    "label": st.text("abc"), "x0": st.floats(-9, 9), "file": st.binary(), "parts": _words,
})  # fmt: skip

_values = st.one_of(
    st.lists(st.none() | st.booleans(), min_size=1, max_size=5),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=5),
    st.lists(st.none() | st.floats(allow_nan=False), min_size=1, max_size=5),
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5),
    st.lists(st.none() | st.binary(), min_size=1, max_size=5),
    st.lists(st.none() | st.datetimes(), min_size=1, max_size=5),
    st.lists(st.none() | st.lists(st.text("abc")), min_size=1, max_size=5),
    st.lists(st.none() | st.lists(st.none() | st.integers(0, 9)), min_size=1, max_size=5),
    st.lists(st.none() | st.lists(_objects), min_size=1, max_size=5),
)


@given(_values)
def test_json_brings_back_every_value(values: list[object]) -> None:
    batch = pa.RecordBatch.from_pydict({"a": values})
    plain = json.loads(json.dumps(to_jsonable(batch), allow_nan=False))
    back = from_jsonable(plain)
    assert back.to_pylist() == batch.to_pylist()
    if any(value is not None and value != [] for value in values):
        assert back.schema.types == batch.schema.types


def test_nan_is_written_as_null_and_tensors_as_png() -> None:
    pictures = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    column = pa.FixedShapeTensorArray.from_numpy_ndarray(pictures)
    batch = pa.RecordBatch.from_pydict({"p": column, "x": [1.0, math.nan]})
    plain = to_jsonable(batch)
    assert [row["x"] for row in plain] == [1.0, None]
    back = from_jsonable(plain).column("p").to_pylist()
    assert_array_equal([np.asarray(Image.open(io.BytesIO(png))) for png in back], pictures)


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(DataError, match="column 'a' has type struct"):
        to_jsonable(pa.RecordBatch.from_pydict({"a": [{"b": 1}]}))
    with pytest.raises(DataError, match="expected none that begins with"):
        to_jsonable(pa.RecordBatch.from_pydict({"a": [[{"$bytes": "b"}]]}))
    for value in (
        {"$bytes": "!"},
        {"$bytes": 3},
        {"$float": "nan"},
        {"$time": "now"},
        {"x": 1},
        [{"$x": 1}],
    ):
        with pytest.raises(DataError, match="column 'a'"):
            from_jsonable([{"a": value}])
