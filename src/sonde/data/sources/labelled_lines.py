"""Labelled lines: a text on each line behind its label, or a file of texts for each label.

    1 What films featured the character Popeye Doyle ?      label: first
    names.zip/names/Arabic.txt, names/Chinese.txt, ...       label: file

The first form is that of many sets of sentences (TREC questions, film reviews); with `label: file`
a whole line is a text, and its label is the name of the file it stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePath
from typing import ClassVar, Literal, NamedTuple, Self

import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError
from sonde.core.errors import StorageError
from sonde.core.port import PART
from sonde.data.sources._archive import Archive, archive_kind
from sonde.data.sources._characters import lines
from sonde.data.sources._csv import place, shorten
from sonde.data.sources._encoding import Encoding, read_text
from sonde.data.sources._fields import select, with_part
from sonde.data.sources._files import expand, is_pattern, join, located, natural, stem
from sonde.data.sources._in_parts import InParts, ignore, several
from sonde.data.sources._site import Recognised, Site
from sonde.data.sources._values import ROWS
from sonde.data.sources._within import into_archive

_SUFFIXES = (".txt", ".all", ".lines", ".txt.gz", ".all.gz", ".lines.gz")
_ENDINGS = frozenset((".txt", ".all", ".lines", ".zip", ".tar", ".tgz", ".gz"))

_MOST_LABELS = 1000
"""Files side by side that are surely labels, and not texts."""

Tell = Callable[[RowError], None]


class _File(NamedTuple):
    """A file of lines, the part it is for, and the label of its lines where the name says it."""

    part: str
    path: str
    label: str | None


class LabelledLines(InParts, Recognised):
    """Rows with `label` and `text`; separate files for validation and test are its parts."""

    endings: ClassVar[Collection[str]] = _ENDINGS
    untitled: ClassVar[str] = "lines"
    scan_version: ClassVar[int | None] = 2

    path: str
    """A file, several by a pattern such as `reviews-*.txt`, a folder of .txt files, or an archive
    of them."""
    label: Literal["first", "last", "file"] = "first"
    """Where the label of a text stands: before it on its line, behind it, or in the file's name."""
    separator: str | None = Field(None, min_length=1)
    """What stands between label and text; None for spaces and tabs, however many."""
    encoding: Encoding = None
    """None takes a byte order mark's word, then UTF-8, then Windows-1252 or Latin-1."""

    def describe(self) -> str:
        """Such as 'a label and a text on each line, latin-1, 2 files'."""
        labels = len({file.label for file in self._files})
        form = f"{labels} labels in file names" if self.label == "file" else "labelled lines"
        encodings = sorted(set(self._encodings.values()))
        return f"{form}, {' and '.join(encodings)}{several(self._files)}"

    def fields(self) -> Sequence[RawField]:
        """`label` and `text`, and `#part` where there are separate files."""
        parts = [RawField(PART, pa.string())] if self._has_parts else []
        return [
            RawField("label", pa.string(), "category"),
            RawField("text", pa.string(), "text"),
            *parts,
        ]

    @classmethod
    def claim(cls, site: Site) -> Self | None:
        """Text files alone, side by side: each is called as its label."""
        beside = {PurePath(name).parent for name in site.names}
        alone = all(name.lower().endswith((".txt", ".txt.gz")) for name in site.names)
        few = 2 <= len(site.names) <= _MOST_LABELS
        return cls(path=site.path, label="file") if alone and few and len(beside) == 1 else None

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of train, then valid, then test, file by file, some thousands at a time.

        Told to `on_error`, with the line number as `row`: a line without a label or a text.
        """
        wanted = select(self.path, [field.name for field in self.fields()], fields)
        for file in self._files:
            pairs = self._pairs(file, on_error or ignore)
            while some := list(islice(pairs, ROWS)):
                labels, texts = zip(*some, strict=True)
                columns = {"label": pa.array(labels, pa.string())}
                columns["text"] = pa.array(texts, pa.string())
                yield with_part(columns, file.part if self._has_parts else None, wanted, len(some))

    def fingerprint(self) -> str:
        """SHA-256 over the files' bytes and the options that change how they are read."""
        return self._hashed((f"{f.part}\0{f.label}", f.path) for f in self._files)

    def _pairs(self, file: _File, tell: Tell) -> Iterator[tuple[str, str]]:
        """Label and text of every line that has both; the others are told."""
        for number, line in enumerate(lines(file.path, self._encodings[file.path]), 1):
            where = place(file.path, number)
            if not line.strip():
                tell(RowError(number, "an empty row", "a text", where, harmless=True))
                continue
            label, text = self._divided(line) if file.label is None else (file.label, line.strip())
            if label and text:
                yield label, text
                continue
            order = "a text, then its label" if self.label == "last" else "a label, then a text"
            between = "a space" if self.separator is None else repr(self.separator)
            expected = f"{order}, with {between} between them"
            tell(RowError(number, shorten(line.strip()), expected, where))

    def _divided(self, line: str) -> tuple[str, str]:
        """A line's label and text; one of them is empty where the line does not hold both."""
        if self.label == "last":
            pieces = line.strip().rsplit(self.separator, 1)[::-1]
        else:
            pieces = line.strip().split(self.separator, 1)
        label, text = pieces if len(pieces) == 2 else (pieces[0], "")
        return label.strip(), text.strip()

    @cached_property
    def _files(self) -> list[_File]:
        """The files in the order they are read."""
        return [
            _File(part, path, _name(path) if self.label == "file" else None)
            for part, where in self._places()
            for path in _expanded(where)
        ]

    @cached_property
    def _encodings(self) -> dict[str, str]:
        """Path -> what characters it is written in."""
        expected = "a label and a text on each line"
        kinds = [(file.path, read_text(file.path, self.encoding, expected)) for file in self._files]
        return {path: kind.encoding for path, kind in kinds}


def _expanded(where: str) -> list[str]:
    """The files a path means, those in an archive too, in natural order."""
    if not is_pattern(where) and into_archive(where) is None and _is_archive(where):
        names = [n for n in Archive(where).members if n.lower().endswith(_SUFFIXES)]
        kept = [n for n in names if not any(p.startswith((".", "_")) for p in PurePath(n).parts)]
        if not kept:
            raise StorageError(f"{where}: an archive without files that end with "
                               f"{', '.join(_SUFFIXES)}")  # fmt: skip
        return [join(where, name) for name in sorted(kept, key=natural)]
    return expand(where, _SUFFIXES)


def _is_archive(where: str) -> bool:
    return Path(located(where)).is_file() and archive_kind(where) is not None


def _name(path: str) -> str:
    """A file's name without what it ends with: the label of its lines."""
    return stem(path, _ENDINGS)
