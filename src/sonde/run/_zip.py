"""A stored zip in one canonical form: what we would write is all we read.

PKWARE, "APPNOTE.TXT, .ZIP File Format Specification", 6.3.10: sections 4.3.7 (local header), 4.3.12
(central directory) and 4.3.16 (end record). Of all that the format allows there is one form here:
known names in a known order from byte 0, nothing compressed, encrypted, linked, commented or
extended, the time 1980-01-01. The reader makes each header anew from what it found and compares the
bytes, so no two programs can see two different archives in one file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sonde.core.errors import DamagedBundle, StorageError

MOST_BYTES = 2**32 - 1
"""Sizes and offsets are 32 bits wide; the 64-bit form is not written."""

_MOST_DIRECTORY = 2**16  # what the directory of a few members may take besides

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION = 10  # the oldest: stored members only
_FIXED = (_VERSION, 0, 0, 0, 0b0000000_0001_00001)  # version, flags, method, time, date 1980-01-01


@dataclass(frozen=True)
class Entry:
    """One member: its bytes, its CRC-32 as the header states it, and where its header starts."""

    name: str
    content: memoryview
    crc: int
    start: int

    @property
    def stop(self) -> int:
        """The byte after its last."""
        return self.start + _LOCAL.size + len(self.name) + len(self.content)

    def check_crc(self) -> None:
        """Raises `DamagedBundle` where the content is not what the header states."""
        found = zlib.crc32(self.content)
        if found != self.crc:
            raise DamagedBundle(
                f"{self.name} has CRC-32 {found:08x}, its header says {self.crc:08x}"
            )

    def header(self) -> bytes:
        """The local header."""
        return _LOCAL.pack(b"PK\3\4", *_FIXED, *self._sizes(), 0) + self.name.encode("ascii")

    def listing(self) -> bytes:
        """The entry in the central directory."""
        sizes = self._sizes()
        rest = (0, 0, 0, 0, 0, self.start)  # extra, comment, disk, attributes twice, offset
        return _CENTRAL.pack(b"PK\1\2", _VERSION, *_FIXED, *sizes, *rest) + self.name.encode()

    def _sizes(self) -> tuple[int, int, int, int]:
        return self.crc, len(self.content), len(self.content), len(self.name)


def pack(members: Mapping[str, bytes]) -> bytes:
    """The archive, members in the order given.

    Raises:
        StorageError: it would be larger than 4 GiB.
    """
    found: list[Entry] = []
    for name, content in members.items():
        start = found[-1].stop if found else 0
        found.append(Entry(name, memoryview(content), zlib.crc32(content), start))
    if found[-1].stop > MOST_BYTES - _MOST_DIRECTORY:
        raise StorageError(
            f"this model needs {found[-1].stop / 2**30:.1f} GiB; a model file holds at most 4 GiB"
        )
    pieces = [piece for entry in found for piece in (entry.header(), entry.content)]
    return b"".join([*pieces, _directory(found)])


def entries(data: memoryview, names: Sequence[str]) -> Iterator[Entry]:
    """The members of an archive, which must be `names` in this order; contents are not checked.

    Raises:
        DamagedBundle: a header is not the one `pack` writes.
    """
    start = 0
    for name in names:
        entry = _entry(data, start, name)
        yield entry
        start = entry.stop


def check_directory(data: memoryview, found: Sequence[Entry]) -> None:
    """Raises `DamagedBundle` unless the canonical directory follows `found`, then nothing."""
    rest = data[found[-1].stop :]
    expected = _directory(found)
    if rest[: len(expected)] != expected:
        raise DamagedBundle("its directory is not the one that was sealed")
    if len(rest) > len(expected):
        raise DamagedBundle(f"{len(rest) - len(expected):,} bytes follow its end")


def _directory(found: Sequence[Entry]) -> bytes:
    """The central directory and the end record."""
    listing = b"".join(entry.listing() for entry in found)
    count, start = len(found), found[-1].stop
    return listing + _END.pack(b"PK\5\6", 0, 0, count, count, len(listing), start, 0)


def _entry(data: memoryview, start: int, name: str) -> Entry:
    """The member at byte `start`, which must be `name`."""
    content = start + _LOCAL.size + len(name)
    if content > len(data):
        raise DamagedBundle(f"it ends at byte {len(data):,}, before {name}")
    signature, *_, crc, _, size, _, _ = _LOCAL.unpack_from(data, start)
    if signature != b"PK\3\4":
        raise DamagedBundle(f"byte {start:,} is not the start of {name}")
    entry = Entry(name, data[content : content + size], crc, start)
    if data[start:content] != entry.header():
        if content + size > len(data):
            raise DamagedBundle(
                f"{name} should have {size:,} bytes, the file ends after {len(data) - content:,}"
            )
        raise DamagedBundle(f"the header of {name} at byte {start:,} is not the one sealed")
    return entry
