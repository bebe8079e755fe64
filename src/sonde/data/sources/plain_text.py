"""Plain text files: a text on each line, or one long text in pieces.

    path: names.txt                                  a row is a line
    {path: shakespeare.txt.gz, unit: piece}          a row is 256 characters of one long text

Rows have the field `text` and the number field `place`: the line's number, counted from 1, or how
many characters stand before the piece. A long text is divided where it lies, its end for testing,
by the split `time`:  {kind: time, by: place, valid: 0.05, test: 0.1}. No piece then lies in two
parts, and none is among pieces that it goes on from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar, Literal, NamedTuple, Self

import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError
from sonde.core.port import PART
from sonde.data.sources._characters import lines, pieces
from sonde.data.sources._detect import is_table
from sonde.data.sources._encoding import Encoding, read_text
from sonde.data.sources._fields import select, with_part
from sonde.data.sources._in_parts import InParts, ignore, several
from sonde.data.sources._site import Recognised, Site
from sonde.data.sources._values import ROWS

_SUFFIXES = (".txt", ".text", ".txt.gz", ".text.gz")
_ENDINGS = frozenset((".txt", ".text", ".gz"))

_BLANK = 0.05
"""Of the lines of a long text at least this part are blank, between its paragraphs."""

_LONG = 1000
"""Characters of a line on average, from which on lines are chapters, and no texts by themselves."""


class _Row(NamedTuple):
    """A line or a piece: where it stands in its file, its place, its text, and the place after."""

    where: str
    place: int
    text: str
    after: int


class PlainText(InParts, Recognised):
    """Rows with `text` and `place`; separate files for validation and test are its parts."""

    endings: ClassVar[Collection[str]] = _ENDINGS
    untitled: ClassVar[str] = "text"
    scan_version: ClassVar[int | None] = 3

    path: str
    """A file, packed with gzip or not; several by a pattern such as `plays-*.txt`; or a folder of
    .txt files. Places go on from file to file."""
    unit: Literal["line", "piece"] = "line"
    """What a row is: a line, or a piece of one long text."""
    length: int = Field(256, ge=1, le=2**20)
    """Characters of a piece; the last one of a file may have fewer."""
    encoding: Encoding = None
    """None takes a byte order mark's word, then UTF-8, then Windows-1252 or Latin-1."""

    def describe(self) -> str:
        """Such as 'a text on each line, utf-8' or 'pieces of 256 characters, utf-8, 3 files'."""
        form = "a text on each line"
        if self.unit == "piece":
            form = f"pieces of {self.length:,} characters"
        encodings = " and ".join(sorted(set(self._encodings.values())))
        return f"{form}, {encodings}{several(self._files)}"

    def fields(self) -> Sequence[RawField]:
        """`text` and `place`, and `#part` where there are separate files."""
        assert self._encodings is not None  # missing and unreadable files are met here
        parts = [RawField(PART, pa.string())] if self._has_parts else []
        return [RawField("text", pa.string(), "text"), RawField("place", pa.int64()), *parts]

    @classmethod
    def claim(cls, site: Site) -> Self | None:
        """A text file that is no table; one long text where blank lines, or few, divide it."""
        if not (site.path.lower().endswith(_SUFFIXES) and site.head.strip()):
            return None
        if is_table(site.head):
            return None
        head = site.head.strip()
        lines = head.splitlines()
        blank = sum(not line.strip() for line in lines)
        is_one = blank > _BLANK * len(lines) or len(head) > _LONG * len(lines)
        return cls(path=site.path, unit="piece" if is_one else "line")

    def plan(self, target: str | None = None) -> Mapping[str, Any]:
        """It is gone on writing, letter by letter; of a long text the end is kept for testing."""
        task = {"columns": {"text": {"kind": "text", "tokens": "characters", "at_least": 1}},
                "task": {"kind": "write", "ends": self.unit == "line"}}  # fmt: skip
        if self.unit == "line" or self._has_parts:
            return task
        return {"split": {"kind": "time", "by": "place", "valid": 0.05, "test": 0.1}, **task}

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of train, then valid, then test, file by file, some thousands at a time.

        Told to `on_error`: empty lines, and a row with a NUL character.
        """
        wanted = select(self.path, [field.name for field in self.fields()], fields)
        before = dict.fromkeys(("train", "valid", "test"), 0)
        for part, path in self._files:
            rows = self._rows(path, before[part])
            while some := list(islice(rows, ROWS)):
                before[part] = some[-1].after
                kept = [row for row in some if _readable(row, path, on_error or ignore)]
                columns = {
                    "text": pa.array([row.text for row in kept], pa.string()),
                    "place": pa.array([row.place for row in kept], pa.int64()),
                }
                if kept:
                    yield with_part(columns, part if self._has_parts else None, wanted, len(kept))

    def fingerprint(self) -> str:
        """SHA-256 over the files' bytes and the options that change how they are read."""
        return self._hashed(self._files)

    def _rows(self, path: str, before: int) -> Iterator[_Row]:
        """Every row of a file, whose places go on from `before`."""
        encoding = self._encodings[path]
        if self.unit == "line":
            for number, text in enumerate(lines(path, encoding), start=1):
                yield _Row(f"line {number:,}", before + number, text, before + number)
            return
        place = before
        for text in pieces(path, encoding, self.length):
            yield _Row(f"character {place - before + 1:,}", place, text, place + len(text))
            place += len(text)

    @cached_property
    def _files(self) -> list[tuple[str, str]]:
        """Part and path of every file, in the order they are read."""
        return self._expanded(_SUFFIXES)

    @cached_property
    def _encodings(self) -> dict[str, str]:
        """Path -> what characters it is written in."""
        kinds = [(path, read_text(path, self.encoding, "text")) for _, path in self._files]
        return {path: kind.encoding for path, kind in kinds}


def _readable(row: _Row, path: str, tell: Callable[[RowError], None]) -> bool:
    """Whether a row is a text; one that is not is told."""
    place = f"{path}, {row.where}"
    if "\0" in row.text:
        at = row.text.index("\0")
        got = row.text[max(0, at - 10) : at + 10]
        tell(RowError(row.place, got, "a text without NUL characters", place))
        return False
    if not row.text.strip() and row.where.startswith("line"):
        tell(RowError(row.place, "an empty row", "a text", place, harmless=True))
        return False
    return True
