"""Copies: rows equal to an earlier one, against a dictionary of rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.chunks import Chunks

from sonde.contracts.data import Column
from sonde.data import copies as module
from sonde.data.columns.category import Category
from sonde.data.columns.image import Image
from sonde.data.copies import copies
from sonde.data.sources.folder import Folder


def of(table: pa.Table, size: int = 3) -> list[int]:
    """The copies in all fields of a table."""
    columns = [Category().named(name) for name in table.column_names]
    return copies(Chunks(table=table, size=size), columns).tolist()


def naive(rows: Sequence[tuple[Any, ...]]) -> list[int]:
    """The place at which a dictionary met each row first."""
    met: dict[tuple[Any, ...], int] = {}
    return [met.setdefault(row, place) for place, row in enumerate(rows)]


def _of_length(values: pa.Array) -> np.ndarray:
    """A hash that tells even lengths from odd ones and no more."""
    lengths = pc.fill_null(pc.binary_length(values), 0)
    return lengths.to_numpy(zero_copy_only=False).astype(np.uint64) % 2


_texts = st.none() | st.text("ab\0é", max_size=20) | st.text("ab", min_size=60, max_size=70)
_ROWS = st.lists(st.tuples(_texts, st.none() | st.sampled_from(["", "a", "aa"])), max_size=30)


@given(rows=_ROWS, size=st.integers(1, 12))
def test_texts_are_found_as_a_dictionary_finds_them(
    rows: list[tuple[str | None, str | None]], size: int
) -> None:
    texts = {name: [row[at] for row in rows] for at, name in enumerate("xy")}
    table = pa.table({name: pa.array(column, pa.string()) for name, column in texts.items()})
    assert of(table, size) == naive(rows)


@given(rows=_ROWS)
def test_a_hash_that_errs_changes_nothing(rows: list[tuple[str | None, str | None]]) -> None:
    """Rows are compared by their values in the end: here values have one of two hashes."""
    texts = {name: [row[at] for row in rows] for at, name in enumerate("xy")}
    table = pa.table({name: pa.array(column, pa.string()) for name, column in texts.items()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_hash", _of_length)
        patch.setattr(module, "_AT_ONCE", 1)
        assert of(table, 4) == naive(rows)


@given(
    numbers=st.lists(st.none() | st.sampled_from([0.0, -0.0, 1.5, float("inf"), 1e-300])),
    kind=st.sampled_from([pa.float64(), pa.float32()]),
)
def test_numbers_are_equal_by_value(numbers: list[float | None], kind: pa.DataType) -> None:
    single = [n if n is None or kind == pa.float64() else float(np.float32(n)) for n in numbers]
    assert of(pa.table({"x": pa.array(numbers, kind)})) == naive([(n,) for n in single])


@pytest.mark.parametrize(
    "column",
    [
        pa.array([3, 2**62, 3, None, None, 2**62 + 1], pa.int64()),
        pa.array([1, 255, 1, None, None, 0], pa.uint8()),
        pa.array([True, False, True, None, None, False]).slice(0, 5),
        pa.array(["a", "bb", "a", None, None, "ab"]).dictionary_encode(),
        pa.array(["a", "bb", "a", None, None, "ab"], pa.large_string()),
        pa.array([b"\0", b"", b"\0", None, None, b"\0\0"]),
        pa.array([[1, 2], [2], [1, 2], None, None, []], pa.list_(pa.int8())),
        pa.array([[1, 2], [2, 1], [1, 2], None, None, [1, 1]], pa.list_(pa.int8(), 2)),
        pa.array([1, 2, 1, None, None, 3], pa.timestamp("s")),
        pa.array([1, 2, 1, None, None, 3], pa.date32()),
        pa.array(["1.1", "2", "1.1", None, None, "3"]).cast(pa.decimal128(9, 2)),
        pa.array([{"a": 1}, {"a": 2}, {"a": 1}, None, None, {"a": None}]),
    ],
    ids=lambda column: str(column.type),
)
@pytest.mark.parametrize("size", [2, 100])
def test_values_of_every_type_are_compared(column: pa.Array, size: int) -> None:
    assert of(pa.table({"x": column}), size) == [0, 1, 0, 3, 3, 5][: len(column)]


@pytest.mark.parametrize("shape", [(4,), (2, 3), (9, 9, 3)])
def test_arrays_are_compared_by_content(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    distinct = rng.normal(size=(4, *shape)).astype(np.float32)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(distinct[[0, 1, 0, 2, 1, 3]])
    assert of(pa.table({"x": tensors})) == [0, 1, 0, 3, 1, 5]


def test_only_the_fields_that_are_read_are_compared() -> None:
    table = pa.table({"x": ["a", "a", "b"], "y": ["1", "2", "1"]})
    source = Chunks(table=table)
    assert copies(source, [Category().named("x")]).tolist() == [0, 0, 2]
    assert copies(source, [Category(field="y").named("z")]).tolist() == [0, 1, 0]
    assert copies(source, []).tolist() == [0, 1, 2]


def test_pictures_are_compared_by_their_files(tmp_path: Path) -> None:
    from PIL import Image as Pillow

    for name, grey in {"a/1.png": 9, "a/2.png": 7, "b/3.png": 9, "b/4.png": 7}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Pillow.new("L", (4, 4), grey).save(tmp_path / name)
    source = Folder(str(tmp_path))
    pictures: list[Column] = [Image().named("image")]
    assert copies(source, pictures).tolist() == [0, 1, 0, 1]
    assert copies(source, [*pictures, Category().named("label")]).tolist() == [0, 1, 2, 3]


def test_a_file_that_cannot_be_read_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"one")
    (tmp_path / "too").write_bytes(b"one")
    names = [str(tmp_path / name) for name in ("there", "gone", "too", "gone", "lost")]
    source = Chunks(table=pa.table({"p": [*names, None]}), size=100)
    assert copies(source, [Image().named("p")]).tolist() == [0, 1, 0, 1, 4, 5]


def test_a_source_without_rows_has_no_copies() -> None:
    assert of(pa.table({"x": pa.array([], pa.string())})) == []
