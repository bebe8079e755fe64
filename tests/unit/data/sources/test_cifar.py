"""CIFAR-10's binary version, as published but smaller."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sonde.core.errors import DataError, StorageError
from sonde.core.port import PART
from sonde.data.sources.cifar import Cifar

NAMES = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]


def write(path: Path, **changed: bytes) -> Cifar:
    """Batches of three records: class 0, 1, 0, the pixels all different."""
    rng = np.random.default_rng(0)
    members = {"batches.meta.txt": b"airplane\nautomobile\n\n"}
    for name in NAMES:
        records = rng.integers(0, 256, (3, 3073), dtype=np.uint8)
        records[:, 0] = (0, 1, 0)
        members[name] = records.tobytes()
    with tarfile.open(path, "w:gz") as archive:
        for name, data in (members | changed).items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return Cifar(str(path))


def test_rows_are_pictures_with_class_names_and_parts(tmp_path: Path) -> None:
    source = write(tmp_path / "cifar-10-binary.tar.gz")
    assert source.title == "cifar-10-binary"
    rows = pa.Table.from_batches(list(source.scan()))
    assert rows.schema.types == [field.type for field in source.fields()]
    assert rows.column("label").to_pylist() == ["airplane", "automobile", "airplane"] * 6
    assert rows.column(PART).to_pylist() == ["train"] * 15 + ["test"] * 3
    first = rows.column("image").chunk(0).to_numpy_ndarray()[0]
    written = np.random.default_rng(0).integers(0, 256, (3, 3073), dtype=np.uint8)[0, 1:]
    assert np.array_equal(first, written.reshape(3, 32, 32).transpose(1, 2, 0))


@pytest.mark.parametrize(("changed", "message"), [
    ({"test_batch.bin": bytes(3072)}, "test_batch.bin has 3,072 bytes, expected records of 3,073"),
    ({"data_batch_1.bin": bytes([9]) + bytes(3072)}, "has the class 9, but batches.meta.txt names"),
])  # fmt: skip
def test_what_is_not_cifar_is_refused(
    changed: dict[str, bytes], message: str, tmp_path: Path
) -> None:
    source = write(tmp_path / "c.tar.gz", **changed)
    with pytest.raises(DataError, match=message):
        list(source.scan())


def test_the_pickled_version_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("cifar-10-batches-py/data_batch_1"), io.BytesIO())
    with pytest.raises(DataError, match=r"holds no batches.meta.txt, expected the binary version"):
        Cifar(str(tmp_path / "cifar-10-python.tar.gz")).fields()
    (tmp_path / "no.tar.gz").write_bytes(b"x" * 100)
    with pytest.raises(DataError, match="not an archive, or damaged"):
        Cifar(str(tmp_path / "no.tar.gz")).fields()
    with pytest.raises(StorageError, match="no such file"):
        Cifar(str(tmp_path / "absent.tar.gz")).fields()
