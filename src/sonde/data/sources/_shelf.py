"""Shelves: what holds pictures under names, a folder or an archive."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath, PurePosixPath
from typing import ClassVar, Protocol

import pyarrow as pa

from sonde.core.errors import StorageError
from sonde.data.sources._archive import Archive, archive_kind
from sonde.data.sources._files import Hash, check_folder, hash_file, join, located
from sonde.data.sources._values import ROWS
from sonde.data.sources._within import into_archive

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm")
)
"""What a picture's name ends with, in any case."""

_MOST_HELD = 1 << 25
_LITTER = frozenset(("thumbs.db", "desktop.ini", "__macosx"))

_PACKED = frozenset((".zip", ".tar", ".gz", ".tgz"))

Fetch = Callable[[Sequence[str | None]], pa.Array]
"""From names to pictures: paths where they lie in a folder, bytes where they are packed."""


class Shelf(Protocol):
    """Pictures under names, which are paths below its top with / between."""

    type: ClassVar[pa.DataType]
    """What a picture is given as."""

    @property
    def path(self) -> str:
        """As it was named by the caller."""

    @property
    def top(self) -> str:
        """What messages call the top."""

    def listing(self, folder: str) -> tuple[list[str], list[str]]:
        """The names of the folders and files in a folder ('' is the top), sorted, no hidden ones.

        Raises:
            StorageError: it is missing or cannot be read.
        """

    def is_link(self, folder: str) -> bool:
        """Whether a folder is a link, which may lead back up, without end."""

    def lacks(self, name: str) -> bool:
        """Whether a picture of this name is known to be absent."""

    def holds(self, name: str) -> bool:
        """Whether a file of this name is there now."""

    def size(self, name: str) -> int:
        """Bytes that fetching a picture takes in memory."""

    def reader(self) -> AbstractContextManager[Fetch]:
        """A function that fetches pictures while the block lasts."""

    def place(self, name: str) -> str:
        """A path under which a file of the shelf, such as a table, can be opened."""

    def feed(self, names: Sequence[str], into: Hash) -> None:
        """Feed a hash with the pictures."""


@dataclass(frozen=True)
class OnDisk:
    """A folder; its pictures are given as paths that begin as the folder was given."""

    path: str
    type: ClassVar[pa.DataType] = pa.string()

    @property
    def top(self) -> str:
        """Where the folder lies."""
        return located(self.path)

    def listing(self, folder: str) -> tuple[list[str], list[str]]:
        """As the file system says now."""
        place = join(self.top, folder) if folder else self.top
        if not folder:
            check_folder(self.path)
        try:
            with os.scandir(place) as entries:
                found = [(entry.name, entry.is_dir()) for entry in entries]
        except OSError as error:
            raise StorageError(f"{place}: cannot be read: {error.strerror}") from None
        kept = sorted((name, is_folder) for name, is_folder in found if not _is_hidden(name))
        folders = [name for name, is_folder in kept if is_folder]
        return folders, [name for name, is_folder in kept if not is_folder]

    def is_link(self, folder: str) -> bool:
        """Whether it is a symbolic link."""
        return Path(join(self.top, folder)).is_symlink()

    def lacks(self, name: str) -> bool:
        """False: a file that is missing is for its column to report."""
        return False

    def holds(self, name: str) -> bool:
        """As the file system says now."""
        return Path(self.place(name)).exists()

    def size(self, name: str) -> int:
        """A path's: as good as nothing."""
        return 0

    @contextmanager
    def reader(self) -> Iterator[Fetch]:
        """Names become paths."""
        yield lambda names: pa.array([n and self.place(n) for n in names], pa.string())

    def place(self, name: str) -> str:
        """In the folder as it was given."""
        return join(self.top, name)

    def feed(self, names: Sequence[str], into: Hash) -> None:
        """Every picture's name, size and bytes."""
        for name in names:
            into.update(f"{name}\0".encode())
            if Path(self.place(name)).is_file():
                hash_file(self.place(name), into)


@dataclass(frozen=True)
class Packed:
    """An archive, or a folder in one; its pictures are given as bytes.

    Of an archive that is named alone a lone outer folder is stepped into.
    """

    path: str
    type: ClassVar[pa.DataType] = pa.binary()

    @property
    def top(self) -> str:
        """The archive's path, and the folder in it."""
        outer = located(self._outer)
        return join(outer, self._base) if self._base else outer

    def listing(self, folder: str) -> tuple[list[str], list[str]]:
        """As the archive's directory says."""
        return self._in(_below(self._base, folder))

    def is_link(self, folder: str) -> bool:
        """False: archives with links are refused."""
        return False

    def lacks(self, name: str) -> bool:
        """Whether no member is called so."""
        return not self.holds(name)

    def holds(self, name: str) -> bool:
        """Whether a member is called so."""
        return _below(self._base, name) in self._archive.members

    def size(self, name: str) -> int:
        """Of the member, unpacked."""
        return self._archive.members[_below(self._base, name)].size

    @contextmanager
    def reader(self) -> Iterator[Fetch]:
        """Names become the members' bytes."""
        with self._archive.reader() as read:
            yield lambda names: pa.array(
                [n if n is None else read(_below(self._base, n)) for n in names], pa.binary()
            )

    def has_folder(self, name: str) -> bool:
        """Whether the archive has a folder of this name, from its own top."""
        return name in self._tree

    def place(self, name: str) -> str:
        """A path into the archive."""
        return join(self._outer, _below(self._base, name))

    def feed(self, names: Sequence[str], into: Hash) -> None:
        """The archive as it lies there, and which folder of it was named."""
        if self._outer != self.path:
            into.update(f"{self._base}\0".encode())
        hash_file(self._outer, into)

    @cached_property
    def _outer(self) -> str:
        """The archive's own path."""
        inside = into_archive(self.path)
        return self.path if inside is None else inside[0]

    @cached_property
    def _archive(self) -> Archive:
        return Archive(self._outer)

    @cached_property
    def _base(self) -> str:
        """The folder that was named, or that in which everything lies around folders; else ''.

        Raises:
            StorageError: the archive has no such folder.
        """
        base = ""
        if inside := into_archive(self.path):
            if not self.has_folder(inside[1]):
                raise StorageError(f"{self._outer} holds no folder {inside[1]!r}")
            return inside[1]
        while True:
            folders, files = self._in(base)
            if len(folders) != 1 or files or not self._in(_below(base, folders[0]))[0]:
                return base
            base = _below(base, folders[0])

    @cached_property
    def _tree(self) -> dict[str, tuple[set[str], set[str]]]:
        """Folder -> the names of the folders and files in it."""
        tree: dict[str, tuple[set[str], set[str]]] = {"": (set(), set())}
        for name in self._archive.members:
            folder, _, file = name.rpartition("/")
            if any(_is_hidden(part) for part in name.split("/")):
                continue
            if folder not in tree:
                _grow(tree, folder)
            tree[folder][1].add(file)
        return tree

    def _in(self, folder: str) -> tuple[list[str], list[str]]:
        folders, files = self._tree.get(folder, (set(), set()))
        return sorted(folders), sorted(files)


def shelf_at(path: str) -> Shelf:
    """The folder or the archive at a path, or the folder in an archive: `photos.zip/train`.

    Raises:
        StorageError: there is nothing, or it cannot be read.
        DataError: an archive of a kind that is not read.
    """
    inside = into_archive(path)
    if inside is None and not Path(located(path)).is_file():
        return OnDisk(path)
    file = path if inside is None else inside[0]
    if archive_kind(file) is None:
        raise StorageError(f"{file}: got a file, expected a folder, or a zip, tar or tar.gz")
    return Packed(path)


def is_shelf(path: str) -> bool:
    """Whether a folder or an archive lies at a path, or a folder in an archive.

    Raises:
        DataError: an archive of a kind that is not read.
    """
    inside = into_archive(path)
    if inside is not None:
        return archive_kind(inside[0]) is not None and Packed(inside[0]).has_folder(inside[1])
    place = Path(located(path))
    return place.is_dir() or (place.is_file() and archive_kind(path) is not None)


def shelf_title(path: str) -> str:
    """The name of a folder, or of an archive without what it ends with."""
    name = PurePath(path).name or Path(path).resolve().name
    while PurePosixPath(name).suffix.lower() in _PACKED:
        name = PurePosixPath(name).stem
    return name


def _grow(tree: dict[str, tuple[set[str], set[str]]], folder: str) -> None:
    """Add a folder and those around it."""
    for outer in [*reversed([str(p) for p in PurePosixPath(folder).parents]), folder]:
        outer = "" if outer == "." else outer
        tree.setdefault(outer, (set(), set()))
        above, _, name = outer.rpartition("/")
        if outer:
            tree[above][0].add(name)


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder and name else folder or name


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def spans(count: int, sizes: Sequence[int] | None) -> Iterator[slice]:
    """Rows in pieces of at most `ROWS` rows, and of 32 MiB unless a single row takes more."""
    start = held = 0
    for row in range(count):
        size = 0 if sizes is None else sizes[row]
        if row > start and (row - start == ROWS or held + size > _MOST_HELD):
            yield slice(start, row)
            start = row
            held = 0
        held += size
    if count > start:
        yield slice(start, count)
