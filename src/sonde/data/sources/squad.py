"""Questions about texts, in the JSON form of SQuAD: versions 1 and 2, packed with gzip or not.

    {"data": [{"title": "Oxygen", "paragraphs": [{"context": "Oxygen is a gas ...", "qas": [
        {"id": "1", "question": "What is oxygen?", "is_impossible": false,
         "answers": [{"text": "a gas", "answer_start": 10}]}]}]}]}

Rajpurkar et al. 2016 (arXiv:1606.05250) and 2018 (arXiv:1806.03822). A row is a question, with its
context; `answers` and `starts` are lists, empty where the context does not answer it.

The flat form, in which every question holds its context and answers are an object of two lists, is
read as well: an object on each line, a list of them, or a list under `data`.

    {"id": "1", "title": "Oxygen", "context": "Oxygen is a gas ...", "question": "What is oxygen?",
     "answers": {"text": ["a gas"], "answer_start": [10]}}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, ClassVar, NamedTuple, Self

import pyarrow as pa

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError
from sonde.core.errors import DataError
from sonde.core.port import PART
from sonde.core.text import from_json
from sonde.data.sources._csv import shorten
from sonde.data.sources._fields import select, with_part
from sonde.data.sources._in_parts import InParts, ignore, several
from sonde.data.sources._plans import questions
from sonde.data.sources._site import Recognised, Site
from sonde.data.sources._within import open_within

_ROWS = 256
"""Rows at once: every one holds its whole context."""

_SUFFIXES = frozenset((".json", ".jsonl", ".gz"))
_NAMES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")

_TYPES = {
    "id": pa.string(),
    "title": pa.string(),
    "question": pa.string(),
    "context": pa.string(),
    "answers": pa.list_(pa.string()),
    "starts": pa.list_(pa.int64()),
}

_FORM = 'an object {"data": [{"paragraphs": [{"context": ..., "qas": [...]}]}]}'


class _Wrong(NamedTuple):
    """What is wrong with a question."""

    got: Any
    expected: str


class Squad(InParts, Recognised):
    """Files of SQuAD's form; separate files for validation and test are its parts."""

    endings: ClassVar[Collection[str]] = _SUFFIXES
    untitled: ClassVar[str] = "questions"
    scan_version: ClassVar[int | None] = 1

    path: str
    """A file, or several by a pattern such as `train-*.json`."""

    def describe(self) -> str:
        """Such as 'questions about texts, 2 files'."""
        return f"questions about texts{several(self._files)}"

    def fields(self) -> Sequence[RawField]:
        """The question and its context, and the answers as lists; `#part` of separate files."""
        for _, path in self._files:
            with open_within(path):  # a missing file is told before anything is read
                pass
        parts = [RawField(PART, pa.string())] if self._has_parts else []
        return [*(RawField(name, kind) for name, kind in _TYPES.items()), *parts]

    @classmethod
    def claim(cls, site: Site) -> Self | None:
        """A JSON file with lists of data and of paragraphs, or questions of the flat form."""
        if not site.path.lower().endswith(_NAMES):
            return None
        nested = _begin(site.head, "[", "data", "paragraphs")
        flat = _begin(site.head, "[", "answer_start") and _begin(site.head, '"', "context")
        return cls(path=site.path) if nested or flat else None

    def plan(self, target: str | None = None) -> Mapping[str, Any]:
        """Answers are found in contexts; questions about one context stay on one side."""
        return questions("answers", "starts", parted=self._has_parts)

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Questions of train, then valid, then test, in the order of the files.

        Told to `on_error`, with the question's number as `row`: one that lacks a key, or holds
        what cannot be, and a line that is no object.

        Raises:
            StorageError: a file cannot be read.
            DataError: a file is no JSON, or not of this form.
        """
        known = [*_TYPES, *([PART] if self._has_parts else [])]
        wanted = select(self.path, known, fields)
        for part, path in self._files:
            rows = _rows(path, on_error or ignore)
            while some := list(islice(rows, _ROWS)):
                columns = {n: pa.array([row[n] for row in some], kind) for n, kind in _TYPES.items()
                           if n in wanted}  # fmt: skip
                yield with_part(columns, part if self._has_parts else None, wanted, len(some))

    def fingerprint(self) -> str:
        """SHA-256 over the files' bytes and the part each is for."""
        return self._hashed(self._files)

    @cached_property
    def _files(self) -> list[tuple[str, str]]:
        """Part and path of every file, in the order they are read."""
        return self._expanded()


def _begin(head: str, opening: str, *keys: str) -> bool:
    """Whether there is each key, and its value begins so."""
    return all(re.search(rf'"{key}"\s*:\s*{re.escape(opening)}', head) for key in keys)


def _rows(path: str, tell: Callable[[RowError], None]) -> Iterator[dict[str, Any]]:
    """The questions of a file; those that cannot be read are told."""
    for number, (title, context, question, place) in enumerate(_questions(path), start=1):
        row = _row(title, context, question)
        if isinstance(row, _Wrong):
            tell(RowError(number, shorten(str(row.got)), row.expected, f"{path}, {place}"))
        else:
            yield row


def _questions(path: str) -> Iterator[tuple[Any, Any, Any, str]]:
    """Title, context, question and where it stands, unchecked but for the lists around them."""
    text = _text(path)
    lines = [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) > 1 and all(line.lstrip().startswith("{") for _, line in lines[:2]):
        yield from (_on_line(number, line) for number, line in lines)
        return
    try:
        whole = from_json(text)
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}), expected {_FORM}") from None
    yield from _within_lists(path, whole)


def _on_line(number: int, line: str) -> tuple[Any, Any, Any, str]:
    """The question on a line of the flat form; what is wrong with the line in its place."""
    try:
        item = from_json(line)
    except ValueError as error:
        item = _Wrong(line.strip(), f"a JSON object ({error})")
    get = item.get if isinstance(item, Mapping) else lambda _: None
    return get("title"), get("context"), item, f"line {number:,}"


def _within_lists(path: str, whole: Any) -> Iterator[tuple[Any, Any, Any, str]]:
    if isinstance(whole, Mapping) and "question" in whole:  # a single line
        whole = [whole]
    data = whole.get("data") if isinstance(whole, Mapping) else whole
    if not isinstance(data, list) or whole == []:
        raise _misformed(path, "", whole)
    for at, item in enumerate(data):
        place = f"data[{at}]" if data is not whole else f"[{at}]"
        if isinstance(item, Mapping) and "question" in item:
            yield item.get("title"), item.get("context"), item, place
            continue
        for paragraph, below in _listed(path, item, "paragraphs", place):
            for question, where in _listed(path, paragraph, "qas", below):
                yield item.get("title"), paragraph.get("context"), question, where


def _text(path: str) -> str:
    with open_within(path) as file:
        data = file.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start + 1:,} is not UTF-8. Save the file as UTF-8."
        ) from None


def _listed(path: str, holder: Any, key: str, place: str) -> Iterator[tuple[Any, str]]:
    """The items of a list and where each stands.

    Raises:
        DataError: there is no such list.
    """
    items = holder.get(key) if isinstance(holder, Mapping) else None
    if not isinstance(items, list):
        raise _misformed(path, f", {place}", holder)
    for at, item in enumerate(items):
        yield item, f"{place}.{key}[{at}]"


def _misformed(path: str, place: str, got: Any) -> DataError:
    keys = f"an object with {', '.join(map(str, got)) or 'nothing'}" if isinstance(
        got, Mapping) else f"{type(got).__name__} {str(got)[:40]!r}"  # fmt: skip
    return DataError(f"{path}{place}: got {keys}, expected the form of SQuAD, {_FORM}")


def _row(title: Any, context: Any, question: Any) -> dict[str, Any] | _Wrong:
    if isinstance(question, _Wrong):
        return question
    if not isinstance(question, Mapping):
        return _Wrong(question, "an object with a question")
    if not isinstance(context, str) or not context.strip():
        return _Wrong(context, "a context, a text, around the question")
    asked = question.get("question")
    if not isinstance(asked, str) or not asked.strip():
        return _Wrong(asked, "a question, a text")
    answers = _answers(question)
    if isinstance(answers, _Wrong):
        return answers
    key = question.get("id")
    return {
        "id": None if key is None else str(key),
        "title": title if isinstance(title, str) else None,
        "question": asked,
        "context": context,
        "answers": [text for text, _ in answers],
        "starts": [start for _, start in answers],
    }


def _answers(question: Mapping[str, Any]) -> list[tuple[str, int]] | _Wrong:
    """Text and start of each answer; none where the question is said to have none."""
    impossible = question.get("is_impossible")
    listed = _one_by_one(question.get("answers", [] if impossible is True else None))
    if not isinstance(listed, list):
        return _Wrong(listed, "answers, a list, or is_impossible: true")
    if impossible is True and listed:
        return _Wrong(f"{len(listed)} answers", "none, since is_impossible is true")
    if impossible is False and not listed:
        return _Wrong("no answers", "some, since is_impossible is false")
    found = []
    for answer in listed:
        text, start = (
            (answer.get("text"), answer.get("answer_start"))
            if isinstance(answer, Mapping)
            else (None, None)
        )
        if not isinstance(text, str) or not text.strip():
            return _Wrong(answer, "an answer with a text")
        if not isinstance(start, int) or isinstance(start, bool) or start < 0:
            return _Wrong(answer, "an answer with answer_start, a whole number from 0 on")
        found.append((text, start))
    return found


def _one_by_one(answers: Any) -> Any:
    """The two lists of the flat form as a list of answers; anything else as it is."""
    if not isinstance(answers, Mapping):
        return answers
    texts, starts = answers.get("text"), answers.get("answer_start")
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        return answers
    return [{"text": t, "answer_start": s} for t, s in zip(texts, starts, strict=True)]
