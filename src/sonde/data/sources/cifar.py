"""CIFAR-10 as published in binary: `cifar-10-binary.tar.gz`, read as it is, never unpacked.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. A record is a byte with
the class, then 32 x 32 bytes of red, of green and of blue, row by row. The version for Python holds
pickles, which may run code, and is not read.
"""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import PurePath
from typing import Any, Self

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Field, RowError, Source
from sonde.core.errors import DataError, listed
from sonde.core.port import PART
from sonde.data.sources._fields import select
from sonde.data.sources._files import check_file, hash_file, located
from sonde.data.sources._values import ROWS

_SIDE, _PLANES = 32, 3
_RECORD = 1 + _PLANES * _SIDE * _SIDE
_MOST = 10_000 * _RECORD
"""Bytes of a member, as published."""

_CLASSES = "batches.meta.txt"
_PICTURES = pa.fixed_shape_tensor(pa.uint8(), (_SIDE, _SIDE, _PLANES))
_PARTS = {f"data_batch_{number}.bin": "train" for number in range(1, 6)} | {
    "test_batch.bin": "test"
}


class Cifar(Source):
    """The binary version of CIFAR-10: pictures, class names, and which rows are for the test."""

    path: str

    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Cifar("cifar-10-binary.tar.gz")`: the path may stand without its name."""
        super().__init__(**({} if path is None else {"path": path}), **options)

    @classmethod
    def examples(cls) -> list[Self]:
        """None: without its file there is nothing a contract test can read."""
        return []

    @property
    def title(self) -> str:
        """The file's name up to its first dot."""
        return PurePath(self.path).name.partition(".")[0]

    def describe(self) -> str:
        """Such as '10 classes, 32 x 32'."""
        return f"{len(self._classes)} classes, {_SIDE} x {_SIDE}"

    def fields(self) -> Sequence[Field]:
        """`image`, `label` and `#part`."""
        assert self._classes
        return [Field("image", _PICTURES), Field("label", pa.string(), "category"),
                Field(PART, pa.string())]  # fmt: skip

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """The five training batches in order, then the test batch."""
        wanted = select(self.path, [field.name for field in self.fields()], fields)
        for name, part in _PARTS.items():
            records = self._records(name)
            for start in range(0, len(records), ROWS):
                yield _rows(records[start : start + ROWS], self._classes, part).select(wanted)

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes."""
        digest = hashlib.sha256()
        hash_file(self.path, digest)
        return digest.hexdigest()

    @cached_property
    def _classes(self) -> pa.StringArray:
        """The classes' names in order."""
        lines = self._member(_CLASSES).decode("ascii", "replace").split()
        return pa.array(lines, pa.string())

    def _records(self, name: str) -> np.ndarray:
        """(n, 3073) uint8 of a batch."""
        data = self._member(name)
        if not data or len(data) % _RECORD:
            raise DataError(
                f"{self.path}: {name} has {len(data):,} bytes, expected records of {_RECORD:,}. "
                "Fetch it again with  sonde data get cifar-10."
            )
        records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
        if records[:, 0].max() >= len(self._classes):
            raise DataError(
                f"{self.path}: {name} has the class {records[:, 0].max()}, but {_CLASSES} names "
                f"{len(self._classes)}. Is it CIFAR-10?"
            )
        return records

    def _member(self, name: str) -> bytes:
        """A file of the archive, wherever it lies in it.

        Raises:
            StorageError: the archive cannot be read.
            DataError: it is damaged, or does not hold that file.
        """
        with self._opened() as archive:
            met = []
            for member in archive:
                met.append(PurePath(member.name).name)
                if met[-1] == name and member.isfile() and member.size <= _MOST:
                    file = archive.extractfile(member)
                    assert file is not None
                    return file.read()
        raise DataError(
            f"{self.path}: holds no {name}, expected the binary version of CIFAR-10 "
            f"(cifar-10-binary.tar.gz). It holds: {listed(met)}"
        )

    @contextmanager
    def _opened(self) -> Iterator[tarfile.TarFile]:
        check_file(self.path)
        try:
            with tarfile.open(located(self.path)) as archive:
                yield archive
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise DataError(f"{self.path}: not an archive, or damaged ({error})") from None


def _rows(records: np.ndarray, classes: pa.StringArray, part: str) -> pa.RecordBatch:
    """(n, 3073) uint8 as rows."""
    planes = records[:, 1:].reshape(-1, _PLANES, _SIDE, _SIDE)
    pictures = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))  # (n, 32, 32, 3)
    columns = {
        "image": pa.FixedShapeTensorArray.from_numpy_ndarray(pictures),
        "label": classes.take(pa.array(records[:, 0])),
        PART: pa.repeat(pa.scalar(part, pa.string()), len(records)),
    }
    return pa.RecordBatch.from_pydict(columns)
