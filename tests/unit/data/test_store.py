"""The store: every row of every column once, found again by all that decides its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from tests.chunks import Chunks

from sonde.contracts.data import Column, Encoded, Ragged, RowError
from sonde.core.errors import UnknownColumn
from sonde.core.port import Port
from sonde.data.columns.category import Category
from sonde.data.columns.number import Number
from sonde.data.store import build_store, check_fields, fit_columns


class Counted(Chunks):
    """It counts its scans."""

    scans: ClassVar[list[list[str]]] = []

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        self.scans.append(list(fields or ()))
        return super().scan(fields, on_error)


class Words(Column):
    """The code points of a text; 'bad' cannot be read."""

    kind: ClassVar[str] = "words"
    learns: ClassVar[bool] = False

    @property
    def port(self) -> Port:
        return Port("sequence", size=128)

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Words:
        return self

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        texts = rows.column(self.reads[0]).to_pylist()
        lengths = np.array([len(text) for text in texts], np.int64)
        values = np.frombuffer("".join(texts).encode(), np.uint8)
        errors = [RowError(i, text, "a word") for i, text in enumerate(texts) if text == "bad"]
        return Encoded(values, np.cumsum(lengths) - lengths, lengths, errors=errors)

    def decode(self, arrays: np.ndarray | Ragged) -> list[str]:
        assert isinstance(arrays, Ragged)
        ends = zip(arrays.starts, arrays.lengths, strict=True)
        return [bytes(arrays.values[a : a + n]).decode() for a, n in ends]


WORDS = ["one", "", "three", "bad", "a", "", "", "eleven", "bad", "x"]


@pytest.fixture(autouse=True)
def _no_scans() -> None:
    Counted.scans.clear()


def numbers(size: int = 3) -> Counted:
    return Counted(table=pa.table({"x": [1.0, None, 3.0, 5.0, 7.0], "y": list("abcab")}), size=size)


def columns(**kinds: Column) -> dict[str, Column]:
    return {name: column.named(name) for name, column in kinds.items()}


@pytest.mark.parametrize("size", [1, 3, 100])
def test_dense_columns_hold_every_row_in_order(size: int, tmp_path: Path) -> None:
    source = numbers(size)
    fitted = fit_columns(source, columns(x=Number(), y=Category()), np.arange(5))
    store = build_store(source, fitted, "data", folder=tmp_path)
    present = store["x"].present
    assert present is not None
    assert present.tolist() == [True, False, True, True, True]
    assert fitted["x"].decode(store["x"].values)[2:] == pytest.approx([3, 5, 7])
    assert fitted["y"].decode(store["y"].values) == list("abcab")
    assert fitted["y"].decode(store["y"].take(np.array([4, 0, 4])).values) == ["b", "a", "b"]


@pytest.mark.parametrize("size", [1, 4, 100])
def test_ragged_columns_hold_every_row_in_order(size: int, tmp_path: Path) -> None:
    source = Counted(table=pa.table({"w": WORDS}), size=size)
    words = columns(w=Words())
    stored = build_store(source, words, "data", folder=tmp_path)["w"]
    assert words["w"].decode(Ragged(stored.values, stored.starts, stored.lengths)) == WORDS
    rows = np.array([7, 1, 0, 7])
    taken = stored.take(rows)
    assert taken.starts is not None
    assert taken.lengths is not None
    found = words["w"].decode(Ragged(taken.values, taken.starts, taken.lengths))
    assert found == [WORDS[row] for row in rows]
    assert [(error.row, error.got) for error in stored.errors] == [(3, "bad"), (8, "bad")]


def test_only_training_rows_are_fitted_in_one_scan(tmp_path: Path) -> None:
    fitted = fit_columns(numbers(2), columns(x=Number(), y=Category()), np.array([0, 4]))
    assert fitted["x"].dump(learned=True)["mean"] == 4.0
    assert fitted["y"].dump(learned=True)["values"] == ["a", "b"]
    assert Counted.scans == [["x", "y"]]


def test_columns_that_share_learn_one_vocabulary_from_training_rows_alone() -> None:
    table = pa.table({"home": list("abcz"), "away": list("dcaa"), "own": list("abcd")})
    kinds = {name: Category(shares="teams") for name in ("home", "away")} | {"own": Category()}
    fitted = fit_columns(Counted(table=table, size=2), columns(**kinds), np.arange(3))
    learned = {name: column.dump(learned=True) for name, column in fitted.items()}
    assert learned["home"]["values"] == learned["away"]["values"] == ["a", "b", "c", "d"]
    assert learned["own"]["values"] == ["a", "b", "c"]
    assert [learned[name]["name"] for name in kinds] == list(kinds)


def test_what_lies_in_the_cache_is_not_encoded_again(tmp_path: Path) -> None:
    source, kinds = numbers(), columns(x=Number(), y=Category())
    first = build_store(source, kinds, "data", folder=tmp_path)
    build_store(source, kinds, "data", folder=tmp_path)
    assert Counted.scans == [["x", "y"]]
    again = build_store(source, kinds | columns(z=Number(field="x")), "data", folder=tmp_path)
    assert Counted.scans[1:] == [["x"]]
    assert np.array_equal(first["x"].values, again["x"].values)


@pytest.mark.parametrize("change", ["data", "learned", "version"])
def test_whatever_decides_the_bytes_decides_the_place(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, kinds = numbers(), columns(x=Number())
    build_store(source, kinds, "data", folder=tmp_path)
    if change == "learned":
        kinds = {"x": kinds["x"].learn(mean=2.0)}
    if change == "version":
        monkeypatch.setattr(Number, "encoder_version", 99)
    build_store(source, kinds, "other" if change == "data" else "data", folder=tmp_path)
    assert len(Counted.scans) == 2


def test_two_at_once_end_with_the_same_store(tmp_path: Path) -> None:
    source, kinds = numbers(1), columns(x=Number(), y=Category())
    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(build_store, source, kinds, "d", folder=tmp_path) for _ in range(12)]
        stores = [job.result() for job in jobs]
    assert all(np.array_equal(store["x"].values, stores[0]["x"].values) for store in stores)
    assert not list(tmp_path.rglob(".draft-*"))
    assert len(list(tmp_path.rglob("index.json"))) == 2


class Fails(Number):
    """A column that cannot encode its second chunk."""

    kind: ClassVar[str] = "fails"

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        if rows.column(0)[0].as_py() == 5.0:
            raise MemoryError
        return super().encode(rows)


def test_an_encoding_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(MemoryError):
        build_store(numbers(3), columns(x=Fails(), y=Category()), "data", folder=tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".lock"]


def test_a_column_that_stops_reading_holds_up_no_other() -> None:
    class Hasty(Number):
        """Fails on its first chunk."""

        kind: ClassVar[str] = "hasty"

        def fit(self, chunks: Iterable[pa.RecordBatch]) -> Hasty:
            next(iter(chunks))
            raise MemoryError

    table = pa.table({"x": np.arange(100.0), "y": np.arange(100.0)})
    with pytest.raises(MemoryError):
        fit_columns(Counted(table=table, size=1), columns(x=Hasty(), y=Number()), np.arange(100))


def test_a_field_that_is_not_there_is_named_with_the_nearest() -> None:
    check_fields(numbers(), ["x", "y"])
    with pytest.raises(UnknownColumn, match=r"chunks has no column 'X'. Did you mean 'x'\?"):
        check_fields(numbers(), ["X"])
