"""Archives: zip, tar and tar.gz, read member by member and never unpacked into a folder.

Whoever packed an archive decides its directory, so names, kinds and sizes of all members are
checked before one of them is read. Seen by content, whatever the file is called.
"""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sonde.core.errors import DataError, SondeError, StorageError
from sonde.data.sources._files import CHUNK, located, open_file, reading

MOST_MEMBERS = 2_000_000
MOST_BYTES = 1 << 28
"""Of one member, unpacked: 256 MiB."""
MOST_TOTAL = 1 << 36
"""Of all members, unpacked: 64 GiB."""
_MOST_FOLDERS = 64
"""Folders inside one another."""

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_SAYS_UTF8 = 0x800  # APPNOTE 6.3.10, section 4.4.4, bit 11
_ZIP_END, _ZIP_COMMENT, _ZIP64 = 22, 0xFFFF, 0xFFFF  # APPNOTE 6.3.10, sections 4.3.16, 4.4.1.4
_OTHER = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"7z\xbc\xaf'\x1c": "7z", b"Rar!": "rar"}
_TAR_MAGIC, _TAR_BLOCK = slice(257, 262), 512  # POSIX.1-2001, ustar interchange format

Read = Callable[[str], bytes]
"""From a member's name to its bytes."""


class Member(NamedTuple):
    """A file in an archive.

    Attributes:
        size: unpacked, in bytes.
        offset: of its bytes in an unpacked tar; its place in the directory of a zip.
    """

    size: int
    offset: int


@dataclass(frozen=True)
class Archive:
    """The files of an archive, by their cleaned names."""

    path: str

    @cached_property
    def members(self) -> dict[str, Member]:
        """Every file, in the archive's order; folders are left out.

        Raises:
            StorageError: it cannot be read.
            DataError: it is no archive, is damaged, too large, or holds what it must not.
        """
        found: dict[str, Member] = {}
        total = 0
        listed = _of_zip(self.path) if self._is_zip else _of_tar(self.path)
        for raw, member in listed:
            name = _cleaned(self.path, raw)
            total += member.size
            if member.size > MOST_BYTES:
                raise _refused(self.path, f"{name!r} is {member.size:,} bytes long", MOST_BYTES)
            if total > MOST_TOTAL:
                raise _refused(self.path, "it unpacks to more", MOST_TOTAL)
            if len(found) >= MOST_MEMBERS:
                raise _refused(self.path, "it has more members", MOST_MEMBERS)
            if name in found:
                raise DataError(f"{self.path}: the member {name!r} stands twice. Pack it again.")
            found[name] = member
        if not found:
            raise DataError(f"{self.path}: an archive without files. Pack it again.")
        return found

    @contextmanager
    def reader(self) -> Iterator[Read]:
        """A function that gives members' bytes while the block lasts.

        From a packed tar, members come fastest in the archive's order: that is one pass. A step
        back unpacks the whole once, into a temporary file without a name.
        """
        members = self.members
        with ExitStack() as open_files:
            if self._is_zip:
                packed = open_files.enter_context(_zip(self.path))
                infos = packed.infolist()
                yield lambda name: _from_zip(self.path, packed, infos[members[name].offset])
            else:
                tar = _TarBytes(self.path, open_files)
                yield lambda name: tar.read(members[name])

    @cached_property
    def _is_zip(self) -> bool:
        found = archive_kind(self.path)
        if found is None:
            raise DataError(f"{self.path}: neither zip, tar nor tar.gz; expected an archive")
        return found == "zip"


def archive_kind(path: str) -> str | None:
    """'zip' or 'tar' by a file's first bytes, None where it is neither.

    Raises:
        StorageError: the file cannot be read.
        DataError: it is an archive of a kind that is not read.
    """
    with open_file(path) as file, reading(path):
        head = file.read(_TAR_BLOCK)
    for magic, name in _OTHER.items():
        if head.startswith(magic):
            raise DataError(f"{path}: got {name}, which is not read. Pack it as zip or tar.gz.")
    if head.startswith(_ZIP):
        return "zip"
    is_old = path.lower().endswith((".tar", ".tar.gz", ".tgz"))  # the first tars had no magic
    return "tar" if head[_TAR_MAGIC] == b"ustar" or (is_old and len(head) == _TAR_BLOCK) else None


class _TarBytes:
    """Ranges of an unpacked tar: forward as they lie, and back through a temporary file."""

    def __init__(self, path: str, open_files: ExitStack) -> None:
        self._path, self._open_files = path, open_files
        self._file: BinaryIO = open_files.enter_context(open_file(path))
        self._is_packed = isinstance(self._file, gzip.GzipFile)
        self._place = 0

    def read(self, member: Member) -> bytes:
        if self._is_packed and member.offset < self._place:
            self._file, self._is_packed = self._unpacked(), False
        with reading(self._path):
            self._file.seek(member.offset)
            data = self._file.read(member.size)
        self._place = member.offset + len(data)
        if len(data) < member.size:
            raise _damaged(self._path)
        return data

    def _unpacked(self) -> BinaryIO:
        whole = self._open_files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        with open_file(self._path) as file, reading(self._path):
            while data := file.read(CHUNK):
                whole.write(data)
        return whole


class _Bounded:
    """A file that gives no more than `CHUNK` at once: a tar's own headers may ask for any size."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self._path, self._file = path, file

    def read(self, size: int) -> bytes:
        if not 0 <= size <= CHUNK:
            raise _refused(self._path, f"a header of {size:,} bytes", CHUNK)
        return self._file.read(size)

    def seek(self, place: int) -> int:
        return self._file.seek(place)

    def tell(self) -> int:
        return self._file.tell()


def _of_tar(path: str) -> Iterator[tuple[str, Member]]:
    """Names and places of a tar's files, in one pass."""
    with open_file(path) as file, _tar_errors(path):
        tar = tarfile.open(fileobj=_Bounded(path, file), mode="r:")  # type: ignore[call-overload]  # noqa: SIM115
        while (info := tar.next()) is not None:
            tar.members.clear()  # it would keep them all
            if info.isdir():
                continue
            if not info.isreg() or info.sparse is not None:
                what = "a link" if info.issym() or info.islnk() else "a device or a sparse file"
                raise DataError(f"{path}: {info.name!r} is {what}; expected files. Pack it again, "
                                "with what links point to.")  # fmt: skip
            yield info.name, Member(info.size, info.offset_data)
        _check_end(path, file, tar.offset)


def _check_end(path: str, file: BinaryIO, place: int) -> None:
    """Python takes a damaged header, or none, for the end: a true end is a block of zeros."""
    file.seek(place)
    if file.read(_TAR_BLOCK) != bytes(_TAR_BLOCK):
        raise _damaged(path)
    while file.read(CHUNK):  # gzip's checksum stands at its end
        pass


@contextmanager
def _tar_errors(path: str) -> Iterator[None]:
    try:
        with reading(path):
            yield
    except (tarfile.TarError, ValueError, OverflowError) as error:
        if isinstance(error, SondeError):
            raise
        raise _damaged(path) from None


@contextmanager
def _zip(path: str) -> Iterator[zipfile.ZipFile]:
    try:
        with reading(path), zipfile.ZipFile(located(path)) as packed:
            yield packed
    except (zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError) as error:
        if isinstance(error, SondeError):
            raise
        raise DataError(f"{path}: a zip that cannot be read: {error}. Pack it again.") from None


def _of_zip(path: str) -> Iterator[tuple[str, Member]]:
    with _zip(path) as packed:
        _check_count(path, packed)
        for place, info in enumerate(packed.infolist()):
            if info.is_dir():
                continue
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise DataError(f"{path}: {info.filename!r} is a link or device; expected files")
            if info.flag_bits & 1:
                raise DataError(f"{path}: {info.filename!r} needs a password. Pack it without one.")
            yield _name(info), Member(info.file_size, place)


def _name(info: zipfile.ZipInfo) -> str:
    """An entry's name, also where its bytes are UTF-8 and nothing says so, as macOS packs them."""
    name = info.orig_filename
    if not info.flag_bits & _SAYS_UTF8:
        with suppress(UnicodeError):
            return name.encode("cp437").decode("utf-8")
    return name


def _check_count(path: str, packed: zipfile.ZipFile) -> None:
    """A damaged length in the directory swallows the entries that follow, unnoticed by zipfile."""
    with Path(located(path)).open("rb") as file, reading(path):
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _ZIP_END - _ZIP_COMMENT))
        end = file.read()
    place = end.rfind(_ZIP[1])
    said = int.from_bytes(end[place + 10 : place + 12], "little")
    if said not in (_ZIP64, len(packed.infolist())):
        raise _damaged(path)


def _from_zip(path: str, packed: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with reading(path), packed.open(info) as file:
            data = file.read(info.file_size + 1)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, StorageError) as error:
        raise DataError(f"{path}: {info.filename!r} cannot be read: {error}") from None
    if len(data) != info.file_size:
        raise _damaged(path)
    return data


def _cleaned(path: str, name: str) -> str:
    """A member's name without './'.

    Raises:
        DataError: it leads out of the archive, or nowhere.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    odd = name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or not parts
    if odd or parts[0].endswith(":") or len(parts) > _MOST_FOLDERS:
        raise DataError(
            f"{path}: got a member called {name[:200]!r}; expected a path below the archive's top, "
            f"with / between at most {_MOST_FOLDERS} names. Pack it again."
        )
    return "/".join(parts)


def _refused(path: str, what: str, most: int) -> DataError:
    return DataError(f"{path}: {what}; at most {most:,} are read from an archive")


def _damaged(path: str) -> DataError:
    return DataError(f"{path}: an archive that is damaged or cut short. Copy it again.")
