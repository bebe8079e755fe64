"""Labelled words in a table: a row for each word, and a column that says its sentence.

Sentence #,Word,POS,Tag          source: {kind: word-table, path: ner.csv}
Sentence: 1,Anna,NNP,B-per
,lives,VBZ,O                     nothing there: the same sentence
Sentence: 2,York,NNP,B-geo
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby, islice
from typing import Any, ClassVar, NamedTuple, Self

import pyarrow as pa

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError
from sonde.core.errors import DataError, UnknownColumn, listed
from sonde.core.port import PART
from sonde.data.sources._advice import TABLES
from sonde.data.sources._fields import select, with_part
from sonde.data.sources._in_parts import InParts, ignore
from sonde.data.sources._plans import labelled_words
from sonde.data.sources._site import Recognised, Site
from sonde.data.sources._values import ROWS
from sonde.data.sources.table import Table

_SENTENCES = ("sentence #", "sentence_id", "sentence id", "sent_id", "sentence_idx", "sentence")
_WORDS = ("word", "token", "words", "tokens")
_LABELS = ("tag", "ner_tag", "ner", "label", "labels", "tags", "iob", "bio")
_TOKENS = "tokens"


class _Sentence(NamedTuple):
    """The words and what each other column says of them, of a part where there are several."""

    part: str | None
    lists: dict[str, list[str | None]]


class WordTable(InParts, Recognised):
    """Rows with `tokens` and a list of equal length for every other column; files are parts."""

    endings: ClassVar[Collection[str]] = frozenset(TABLES)
    untitled: ClassVar[str] = "words"
    scan_version: ClassVar[int | None] = 1

    path: str
    """A table, or several with the same columns by a pattern such as `news-*.csv`."""
    sentence: str | None = None
    """The column that says which sentence a word is of: `Sentence #`, `sentence_id`, ...; a word
    without it is of the sentence before."""
    word: str | None = None
    """The column of the words: `Word`, `token`, ..."""

    @classmethod
    def claim(cls, site: Site) -> Self | None:
        """A table whose columns are called as a sentence, a word and its label are; or no label."""
        if not (site.is_file and site.path.lower().endswith(TABLES)):
            return None
        source = cls(path=site.path)
        return source if source._keys and (source._label or not source._labels) else None

    def plan(self, target: str | None = None) -> Mapping[str, Any]:
        """Words are labelled."""
        labels = target or self._label
        return labelled_words(_TOKENS, labels) if labels in self._labels else {}

    def describe(self) -> str:
        """Such as 'labelled words, 4 columns, comma, utf-8, header'."""
        return f"labelled words, {self._table.describe()}"

    def fields(self) -> Sequence[RawField]:
        """`tokens`, the lists of labels, and `#part` where there are separate files."""
        listed = pa.list_(pa.string())
        labels = [RawField(name, listed, "labels") for name in self._labels]
        parts = [RawField(PART, pa.string())] if self._has_parts else []
        return [RawField(_TOKENS, listed, "tokens"), *labels, *parts]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Sentences of train, then valid, then test, some thousands at a time.

        Told to `on_error`: a sentence with a row that lacks the word, which is left out, and rows
        that the table itself cannot read.

        Raises:
            UnknownColumn: there is no column of sentences or of words.
            DataError: there is no sentence.
        """
        wanted = select(self.path, [field.name for field in self.fields()], fields)
        listed, tell, count = pa.list_(pa.string()), on_error or ignore, 0
        for part, found in groupby(self._sentences(tell), key=lambda one: one.part):
            while some := list(islice(found, ROWS)):
                columns = {n: pa.array([s.lists[n] for s in some], listed)
                           for n in wanted if n != PART}  # fmt: skip
                yield with_part(columns, part if self._has_parts else None, wanted, len(some))
                count += len(some)
        if not count:
            raise DataError(f"{self.path}: no sentence in it; expected a word in each row")

    def fingerprint(self) -> str:
        """SHA-256 over the files' bytes and the options that change how they are read."""
        return self._hashed(self._expanded())

    def _sentences(self, tell: Callable[[RowError], None]) -> Iterator[_Sentence]:
        """Every sentence whose words are all there."""
        for number, sentence in enumerate(self._all(tell), 1):
            if None not in sentence.lists[_TOKENS]:
                yield sentence
                continue
            known = " ".join(word for word in sentence.lists[_TOKENS] if word is not None)
            where = f"{self.path}, sentence {number:,}"
            tell(RowError(number, f"a row without a word in {known!r}", "a word in each", where))

    def _all(self, tell: Callable[[RowError], None]) -> Iterator[_Sentence]:
        """Every sentence: one begins with a part, and where another is named."""
        beginning, word = self._keys
        columns = {_TOKENS: word} | {name: name for name in self._labels}
        wanted = [beginning, *columns.values(), *([PART] if self._has_parts else [])]
        sentence, last = None, None
        for batch in self._table.scan(wanted, tell):
            read = batch.to_pydict()
            parts = read.get(PART, [None] * batch.num_rows)
            for row, (part, name) in enumerate(zip(parts, read[beginning], strict=True)):
                if sentence is None or part != sentence.part or name not in (None, last):
                    if sentence is not None:
                        yield sentence
                    sentence, last = _Sentence(part, {name: [] for name in columns}), name
                for field, column in columns.items():
                    sentence.lists[field].append(read[column][row])
        if sentence is not None:
            yield sentence

    @cached_property
    def _table(self) -> Table:
        return Table(self.path, valid=self.valid, test=self.test, missing=("",))  # NA is a word

    @cached_property
    def _keys(self) -> tuple[str, str]:
        """The columns of sentences and of words.

        Raises:
            UnknownColumn: one of them is not there.
        """
        return self._key("sentence", _SENTENCES), self._key("word", _WORDS)

    def _key(self, option: str, known: Sequence[str]) -> str:
        given = getattr(self, option)
        if given is not None:
            return select(self.path, self._columns, [given])[0]
        found = _called(known, self._columns)
        if found is None:
            raise UnknownColumn(
                f"{self.path} has no column that is called {known[0]!r} or the like. Name the one "
                f"of each {option}:  {option}: NAME  Columns: {listed(self._columns)}"
            )
        return found

    @cached_property
    def _columns(self) -> list[str]:
        return [field.name for field in self._table.fields() if field.name != PART]

    @property
    def _labels(self) -> list[str]:
        """The other columns."""
        return [name for name in self._columns if name not in self._keys]

    @property
    def _label(self) -> str | None:
        """The column that is called as labels are."""
        return _called(_LABELS, self._labels)


def _called(words: Sequence[str], names: Sequence[str]) -> str | None:
    """The name that is the first of the words there is, in any case."""
    found = {name.strip().lower(): name for name in names}
    return next((found[word] for word in words if word in found), None)
