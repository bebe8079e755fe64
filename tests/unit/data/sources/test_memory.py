"""Data in memory: the same rows whatever library holds them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from sonde.core.errors import DataError, StorageError, UsageError
from sonde.data.guess import guess_source
from sonde.data.memory import Memory, as_source
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
    assert isinstance(guess_source(str(tmp_path)), Table)
    (tmp_path / "empty").mkdir()
    assert isinstance(guess_source(str(tmp_path / "empty")), Folder)
    with pytest.raises(StorageError, match="no such file"):
        guess_source(str(tmp_path / "absent"))


@pytest.mark.parametrize("name", ["a.npy", "x-idx1-ubyte.gz"])
def test_a_file_that_needs_more_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UsageError, match="in a recipe"):
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


def test_what_comes_as_a_stream_is_kept_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked once, however often it is scanned; nothing is left behind; structs become fields."""
    monkeypatch.setenv("SONDE_CACHE", str(tmp_path))
    asked = []

    def batches() -> Iterator[pa.RecordBatch]:
        asked.append(1)
        for start in range(0, 9000, 1000):
            yield pa.record_batch({"x": range(start, start + 1000), "s": [{"y": "a"}] * 1000})

    schema = next(batches()).schema
    source = as_source(pa.RecordBatchReader.from_batches(schema, batches()))
    assert [sum(map(len, source.scan(["x"]))) for _ in range(2)] == [9000, 9000]
    assert [field.name for field in source.fields()] == ["x", "s.y"]
    assert len(asked) == 2
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_stream_that_breaks_is_told() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"x": [1]})
        raise pa.ArrowInvalid("the engine is gone")

    stream = pa.RecordBatchReader.from_batches(pa.schema({"x": pa.int64()}), batches())
    with pytest.raises(DataError, match="rows: its rows cannot be read: the engine is gone"):
        as_source(stream, title="rows")


def test_a_duckdb_relation_is_a_table() -> None:
    duckdb = pytest.importorskip("duckdb", reason="needs duckdb")
    relation = duckdb.sql("select range as n, {'y': range / 2} as s from range(10000)")
    rows = pa.Table.from_batches(list(as_source(relation).scan())).to_pydict()
    assert rows == {"n": list(range(10_000)), "s.y": [n / 2 for n in range(10_000)]}
    counted = duckdb.sql("select random() as r from range(10)")
    source = as_source(counted)
    assert source.fingerprint() == source.fingerprint()  # asked twice it would differ


def test_hugging_face_datasets_are_tables_by_part() -> None:
    """Selections and shuffles hold; classes go by their names."""
    datasets = pytest.importorskip("datasets", reason="needs the Hugging Face datasets library")
    features = {"a": datasets.Value("int64"), "label": datasets.ClassLabel(names=["no", "yes"])}
    rows = {"a": [1, 2, 3], "label": [0, 1, -1]}
    made = datasets.Dataset.from_dict(rows, features=datasets.Features(features))
    parts = {"train": made, "validation": made.select([1]), "test": made.select([2, 0])}
    source = as_source(datasets.DatasetDict(parts))
    assert pa.Table.from_batches(list(source.scan())).to_pydict() == {
        "a": [1, 2, 3, 2, 3, 1],
        "label": ["no", "yes", None, "yes", None, "no"],
        "#part": ["train"] * 3 + ["valid"] + ["test"] * 2,
    }
    assert as_source(made.to_iterable_dataset()).fingerprint() == as_source(made).fingerprint()


def test_tables_by_part_are_one_with_the_part_beside_each_row() -> None:
    train = pd.DataFrame({"a": [1, 2], "b": [None, None]})
    source = as_source({"train": train, "test": pl.DataFrame({"b": ["x"], "a": [1.5]})})
    rows = pa.Table.from_batches(list(source.scan())).to_pylist()
    assert rows == [
        {"a": 1.0, "b": None, "#part": "train"},
        {"a": 2.0, "b": None, "#part": "train"},
        {"a": 1.5, "b": "x", "#part": "test"},
    ]
    with pytest.raises(DataError, match="test has the columns c; train has a, b"):
        as_source({"train": train, "test": pl.DataFrame({"c": [1]})})
    columns = as_source({"train": [1, 2], "test": [3, 4]})  # no tables: two columns
    assert [field.name for field in columns.fields()] == ["train", "test"]


def test_objects_in_rows_become_fields() -> None:
    source = as_source([{"a": {"b": 1, "c": {"d": "x"}}}, {"a": None}])
    (batch,) = source.scan()
    assert batch.to_pylist() == [{"a.b": 1, "a.c.d": "x"}, {"a.b": None, "a.c.d": None}]
