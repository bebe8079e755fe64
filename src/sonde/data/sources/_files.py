"""Files as sources find and open them: patterns, folders, gzip by content, failures typed."""

from __future__ import annotations

import glob
import gzip
import os
import re
import stat
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import BinaryIO, Protocol, cast

from sonde.core.errors import DataError, StorageError

CHUNK = 1 << 20
"""Bytes read at a time."""

GZIP = b"\x1f\x8b"
"""How a gzip file begins."""

_PATTERN = re.compile(r"[*?\[]")
_LITTER = (".", "_")  # how the names of what tools leave beside their parts begin


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


def natural(name: str) -> tuple[str | int, ...]:
    """A key that sorts as people count: part-2 before part-10."""
    words = re.split(r"(\d+)", name)  # texts and digits take turns
    return tuple(int(word) if place % 2 else word for place, word in enumerate(words))


def is_pattern(path: str) -> bool:
    """Whether a path means several files, such as `sales-*.csv`; a file of that very name wins."""
    return bool(_PATTERN.search(path)) and not Path(located(path)).exists()


def expand(path: str, suffixes: Collection[str] = ()) -> list[str]:
    """The files a path means, in natural order: itself, or those a pattern or a folder holds.

    Args:
        path: a file; a pattern with `*`, `?`, `[...]`, where `**` goes through folders; a folder.
        suffixes: what the names of files in a folder end with; without any, a folder is no more
            than its own name. Names that begin with a dot or an underscore are passed over.

    Raises:
        StorageError: nothing matches, or the folder holds no such file.
    """
    if is_pattern(path):
        home = os.environ.get("SONDE_DATA")
        tried = [join(home, path), path] if home else [path]
        every = (glob.glob(place, recursive=True) for place in tried)  # noqa: PTH207  # as written
        found = next(filter(None, ([f for f in names if Path(f).is_file()] for names in every)), [])
        if not found:
            raise StorageError(f"{path}: no file matches. Looked from {Path.cwd()}")
        return sorted(found, key=natural)
    if not suffixes or not Path(located(path)).is_dir():
        return [path]
    found = list(_files_in(located(path), tuple(suffixes)))
    if not found:
        raise StorageError(f"{path}: a folder without files that end with {', '.join(suffixes)}")
    return sorted(found, key=natural)


def _files_in(folder: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    for top, inner, names in os.walk(folder):  # links to folders are not followed
        inner[:] = [name for name in inner if not name.startswith(_LITTER)]
        for name in names:
            if name.lower().endswith(suffixes) and not name.startswith(_LITTER):
                yield join(top, name)


def stem(path: str, suffixes: Collection[str]) -> str:
    """A path's last name without these suffixes and without what makes it a pattern."""
    name = PurePath(path).name or Path(path).resolve().name
    while "." in name[1:] and f".{name.rpartition('.')[2].lower()}" in suffixes:
        name = name.rpartition(".")[0]
    return _PATTERN.sub("", name.replace("]", "")).strip("-_. ") if is_pattern(path) else name


def check_folder(path: str) -> None:
    """Nothing, where `path` is a folder.

    Raises:
        StorageError: it is not.
    """
    if not stat.S_ISDIR(_mode(located(path))):
        raise StorageError(f"{path}: got a file, expected a folder")


def check_file(path: str) -> int:
    """A file's size in bytes.

    Raises:
        StorageError: it is missing, or no regular file.
    """
    place = located(path)
    if not stat.S_ISREG(_mode(place)):
        what = "a folder" if Path(place).is_dir() else "a device, pipe or socket"
        raise StorageError(f"{path}: got {what}, expected a file")
    return Path(place).stat().st_size


def open_file(path: str) -> BinaryIO:
    """A file's bytes, unpacked where they are gzip, whatever the name says.

    Raises:
        StorageError: it is missing, no regular file, or cannot be read.
    """
    check_file(path)
    with reading(path):
        file = Path(located(path)).open("rb")  # noqa: SIM115  # the caller closes it
        packed = file.read(2) == GZIP
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


def hash_file(path: str, into: Hash) -> None:
    """Feed a hash with a file's length and bytes as they lie on the disk."""
    check_file(path)
    with reading(path), Path(located(path)).open("rb") as file:
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
