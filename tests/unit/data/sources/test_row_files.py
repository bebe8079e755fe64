"""Parquet, Arrow and JSON lines: the same rows whatever file holds them, every claim checked."""

from __future__ import annotations

import gzip
import json
import os
import pickle
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.contracts.data import RowError, Source
from sonde.core.errors import DataError, StorageError, UnknownColumn
from sonde.core.port import PART
from sonde.data.guess import guess_source
from sonde.data.sources._values import ROWS
from sonde.data.sources.arrow import Arrow
from sonde.data.sources.jsonl import Jsonl
from sonde.data.sources.parquet import Parquet
from sonde.data.sources.table import Table

COUNT = 2 * ROWS + 5
TABLE = pa.table(
    {
        "size": pa.array(np.arange(COUNT) / 4, mask=np.arange(COUNT) % 7 == 0),
        "town": pa.array(np.resize(["north", "süd", "west"], COUNT)),
        "code": pa.array(np.arange(COUNT)),
        "flag": pa.array(np.arange(COUNT) % 2 == 0),
        "where": pa.array([{"city": f"c{i % 9}", "at": {"x": i / 2}} for i in range(COUNT)]),
    }
)
FLAT = ["size", "town", "code", "flag", "where.city", "where.at.x"]


def write_parquet(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path, row_group_size=3000)


def write_stream(path: Path, table: pa.Table) -> None:
    with ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table)


def write_feather(path: Path, table: pa.Table) -> None:
    pyarrow.feather.write_feather(table, str(path))


def write_jsonl(path: Path, table: pa.Table) -> None:
    lines = "".join(json.dumps(row, default=str) + "\n" for row in table.to_pylist())
    data = lines.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


FORMS: dict[str, tuple[type[Source], Callable[[Path, pa.Table], None]]] = {
    "t.parquet": (Parquet, write_parquet),
    "t.feather": (Arrow, write_feather),
    "t.arrows": (Arrow, write_stream),
    "t.jsonl": (Jsonl, write_jsonl),
    "t.jsonl.gz": (Jsonl, write_jsonl),
}


def written(folder: Path, name: str, table: pa.Table = TABLE) -> Source:
    """The source of a file of that name, found by its content."""
    folder.mkdir(exist_ok=True)
    FORMS[name][1](folder / name, table)
    return guess_source(str(folder / name))


def read(source: Source, fields: list[str] | None = None) -> pa.Table:
    return pa.Table.from_batches(list(source.scan(fields)))


@pytest.mark.parametrize("name", FORMS)
def test_rows_are_those_that_were_written(name: str, tmp_path: Path) -> None:
    source = written(tmp_path, name)
    assert isinstance(source, FORMS[name][0])
    assert source.title == "t"
    assert [field.name for field in source.fields()] == FLAT
    types = {field.name: field.type for field in source.fields()}
    assert types["code"] == pa.int64() and types["flag"] == pa.bool_()
    rows = read(source)
    assert rows.schema.types == [types[name] for name in FLAT]
    assert rows.equals(TABLE.flatten().flatten().rename_columns(FLAT))
    assert max(len(batch) for batch in source.scan()) <= ROWS
    some = ["where.at.x", "size"]
    assert read(source, some).equals(rows.select(some))
    with pytest.raises(UnknownColumn, match="Did you mean 'town'"):
        read(source, ["towm"])


@pytest.mark.parametrize("name", FORMS)
def test_parts_and_several_files(name: str, tmp_path: Path) -> None:
    """In natural order; a fingerprint follows bytes, not places."""
    _, write = FORMS[name]
    ending = name.removeprefix("t.")
    for number in (2, 10, 1):
        write(tmp_path / f"p-{number}.{ending}", TABLE.slice(number, 3))
    write(tmp_path / f"test.{ending}", TABLE.slice(50, 2))
    kind = FORMS[name][0]
    options = {"path": str(tmp_path / f"p-*.{ending}"), "test": str(tmp_path / f"test.{ending}")}
    source = kind.parse(options)
    assert source.title == "p"
    assert source.describe().endswith("4 files")
    rows = read(source, ["code", PART]).to_pydict()
    assert rows["code"] == [1, 2, 3, 2, 3, 4, 10, 11, 12, 50, 51]
    assert rows[PART] == ["train"] * 9 + ["test"] * 2
    whole = read(source)
    (tmp_path / "other").mkdir()
    for path in tmp_path.glob(f"*.{ending}"):
        (tmp_path / "other" / path.name).write_bytes(path.read_bytes())
    again = kind.parse(
        {k: v.replace(str(tmp_path), f"{tmp_path}/other") for k, v in options.items()}
    )
    before = source.fingerprint()
    assert again.fingerprint() == before
    assert read(again).equals(whole)
    write(tmp_path / f"p-2.{ending}", TABLE.slice(3, 3))
    assert kind.parse(options).fingerprint() != before


def test_a_table_of_several_files(tmp_path: Path) -> None:
    for number, line in ((2, "3,4"), (10, "5,6"), (1, "1,2")):
        (tmp_path / f"sales-{number}.csv").write_text(f"a,b\n{line}\n")
    source = guess_source(str(tmp_path / "sales-*.csv"))
    assert isinstance(source, Table)
    assert source.title == "sales"
    assert source.describe() == "2 columns, comma, utf-8, header, 3 files"
    assert read(source).to_pydict() == {"a": ["1", "3", "5"], "b": ["2", "4", "6"]}
    (tmp_path / "sales-3.csv").write_text("a,c\n1,2\n")
    with pytest.raises(
        DataError, match=r"sales-3.csv has not the columns of .*sales-1.csv: it lacks"
    ):
        guess_source(str(tmp_path / "sales-*.csv")).fields()
    with pytest.raises(StorageError, match="no file matches"):
        guess_source(str(tmp_path / "salt-*.csv"))


def test_a_folder_partitioned_as_hive_does_it(tmp_path: Path) -> None:
    rows = pa.table({"a": range(6), "year": [2023, 2024, None] * 2, "k": ["x y", "x y", "z"] * 2})
    pq.write_to_dataset(rows, tmp_path / "sales", partition_cols=["k", "year"])
    source = guess_source(str(tmp_path / "sales"))
    assert isinstance(source, Parquet)
    assert source.title == "sales"
    read_rows = read(source).to_pylist()
    assert sorted(map(str, read_rows)) == sorted(
        str({"a": a, "k": ["x y", "x y", "z"][a % 3], "year": ["2023", "2024", None][a % 3]})
        for a in range(6)
    )
    assert read(source, ["year"]).num_rows == 6
    (tmp_path / "sales" / "_SUCCESS.parquet").write_bytes(b"litter")
    assert read(Parquet(str(tmp_path / "sales"))).num_rows == 6


def test_a_folder_whose_names_say_the_parts(tmp_path: Path) -> None:
    for name in ("train-0", "train-1", "validation-0", "test"):
        pq.write_table(pa.table({"a": [name]}), tmp_path / f"{name}.parquet")
    rows = read(guess_source(str(tmp_path))).to_pydict()
    assert rows == {
        "a": ["train-0", "train-1", "validation-0", "test"],
        PART: ["train", "train", "valid", "test"],
    }


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (pa.array([1], pa.int32()), pa.array([2.5]), [1.0, 2.5]),
        (pa.array([None]), pa.array(["x"]), [None, "x"]),
        (pa.array(["a"]).dictionary_encode(), pa.array(["b"], pa.large_string()), ["a", "b"]),
        (pa.array([Decimal("1.5")]), pa.array([2.25]), [1.5, 2.25]),
    ],
)
def test_types_that_differ_between_files_are_read_as_the_wider(
    first: pa.Array, second: pa.Array, expected: list[Any], tmp_path: Path
) -> None:
    for place, values in enumerate((first, second)):
        pq.write_table(pa.table({"x": values}), tmp_path / f"{place}.parquet")
    assert read(Parquet(str(tmp_path))).to_pydict() == {"x": expected}


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1], "y": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": ["t"], "y": [1]}), tmp_path / "b.parquet")
    with pytest.raises(
        DataError, match=r"b.parquet: column 'x' is string, in .*a.parquet it is int"
    ):
        Parquet(str(tmp_path)).fields()
    pq.write_table(pa.table({"x": [1], "z": [1]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="it lacks y and adds z"):
        Parquet(str(tmp_path)).fields()
    pq.write_table(pa.table({"x": [1], "y": [2]}), tmp_path / "b.parquet")
    (tmp_path / "c.jsonl").write_text('{"x": 1}\n')
    with pytest.raises(Exception, match="several formats"):
        guess_source(str(tmp_path))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array(["a", "b"]).dictionary_encode(), "string"),
        (pa.array(["a", None], pa.large_string()), "string"),
        (pa.array([Decimal("1.50"), None]), "decimal128(3, 2)"),
        (pa.array([1, 2], pa.timestamp("us", "UTC")), "timestamp[us, tz=UTC]"),
        (pa.array([float("nan"), 1.0], pa.float32()), "float"),
        (pa.array([[1, 2], None]), "list"),
        (pa.array([None, None]), "string"),
        (pa.array([b"x", b"y"], pa.large_binary()), "binary"),
        (pa.array([True, None]), "bool"),
        (pa.array([b"0" * 16, b"1" * 16], pa.uuid()), "fixed_size_binary[16]"),
    ],
    ids=lambda value: str(getattr(value, "type", value)),
)
def test_types_are_read_as_the_engine_knows_them(
    values: pa.Array, kind: str, tmp_path: Path
) -> None:
    table = pa.table({"x": values, "i": [1, 2]})
    write_parquet(tmp_path / "t.parquet", table)
    write_stream(tmp_path / "t.arrows", table)
    for name in ("t.parquet", "t.arrows"):
        source = guess_source(str(tmp_path / name))
        assert str(source.fields()[0].type).startswith(kind)
        (batch,) = source.scan()
        assert batch.schema.field("x").type == source.fields()[0].type
        assert batch.column("x").null_count == (
            2
            if values.null_count == 2
            else sum(value is None or value != value for value in values.to_pylist())
        )


def test_tensors_keep_their_shape(tmp_path: Path) -> None:
    pictures = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    table = pa.table({"image": pa.FixedShapeTensorArray.from_numpy_ndarray(pictures)})
    write_stream(tmp_path / "t.arrows", table)
    (batch,) = Arrow(str(tmp_path / "t.arrows")).scan()
    assert np.array_equal(batch.column("image").to_numpy_ndarray(), pictures)


class _Order:
    """What a pickle of it would run is seen by the folder it makes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.parametrize("write", [write_parquet, write_stream, write_feather])
def test_no_extension_type_is_made_by_running_what_a_file_says(
    write: Callable[[Path, pa.Table], None], is_nested: bool, tmp_path: Path
) -> None:
    field = pa.field("x", pa.int64(), metadata={
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(_Order(tmp_path / "ran")),
    })  # fmt: skip
    values: pa.Array = pa.array([1, 2])
    if is_nested:
        values, field = pa.StructArray.from_arrays([values], fields=[field]), None
        field = pa.field("s", values.type)
    write(tmp_path / "t", pa.table([values], schema=pa.schema([field])))
    with pytest.raises(DataError, match="column 'x' has a type that Python wrote as a pickle"):
        guess_source(str(tmp_path / "t")).fields()
    assert not (tmp_path / "ran").exists()


def test_class_names_of_hugging_face_files_are_read(tmp_path: Path) -> None:
    features = {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}}
    note = json.dumps({"info": {"features": features}})
    table = pa.table({"label": [0, 1, -1]}).replace_schema_metadata({"huggingface": note})
    write_parquet(tmp_path / "t.parquet", table)
    assert read(Parquet(str(tmp_path / "t.parquet"))).to_pydict() == {"label": ["no", "yes", None]}


MESSY = b"""\xef\xbb\xbf{"a": 1, "b": {"c": "x"}, "m": 1}

{"a": 2.5, "m": "q", "l": [1, null]}
nope
[1]
{"a": 1, "a": 2}
{"a": NaN}
{"a": 1e400, "m": true, "l": []}
{"s": "\\ud800"}
{"a": 12345678901234567890123, "b": null}"""


def test_odd_lines_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(MESSY)
    errors: list[RowError] = []
    source = Jsonl(str(path))
    rows = pa.Table.from_batches(list(source.scan(None, errors.append))).to_pydict()
    assert rows == {
        "a": [1.0, 2.5, float("inf"), 12345678901234567890123.0],
        "b.c": ["x", None, None, None],
        "m": ["1", "q", "true", None],
        "l": [None, [1.0, None], [], None],
        "b": [None] * 4,
    }
    assert [(error.row, error.harmless) for error in errors] == [
        (2, True), (4, False), (5, False), (6, False), (7, False), (9, False),
    ]  # fmt: skip
    assert errors[1].place == f"{path}, line 4"
    assert errors[3].expected == "a JSON object (a name stands twice in it)"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"[]", "the file is empty"),
        (b'{"a": 1}\n{"a": [1]}\n', "'a' holds whole in line 1, list of numbers in line 2"),
        (b'{"a": [{"b": 1}, 2]}\n', "'a' holds mixed list in line 1"),
        (b'{"a": [[1]]}\n{"a": [2]}\n', "'a' holds list of objects in line 1, list of numbers"),
        (b'{"a": "' + b"x" * (1 << 24) + b'"}', "line 1: longer than 16 MiB"),
        (b'{"": 1}\n', "column 1 of 1 has no name"),
        (b'{"a": 1}\n{"a": {"b": 1}}\n{"a.b": 1}\n{"#part": 1}', "'#part' is reserved"),
        (
            b"".join(b'{"n%d": 1}\n' % i for i in range(20_001)),
            "20,001 different fields, expected at most 20,000",
        ),
    ],
)  # fmt: skip
def test_what_is_not_json_lines_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=message):
        Jsonl(str(tmp_path / "t.jsonl")).fields()


_values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=5
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), _values), min_size=1, max_size=20))
def test_every_value_is_read_in_one_type_for_its_field(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("lines") / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows).replace("Infinity", "1e999"))
    source = Jsonl(str(path))
    if not any(rows):
        with pytest.raises(DataError, match="got empty objects"):
            source.fields()
        return
    got = read(source).to_pylist()
    assert len(got) == len(rows)
    for mine, theirs in zip(got, rows, strict=True):
        for name, value in mine.items():
            wanted = theirs.get(name)
            if isinstance(value, str) and not isinstance(wanted, str):
                assert wanted is not None
            elif isinstance(wanted, float | int) and not isinstance(wanted, bool):
                assert value == pytest.approx(wanted, rel=1e-12)
            else:
                assert value == wanted


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut, or with some bytes changed, mostly near the ends where the structure stands."""
    if rng.random() < 0.3:
        return data[: rng.integers(1, len(data))]
    out = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        place = rng.integers(0, len(out)) if rng.random() < 0.3 else -rng.integers(1, 600)
        out[place] = rng.integers(0, 256)
    return bytes(out)


@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.arrows"])
def test_damaged_files_are_read_or_refused_never_more(name: str, tmp_path: Path) -> None:
    """Whatever byte is changed: rows, or one of our errors."""
    source = written(tmp_path, name, TABLE.slice(0, 40))
    whole = (tmp_path / name).read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        (tmp_path / name).write_bytes(damaged(whole, rng))
        again = type(source).parse({"path": str(tmp_path / name)})
        try:
            read(again)
        except (DataError, StorageError) as error:
            assert name in str(error)
            refused += 1
    assert refused > 50
