"""What characters a text file is written in, found by reading all of it once."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from sonde.core.errors import DataError
from sonde.data.sources._files import reading
from sonde.data.sources._within import chunks, open_within

HEAD = 1 << 16
"""Bytes at a file's start that detection looks at: 64 KiB."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE,
          "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip

_OTHERS = bytes([*range(0x80), *range(0xA0, 0x100)])
"""Bytes that are the same character in Latin-1 and in Windows-1252."""

_NOT_WINDOWS = (0x81, 0x8D, 0x8F, 0x90, 0x9D)

_FORMATS = {
    b"PK\x03\x04": "a zip archive (or an Excel file); unpack it, or save the sheet as CSV",
    b"PAR1": "a Parquet file; read it with pyarrow and give the table to sonde.fit",
    b"ARROW1": "an Arrow file; read it with pyarrow and give the table to sonde.fit",
    b"\x93NUMPY": "a NumPy array; use the source `arrays`",
    b"\x89HDF": "an HDF5 file; save the table as CSV",
    b"SQLite format 3": "an SQLite database; save the table as CSV",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture; use the source `folder`",
    b"\xff\xd8\xff": "a picture; use the source `folder`",
    b"GIF8": "a picture; use the source `folder`",
}


def _of_text(name: str | None) -> str | None:
    try:
        "".encode(name or "utf-8")  # refuses codecs that are not of text, such as hex
    except LookupError:
        raise ValueError(f"got {name!r}, expected an encoding such as utf-8 or latin-1") from None
    return name


Encoding = Annotated[str | None, AfterValidator(_of_text)]
"""An option that names an encoding; None lets it be found."""


@dataclass(frozen=True)
class Text:
    """How a file's bytes are characters.

    Attributes:
        encoding: a codec's name, such as 'utf-8'.
        head: the first 64 KiB, decoded, without a byte order mark.
        is_whole: whether `head` is all there is.
        has_nul: whether a NUL character stands anywhere in the file.
    """

    encoding: str
    head: str
    is_whole: bool
    has_nul: bool


def decoded(data: bytes, encoding: str | None = None) -> str:
    """A small file's characters, without a byte order mark; found as `read_text` finds them.

    Raises:
        UnicodeDecodeError: it is not of the encoding given or marked.
    """
    marked = _marked(data)
    try:
        text = data.decode(encoding or marked or "utf-8")
    except UnicodeDecodeError:
        if encoding or marked:
            raise
        text = data.decode(_eight_bits([data]))
    return text.removeprefix("\ufeff")


def begun(data: bytes) -> str:
    """What characters the first bytes of a file are, in the encoding they name or as UTF-8.

    What is of neither, such as a character that is cut, becomes U+FFFD.
    """
    return data.decode(_marked(data) or "utf-8", errors="replace").removeprefix("\ufeff")


def read_text(path: str, encoding: str | None = None, expected: str = "a table") -> Text:
    """The encoding of a file: the one given, else by byte order mark, UTF-8, or eight bits.

    Every byte is looked at, since one that is not UTF-8 may be the last one. Who finds nothing in
    the file is told what was `expected` in it.

    Raises:
        StorageError: it cannot be read.
        DataError: it is empty, no text, or not in the encoding given.
    """
    with open_within(path) as file, reading(path):
        start = file.read(HEAD + 1)
    if not start:
        raise DataError(f"{path}: the file is empty, expected {expected}")
    for magic, what in _FORMATS.items():
        if start.startswith(magic):
            raise DataError(f"{path}: got {what}; expected text, a row per line")
    marked = _marked(start)
    found = encoding or marked or "utf-8"
    bad, has_nul = _check(path, found)
    if bad is not None:
        if encoding or marked:
            raise DataError(
                f"{path}: byte {bad:,} is not {found}. Give its `encoding` in the recipe, or "
                "save the file as UTF-8."
            )
        found = _eight_bits(chunks(path))
        has_nul = _check(path, found)[1]
    decoder = codecs.getincrementaldecoder(found)()
    head = decoder.decode(start[:HEAD]).removeprefix("\ufeff")
    _check_readable(path, head)
    return Text(found, head, len(start) <= HEAD, has_nul)


def _marked(data: bytes) -> str | None:
    """The encoding that a byte order mark names."""
    return next((name for mark, name in _MARKS if data.startswith(mark)), None)


def _eight_bits(blocks: Iterable[bytes]) -> str:
    """Latin-1, or Windows-1252, which has quotes and dashes where that has control characters.

    A text that holds none of those bytes reads alike in both.
    """
    used: set[int] = set()
    for block in blocks:
        used.update(block.translate(None, _OTHERS))
    return "cp1252" if used and used.isdisjoint(_NOT_WINDOWS) else "latin-1"


def _check(path: str, encoding: str) -> tuple[int | None, bool]:
    """About where a byte is not of the encoding (None: nowhere), and whether there is a NUL."""
    decoder = codecs.getincrementaldecoder(encoding)()
    ascii_alike = encoding in ("utf-8", "latin-1", "cp1252")
    offset, has_nul, pending = 0, False, False
    for data in chunks(path):
        if ascii_alike and not pending and data.isascii():  # decoding would change nothing
            has_nul = has_nul or b"\0" in data
        else:
            try:
                has_nul = "\0" in decoder.decode(data) or has_nul
            except UnicodeDecodeError as error:
                return offset + error.start, has_nul
            pending = bool(decoder.getstate()[0])
        offset += len(data)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return offset, has_nul
    return None, has_nul


def _check_readable(path: str, head: str) -> None:
    """More than a tenth of control characters is no text, in whatever encoding."""
    controls = sum(head.count(chr(code)) for code in (*range(9), *range(14, 32), *range(127, 160)))
    if controls >= 8 and controls > len(head) / 10:
        raise DataError(
            f"{path}: not a table: {controls:,} of the first {len(head):,} characters cannot be "
            "printed. Expected text, a row per line; if it is UTF-16 without a byte order mark, "
            "say encoding: utf-16-le in the recipe."
        )
