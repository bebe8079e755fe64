"""Labelled words: a word and its label on each line, an empty line between sentences.

    Anna    B-PER
    lives   O
    in      O
    York    B-LOC

The form of the CoNLL shared tasks (Tjong Kim Sang, De Meulder 2003, section 2): columns with spaces
or tabs between them, of which one is the word and one its label. CoNLL-U (Nivre et al., "Universal
Dependencies v2", 2020), which numbers its words, is told by its ten columns; the label is the part
of speech there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar, NamedTuple, Self

import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError
from sonde.core.errors import DataError
from sonde.core.port import PART
from sonde.data.sources._characters import lines
from sonde.data.sources._csv import place, shorten
from sonde.data.sources._encoding import Encoding, read_text
from sonde.data.sources._fields import select, with_part
from sonde.data.sources._files import join
from sonde.data.sources._in_parts import InParts, by_part, ignore, several
from sonde.data.sources._plans import labelled_words
from sonde.data.sources._site import Recognised, Site
from sonde.data.sources._values import ROWS
from sonde.data.sources._walk import is_about

_OWN = (".conll", ".conllu", ".bio", ".iob", ".iob2")
_SUFFIXES = (*_OWN, *(f"{suffix}.gz" for suffix in _OWN))
_ENDINGS = frozenset((*_OWN, ".txt", ".tsv", ".gz"))
_ENOUGH = 10
"""Words that show a form which no name tells."""
_STRETCH = re.compile(r"O|[BIESLUM]-\S+")
"""A label of stretches: where in one a word stands, and of what kind it is."""
_DOCUMENT = "-DOCSTART-"
_UNIVERSAL = {"token": 1, "label": 3, "separator": "\t", "comments": "#", "numbered": True}
"""How CoNLL-U is read."""
_FIRST = ("1", "1-2", "1-3", "0.1")
_UNNUMBERED = re.compile(r"\d+[-.]\d+\t")

Tell = Callable[[RowError], None]


class _Sentence(NamedTuple):
    """Words with their labels."""

    tokens: list[str]
    labels: list[str]


class Conll(InParts, Recognised):
    """Rows with `tokens` and `labels`, lists of equal length; several files are its parts."""

    endings: ClassVar[Collection[str]] = _ENDINGS
    untitled: ClassVar[str] = "words"
    scan_version: ClassVar[int | None] = 2

    path: str
    """A file, several by a pattern such as `news-*.conll`, or a folder of .conll files."""
    token: int = 0
    """Which column of a line is the word, counted from 0; from the end where below 0."""
    label: int = -1
    """Which column is its label."""
    separator: str | None = Field(None, min_length=1)
    """What stands between columns; None for spaces and tabs, however many."""
    comments: str | None = Field(None, min_length=1)
    """How lines begin that are passed over, such as `#` in CoNLL-U."""
    numbered: bool = False
    """Whether the first column numbers the words: lines of several words at once (`1-2`) and of
    words that are not written (`8.1`) are then passed over."""
    encoding: Encoding = None
    """None takes a byte order mark's word, then UTF-8, then Windows-1252 or Latin-1."""

    def describe(self) -> str:
        """Such as 'labelled words, utf-8, 3 files'."""
        encodings = " and ".join(sorted(set(self._encodings.values())))
        return f"labelled words, {encodings}{several(self._files)}"

    def fields(self) -> Sequence[RawField]:
        """`tokens` and `labels`, and `#part` where there are separate files."""
        listed = pa.list_(pa.string())
        parts = [RawField(PART, pa.string())] if self._has_parts else []
        return [RawField("tokens", listed, "tokens"), RawField("labels", listed, "labels"), *parts]

    @classmethod
    def claim(cls, site: Site) -> Self | None:
        """A file that is called so or whose labels say so, or a folder of such files alone."""
        if site.is_file:
            options = _UNIVERSAL if _is_universal(site.head) else {}
            known = _is_called_so(site.path) or _tells_stretches(site.head)
            return cls(path=site.path, **options) if known else None
        names = [name for name in site.names if not is_about(name)]
        if not (site.is_folder and names):
            return None
        universal = all(".conllu" in name.lower() for name in names)
        files = by_part(site.path, names)
        if not all(map(_is_called_so, names)):
            heads = (Site(join(site.path, name)).head for name in names)
            if not files or not all(map(_tells_stretches, heads)):
                return None
        files = files or {"path": site.path}
        return cls.parse({**files, **(_UNIVERSAL if universal else {})})

    def plan(self, target: str | None = None) -> Mapping[str, Any]:
        """Words are labelled."""
        return labelled_words("tokens", "labels")

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Sentences of train, then valid, then test, some thousands at a time.

        A sentence with a line that lacks a column is left out; the line is told to `on_error`.

        Raises:
            DataError: a file has no sentence.
        """
        wanted = select(self.path, [field.name for field in self.fields()], fields)
        for part, path in self._files:
            sentences = self._sentences(path, on_error or ignore)
            count = 0
            while some := list(islice(sentences, ROWS)):
                listed = pa.list_(pa.string())
                columns = {
                    "tokens": pa.array([sentence.tokens for sentence in some], listed),
                    "labels": pa.array([sentence.labels for sentence in some], listed),
                }
                yield with_part(columns, part if self._has_parts else None, wanted, len(some))
                count += len(some)
            if not count:
                raise DataError(f"{path}: no sentence in it; expected a word and its label on "
                                "each line")  # fmt: skip

    def fingerprint(self) -> str:
        """SHA-256 over the files' bytes and the options that change how they are read."""
        return self._hashed(self._files)

    def _sentences(self, path: str, tell: Tell) -> Iterator[_Sentence]:
        """Every sentence of a file whose lines can all be read."""
        sentence, whole = _Sentence([], []), True
        for number, line in enumerate(lines(path, self._encodings[path]), 1):
            if self._is_passed_over(line):
                continue
            if line.strip() and not line.startswith(_DOCUMENT):
                columns = self._columns(line)
                if columns is None:
                    asked = f"{self._least} columns or more"
                    where = place(path, number)
                    tell(RowError(number, shorten(line.strip()), asked, where))
                    whole = False
                else:
                    sentence.tokens.append(columns[0])
                    sentence.labels.append(columns[1])
                continue
            if sentence.tokens and whole:
                yield sentence
            sentence, whole = _Sentence([], []), True
        if sentence.tokens and whole:
            yield sentence

    def _is_passed_over(self, line: str) -> bool:
        if self.comments is not None and line.startswith(self.comments):
            return True
        return self.numbered and bool(_UNNUMBERED.match(line))

    def _columns(self, line: str) -> tuple[str, str] | None:
        """The word and the label of a line, or None where it lacks one."""
        columns = line.strip("\n" if self.separator else None).split(self.separator)
        if len(columns) < self._least:
            return None
        token, label = columns[self.token].strip(), columns[self.label].strip()
        return (token, label) if token and label else None

    @property
    def _least(self) -> int:
        """How many columns a line must have for the word and the label to be two of them."""
        return max(2, *(at + 1 if at >= 0 else -at for at in (self.token, self.label)))

    @cached_property
    def _files(self) -> list[tuple[str, str]]:
        """Part and path of every file, in the order they are read."""
        return self._expanded(_SUFFIXES)

    @cached_property
    def _encodings(self) -> dict[str, str]:
        """Path -> what characters it is written in."""
        return {path: read_text(path, self.encoding).encoding for _, path in self._files}


def _is_called_so(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES)


def _tells_stretches(head: str) -> bool:
    """Whether every line has as many columns, the last a label such as B-PER, with empty lines."""
    whole = head.rpartition("\n")[0].splitlines()
    rows = [line.split() for line in whole if line.strip() and not line.startswith(_DOCUMENT)]
    widths = {len(row) for row in rows}
    sure = len(rows) >= _ENOUGH and len(rows) < len(whole) and len(widths) == 1 and min(widths) > 1
    labels = {row[-1] for row in rows}
    sure = sure and not all(row[0].endswith(",") for row in rows)  # a table with commas
    return sure and len(labels) > 1 and all(map(_STRETCH.fullmatch, labels))


def _is_universal(head: str) -> bool:
    """Whether the first line that is no comment is that of a first word, with ten columns."""
    first = next((line for line in head.splitlines() if line and line[0] != "#"), "")
    columns = first.split("\t")
    return len(columns) == 10 and columns[0] in _FIRST
