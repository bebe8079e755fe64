"""Files as sources open them: gzip seen by content, every failure typed."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from sonde.core.errors import DataError, StorageError

CHUNK = 1 << 20
"""Bytes read at a time."""

_GZIP = b"\x1f\x8b"


class Hash(Protocol):
    """What `hashlib` makes."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""


def join(folder: str, name: str) -> str:
    """A path in a folder, both as they were written: pathlib would tidy them."""
    return os.path.join(folder, name)  # noqa: PTH118


def located(path: str) -> str:
    """Where a path leads: into the folder that `SONDE_DATA` names, if it lies there, else as is."""
    home = os.environ.get("SONDE_DATA")
    inside = join(home, path) if home else path
    return inside if Path(inside).exists() else path


def check_folder(path: str) -> None:
    """Nothing, where `path` is a folder.

    Raises:
        StorageError: it is not.
    """
    if not stat.S_ISDIR(_mode(located(path))):
        raise StorageError(f"{path}: got a file, expected a folder")


def open_file(path: str) -> BinaryIO:
    """A file's bytes, unpacked where they are gzip, whatever the name says.

    Raises:
        StorageError: it is missing, no regular file, or cannot be read.
    """
    place = located(path)
    if not stat.S_ISREG(_mode(place)):
        what = "a folder" if Path(place).is_dir() else "a device, pipe or socket"
        raise StorageError(f"{path}: got {what}, expected a file")
    with reading(path):
        file = Path(place).open("rb")  # noqa: SIM115  # the caller closes it
        packed = file.read(2) == _GZIP
        file.seek(0)
    return cast("BinaryIO", _Gunzipped(file)) if packed else file


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Around every read of a file that may be packed.

    Raises:
        StorageError: the disk fails.
        DataError: a gzip file is damaged or cut short.
    """
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(
            f"{path}: a gzip file that is damaged or cut short. Copy it again (gzip -t checks it)."
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None


def chunks(path: str) -> Iterator[bytes]:
    """The unpacked bytes of a file, `CHUNK` at a time."""
    with open_file(path) as file:
        while True:
            with reading(path):
                data = file.read(CHUNK)
            if not data:
                return
            yield data


def hash_file(path: str, into: Hash) -> None:
    """Feed a hash with a file's length and bytes as they lie on the disk."""
    place = located(path)
    if not stat.S_ISREG(_mode(place)):
        raise StorageError(f"{path}: got a folder or device, expected a file")
    with reading(path), Path(place).open("rb") as file:
        into.update(f"{os.fstat(file.fileno()).st_size}\0".encode())
        while data := file.read(CHUNK):
            into.update(data)


class _Gunzipped(gzip.GzipFile):
    """Closes the file below it, which `GzipFile` leaves open."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._below = file

    def close(self) -> None:
        super().close()
        self._below.close()


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode  # noqa: PTH116  # the name stays as the user wrote it
    except FileNotFoundError:
        raise StorageError(f"{path}: no such file or folder. Looked from {Path.cwd()}") from None
    except ValueError:
        raise StorageError(f"{path!r}: not a file name") from None
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str, error: OSError) -> StorageError:
    if isinstance(error, StorageError):
        return error
    return StorageError(f"{path}: cannot be read: {error.strerror or error}")
