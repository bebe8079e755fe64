"""Data in memory: the same rows whatever library holds them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from sonde.core.errors import DataError, StorageError, UsageError
from sonde.data.memory import Memory, as_source, guess_source
from sonde.data.sources._values import ROWS
from sonde.data.sources.arrays import Arrays
from sonde.data.sources.folder import Folder
from sonde.data.sources.table import Table

COLUMNS = {"x": [1.5, None, 3.0], "s": ["a", "b", None], "n": [1, 2, 3]}
ROWS_OF_THREE = [
    {"x": 1.5, "s": "a", "n": 1},
    {"x": None, "s": "b", "n": 2},
    {"x": 3.0, "s": None, "n": 3},
]


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame(COLUMNS, index=[7, 8, 9]),
        pd.DataFrame(COLUMNS).convert_dtypes(),
        pd.DataFrame(COLUMNS).astype({"s": "category"}),
        pl.DataFrame(COLUMNS),
        pl.DataFrame(COLUMNS).with_columns(pl.col("s").cast(pl.Categorical)),
        pa.table(COLUMNS),
        pa.RecordBatch.from_pydict(COLUMNS),
        COLUMNS,
        {"x": np.array([1.5, np.nan, 3]), "s": COLUMNS["s"], "n": torch.tensor([[1], [2], [3]])},
        ROWS_OF_THREE,
    ],
    ids=lambda data: type(data).__name__,
)
def test_rows_are_the_same_whatever_holds_them(data: object) -> None:
    source = as_source(data)
    (batch,) = source.scan()
    assert batch.to_pylist() == ROWS_OF_THREE
    assert [str(field.type) for field in source.fields()] == ["double", "string", "int64"]
    assert batch.schema.types == [field.type for field in source.fields()]


def test_chunks_do_not_change_batches_or_fingerprint() -> None:
    whole = pa.table({"x": range(ROWS + 10)})
    parts = pa.concat_tables([whole.slice(0, 7), whole.slice(7)])
    assert [batch.num_rows for batch in as_source(parts).scan()] == [ROWS, 10]
    assert as_source(parts).fingerprint() == as_source(whole).fingerprint()
    changed = whole.set_column(0, "x", pa.array([*range(ROWS + 9), 0]))
    assert as_source(changed).fingerprint() != as_source(whole).fingerprint()


def test_arrays_with_more_axes_are_tensors() -> None:
    pictures = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4)
    source = as_source({"image": pictures})
    (batch,) = source.scan(["image"])
    assert (batch.column("image").to_numpy_ndarray() == pictures.numpy()).all()
    assert source.fields()[0].type == pa.fixed_shape_tensor(pa.uint8(), (3, 4))


def test_mixed_values_become_texts() -> None:
    frame = pd.DataFrame({"a": ["12", 12, 3.0, True, 2.5, None]})
    (batch,) = as_source(frame).scan()
    assert batch.column("a").to_pylist() == ["12", "12", "3", "true", "2.5", None]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ({"a": [1], "b": [1, 2]}, DataError, "differ in length: a 1, b 2 rows"),
        ({"a": 3}, UsageError, "column 'a': got int"),
        ({1: [2]}, UsageError, "column name 1"),
        (5, UsageError, "got int, expected a pandas"),
        (np.zeros((2, 2)), UsageError, "got ndarray"),
        (pa.array([1]), UsageError, "got one column"),
        ([1], UsageError, "row 0: got int"),
        ({"a": []}, DataError, "0 rows of 1 columns"),
        ({"a": np.array([1j])}, DataError, "dtype complex128"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), DataError, "'a' stands more than once"),
        ({"#row": [1]}, DataError, "reserved"),
    ],
)
def test_what_holds_no_rows_is_refused(data: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        as_source(data)


def test_a_source_is_itself_and_a_path_is_guessed(tmp_path: Path) -> None:
    source = as_source(COLUMNS, title="mine")
    assert isinstance(source, Memory)
    assert as_source(source) is source
    assert source.title == "mine"
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(b"a\tb\n1\t2\n"))
    assert isinstance(as_source(tmp_path / "t.tsv.gz"), Table)
    assert isinstance(guess_source(str(tmp_path)), Folder)
    with pytest.raises(StorageError, match="no such file"):
        guess_source(str(tmp_path / "absent"))


@pytest.mark.parametrize("name", ["a.npy", "a.zip", "a.tar.gz", "a.parquet", "x-idx1-ubyte.gz"])
def test_a_file_that_needs_more_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UsageError, match=r"unpack it|read it|in a recipe"):
        guess_source(str(tmp_path / name))


def test_npz_files_whose_names_say_the_parts_are_understood(tmp_path: Path) -> None:
    np.savez(tmp_path / "front.npz", train_x=np.arange(3), test_x=np.arange(2))
    np.savez(tmp_path / "back.npz", x_train=np.arange(3), x_test=np.arange(2))
    np.savez(tmp_path / "one.npz", x=np.arange(3), y=np.arange(3))
    np.savez(tmp_path / "odd.npz", train_x=np.arange(3), z=np.arange(3))
    for name in ("front.npz", "back.npz"):
        source = guess_source(str(tmp_path / name))
        assert isinstance(source, Arrays)
        assert [field.name for field in source.fields()] == ["x", "#part"]
        assert sum(batch.num_rows for batch in source.scan()) == 5
    assert [field.name for field in guess_source(str(tmp_path / "one.npz")).fields()] == ["x", "y"]
    with pytest.raises(UsageError, match=r"names train_x, z. Say it in a recipe"):
        guess_source(str(tmp_path / "odd.npz"))


def test_pneumoniamnist_needs_no_recipe(shared_data: Path) -> None:
    source = guess_source(str(shared_data / "pneumoniamnist" / "pneumoniamnist.npz"))
    assert [field.name for field in source.fields()] == ["images", "labels", "#part"]
    assert sum(batch.num_rows for batch in source.scan(["labels"])) == 4708 + 524 + 624
