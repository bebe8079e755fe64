"""Arrays: rows as they lie in .npy, .npz and idx files; damage refused."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settle
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from numpy.testing import assert_array_equal

from sonde.core.errors import DataError, StorageError, UnknownColumn
from sonde.core.port import PART
from sonde.data.sources._values import ROWS
from sonde.data.sources.arrays import Arrays

_CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def idx(array: np.ndarray, code: int) -> bytes:
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes((0, 0, code, array.ndim)) + shape + array.tobytes()


def column(source: Arrays, name: str) -> list[object]:
    return [v for batch in source.scan([name]) for v in batch.column(name).to_pylist()]


def test_every_format_gives_the_same_rows(tmp_path: Path) -> None:
    images = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "b.npz", x=images, y=np.arange(3))
    np.savez(tmp_path / "single.npz", images)
    (tmp_path / "c-ubyte").write_bytes(idx(images, 8))
    (tmp_path / "d.gz").write_bytes(gzip.compress(idx(images, 8)))
    (tmp_path / "e.npy.gz").write_bytes(gzip.compress((tmp_path / "a.npy").read_bytes()))
    for place in ("a.npy", "b.npz:x", "single.npz", "c-ubyte", "d.gz", "e.npy.gz"):
        source = Arrays(train={"image": place}, root=str(tmp_path))
        (batch,) = source.scan()
        assert_array_equal(batch.column("image").to_numpy_ndarray(), images)
        assert batch.schema.field("image").type == source.fields()[0].type


@settle(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.sampled_from(sorted(_CODES)).flatmap(
        lambda dtype: arrays_of.arrays(
            dtype, arrays_of.array_shapes(max_dims=3, max_side=4),
            elements={"allow_nan": False} if "f" in dtype else None,
        )
    ),
    st.booleans(),
)  # fmt: skip
def test_idx_is_read_in_every_type(tmp_path: Path, array: np.ndarray, is_packed: bool) -> None:
    code = next(c for name, c in _CODES.items() if np.dtype(name) == array.dtype)
    content = idx(array, code)
    (tmp_path / "x").write_bytes(gzip.compress(content) if is_packed else content)
    (batch,) = Arrays(train={"x": str(tmp_path / "x")}).scan()
    values = batch.column("x")
    is_plain = array.ndim == 1 or array.shape[1:] == (1,)
    got = values.to_numpy(zero_copy_only=False) if is_plain else values.to_numpy_ndarray()
    assert_array_equal(got, array.reshape(len(array)) if is_plain else array)
    assert got.dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"\0", lambda b: b[:6]])
def test_an_idx_file_of_the_wrong_length_is_refused(tmp_path: Path, change: object) -> None:
    assert callable(change)
    (tmp_path / "x").write_bytes(change(idx(np.zeros((3, 2), np.uint8), 8)))
    with pytest.raises(DataError, match="header"):
        Arrays(train={"x": str(tmp_path / "x")}).fields()


def test_an_idx_header_that_claims_terabytes_allocates_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\0\0\x0e\x02" + struct.pack(">2I", 2**32 - 1, 2**10) + b"abc")
    with pytest.raises(DataError, match="but only 3 follow"):
        Arrays(train={"x": str(tmp_path / "x")}).fields()


def test_plain_columns_keep_their_type_and_nan_is_null(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        number=np.array([1.5, np.nan], np.float32),
        text=np.array(["a", "bc"]),
        flag=np.array([True, False]),
        label=np.array([[3], [4]], np.uint8),
    )
    place = str(tmp_path / "a.npz")
    names = ("number", "text", "flag", "label")
    source = Arrays(train={name: f"{place}:{name}" for name in names})
    assert [str(field.type) for field in source.fields()] == ["float", "string", "bool", "uint8"]
    (batch,) = source.scan()
    assert batch.to_pylist() == [
        {"number": 1.5, "text": "a", "flag": True, "label": 3},
        {"number": None, "text": "bc", "flag": False, "label": 4},
    ]


def test_many_rows_come_in_chunks_and_parts_in_order(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(ROWS + 5))
    np.save(tmp_path / "y.npy", np.arange(3))
    source = Arrays(train={"x": "x.npy"}, test={"x": "y.npy"}, root=str(tmp_path))
    assert [batch.num_rows for batch in source.scan()] == [ROWS, 5, 3]
    assert column(source, "x") == [*range(ROWS + 5), 0, 1, 2]
    assert column(source, PART) == ["train"] * (ROWS + 5) + ["test"] * 3
    with pytest.raises(UnknownColumn, match="Did you mean 'x'"):
        list(source.scan(["X"]))


def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3), y=np.zeros(4), z=np.zeros((3, 2)), s=np.float64(1))
    at = str(tmp_path / "a.npz") + ":"
    for train, test, message in (
        ({"x": "x", "y": "y"}, None, "one length above 0, got x 3, y 4"),
        ({"x": "x"}, {"y": "y"}, "test names the arrays y, train x"),
        ({"x": "x"}, {"x": "z"}, r"rows of shape \(2,\)"),
        ({"x": "s"}, None, "single value"),
        ({"x": "w"}, None, "has no array 'w'"),
    ):
        parts = [p and {name: at + key for name, key in p.items()} for p in (train, test)]
        with pytest.raises(DataError, match=message):
            Arrays(train=parts[0] or {}, test=parts[1]).fields()


def test_python_objects_and_damage_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "o.npy", np.array([{}, []], object))
    np.save(tmp_path / "a.npy", np.arange(100))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-8])
    (tmp_path / "zip.npz").write_bytes(b"PK\x03\x04" + bytes(50))
    (tmp_path / "text.npy").write_text("hello")
    for name, message in (
        ("o.npy", "Python objects"),
        ("cut.npy", "damaged"),
        ("zip.npz", "damaged"),
        ("text.npy", "neither .npy, .npz nor idx"),
        ("a.npy:x", "no such file"),
    ):
        with pytest.raises((DataError, StorageError), match=message):
            Arrays(train={"x": name}, root=str(tmp_path)).fields()


def test_the_fingerprint_follows_bytes_and_names(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(3))
    np.save(tmp_path / "y.npy", np.arange(3))
    first = Arrays(train={"x": "x.npy"}, root=str(tmp_path)).fingerprint()
    assert Arrays(train={"x": "y.npy"}, root=str(tmp_path)).fingerprint() == first
    assert Arrays(train={"z": "x.npy"}, root=str(tmp_path)).fingerprint() != first


def test_mnist_is_read_as_published(shared_data: Path) -> None:
    source = Arrays(
        root=str(shared_data / "mnist"),
        train={"image": "train-images-idx3-ubyte.gz", "label": "train-labels-idx1-ubyte.gz"},
        test={"image": "t10k-images-idx3-ubyte.gz", "label": "t10k-labels-idx1-ubyte.gz"},
    )
    assert source.title == "mnist"
    labels = np.array(column(source, "label"))
    assert len(labels) == 70_000
    assert labels[:5].tolist() == [5, 0, 4, 1, 9]
    first = next(source.scan(["image"])).column("image").to_numpy_ndarray()[0]
    assert first.shape == (28, 28)
    assert int(first.sum()) == 27525
