"""Files that lie on their own or within an archive: `info.csv`, `houses.zip/info.csv`."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import BinaryIO, cast

from sonde.core.errors import StorageError, nearest
from sonde.data.sources._archive import Archive
from sonde.data.sources._files import CHUNK, GZIP, Hash, hash_file, located, open_file, reading


def into_archive(path: str) -> tuple[str, str] | None:
    """('a.zip', 'b/c.csv') where a path goes on behind a file, which must be an archive then."""
    for outer in PurePath(path).parents:
        if Path(located(str(outer))).is_file():
            return str(outer), PurePath(path).relative_to(outer).as_posix()
    return None


def open_within(path: str) -> BinaryIO:
    """A file's bytes, unpacked where they are gzip, wherever it lies.

    Raises:
        StorageError: it cannot be read, or the archive has no such member.
        DataError: the path goes on behind a file that is no archive, or a damaged one.
    """
    inside = into_archive(path)
    if inside is None:
        return open_file(path)
    archive, name = Archive(inside[0]), inside[1]
    if name not in archive.members:
        near = nearest(name, archive.members)
        hint = f" Did you mean {near!r}?" if near else ""
        raise StorageError(f"{inside[0]} holds no file {name!r}.{hint}")
    with archive.reader() as read:
        data = io.BytesIO(read(name))
    is_packed = data.getbuffer()[:2] == GZIP
    return cast("BinaryIO", gzip.GzipFile(fileobj=data)) if is_packed else data


def hash_within(path: str, into: Hash) -> None:
    """Feed a hash with a file; with the whole archive where it lies in one."""
    inside = into_archive(path)
    if inside is not None:
        into.update(f"{inside[1]}\0".encode())
    hash_file(path if inside is None else inside[0], into)


def chunks(path: str) -> Iterator[bytes]:
    """The unpacked bytes of a file, `CHUNK` at a time."""
    with open_within(path) as file:
        while True:
            with reading(path):
                data = file.read(CHUNK)
            if not data:
                return
            yield data
