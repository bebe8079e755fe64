"""What a caller of `sonde predict` names, as rows: files, folders, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.app.output import STDIN
from sonde.core.errors import DataError, UsageError, listed
from sonde.core.notice import tell

if TYPE_CHECKING:
    from sonde.contracts.data import RowError, Source
    from sonde.contracts.task import Task
    from sonde.data.sources._walk import Sought

_JSON = ".json"
_TABLES = (".csv", ".tsv", ".txt", ".data", ".gz", ".jsonl", ".ndjson", ".parquet", ".pq",
           ".arrow", ".arrows", ".feather", ".ipc")  # fmt: skip
_BY_FILE = (None, "labelled-files", "labelled-lines")
"""What forms a folder of texts may seem to have: that its files are of labels is not asked here."""
_MOST_UNPACKED = 1 << 31
"""Bytes of what an archive holds that are in memory at once; files in a folder are not."""
_NO_JSON = "not JSON: {}. Give objects with named fields."


@dataclass
class Given:
    """Rows to be answered.

    Attributes:
        rows: one mapping each; None where a task draws its own.
        files: the file of each row, where each is a picture or a text in a file, also a packed one.
    """

    rows: list[dict[str, Any]] | None
    files: list[str] = field(default_factory=list)


def given(task: Task, paths: Sequence[str]) -> Given:
    """What paths hold, in their order.

    Raises:
        UsageError: nothing is named, or a row takes more than a picture's name.
        DataError: what lies there are no rows.
    """
    if not paths and task.draws:
        return Given(None)
    if not paths:
        raise UsageError(
            f"which rows? Give a file, or - for JSON on stdin with: {', '.join(task.given)}"
        )
    rows: list[dict[str, Any]] = []
    files: list[str] = []
    for path in paths:
        held, named = _held(path, task)
        rows += held
        files += named
    return Given(rows, files if len(files) == len(rows) else [])


def _held(path: str, task: Task) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows that a path holds, and the file of each where it is one."""
    from sonde.data.sources._shelf import is_shelf

    is_alone, is_text = len(task.given) == 1, _is_text(task)
    name = task.given[0] if is_alone else ""
    if path == STDIN:
        return _from_json(sys.stdin.read().removeprefix("\ufeff"), "stdin"), []
    if path.lower().endswith(_JSON):
        return _from_json_file(path, task), []
    if is_text and (texts := list(_texts(path, name))):
        return _by_file(name, texts)
    if is_alone and not is_text and (packed := list(_packed(path))):
        return _by_file(name, packed)
    if path.lower().endswith(_TABLES) or (is_text and Path(path).exists()):
        return _from_source(path, task), []
    if is_alone:
        return _by_file(name, [(file, file) for file in _pictures(path)])
    if is_shelf(path):  # such as pictures with a table that names them and tells more
        return _from_source(path, task), []
    raise UsageError(
        f"{path}: this model needs {', '.join(task.given)} for each row. "
        "Give a .csv, .json or .jsonl file, or JSON on stdin."
    )


def _by_file(
    name: str, found: Sequence[tuple[object, str]]
) -> tuple[list[dict[str, Any]], list[str]]:
    return [{name: value} for value, _ in found], [file for _, file in found]


def _pictures(path: str) -> Iterator[str]:
    """A file itself, or all pictures of a folder and of those in it, by name.

    Raises:
        DataError: there are none.
    """
    from sonde.data.sources._files import expand, is_pattern
    from sonde.data.sources._shelf import shelf_at
    from sonde.data.sources._walk import PICTURES, every

    if is_pattern(path):
        yield from expand(path)
    elif not Path(path).is_dir():
        yield path
    else:
        shelf = shelf_at(path)
        found = every(shelf, PICTURES)
        if not found:
            raise DataError(
                f"{path}: no pictures in this folder ({PICTURES.known}), nor in those in it"
            )
        yield from map(shelf.place, found)


def _packed(path: str) -> Iterator[tuple[bytes, str]]:
    """Bytes and path of every picture in an archive; nothing where it is none or has none."""
    from sonde.data.sources._shelf import is_shelf
    from sonde.data.sources._walk import PICTURES

    if not Path(path).is_dir() and is_shelf(path):
        yield from _every(path, PICTURES)


def _every(path: str, sought: Sought) -> Iterator[tuple[bytes, str]]:
    """Bytes and path of every such file in a folder or an archive, and in the folders in it.

    Raises:
        DataError: an archive holds more of them than are read at once.
    """
    from sonde.data.sources._shelf import shelf_at
    from sonde.data.sources._walk import every, is_about

    shelf = shelf_at(path)
    names = [name for name in every(shelf, sought) if not is_about(name)]
    if (total := sum(map(shelf.size, names))) > _MOST_UNPACKED:
        raise DataError(
            f"{path}: got {total / 2**30:.1f} GiB in {len(names):,} files, expected at most "
            f"{_MOST_UNPACKED / 2**30:g} GiB in an archive. Unpack it and give the folder."
        )
    with shelf.reader() as fetch:
        for name in names:
            content, file = fetch([name])[0].as_py(), shelf.place(name)
            yield (content if isinstance(content, bytes) else Path(file).read_bytes()), file


def _texts(path: str, name: str) -> Iterator[tuple[str, str]]:
    """Text and file of every text file in a folder or an archive; one without a suffix is one.

    Folders of another form, such as of translations, give nothing, nor does a file of rows.
    """
    from sonde.data.guess import guess_source, recognised
    from sonde.data.sources._shelf import is_shelf
    from sonde.data.sources._walk import TEXTS
    from sonde.data.sources.table import Table

    found: Iterable[tuple[bytes, str]] = ()
    if is_shelf(path):
        if getattr(recognised(path), "kind", None) in _BY_FILE:
            found = _every(path, TEXTS)
    elif Path(path).is_file() and not Path(path).suffix:
        source = guess_source(path)  # which takes for a table what is nothing else
        if isinstance(source, Table) and name not in {f.name for f in source.fields()}:
            found = [(Path(path).read_bytes(), path)]
    for content, file in found:
        if text := _decoded(content, file).strip():
            yield text, file
        else:
            tell(f"{file}: no answer to what is empty")


def _is_text(task: Task) -> bool:
    """Whether a row is one text."""
    if len(task.given) != 1:
        return False
    reading = (column for column in task.columns.values() if task.given[0] in column.reads)
    return any(column.port.kind == "sequence" for column in reading)


def _from_json_file(path: str, task: Task) -> list[dict[str, Any]]:
    """Objects; or rows as a source of that form reads them, such as questions and contexts."""
    from sonde.data.guess import recognised

    if recognised(path) is not None:
        return _from_source(path, task)
    return _from_json(_characters(path), path)


def _characters(path: str) -> str:
    """A file's characters.

    Raises:
        DataError: they are not of the encoding that its first bytes name.
    """
    return _decoded(Path(path).read_bytes(), path)


def _decoded(content: bytes, path: str) -> str:
    from sonde.data.sources._encoding import decoded

    try:
        return decoded(content)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {error}. Save it as UTF-8.") from None


def _from_json(content: str, where: str) -> list[dict[str, Any]]:
    """An object, a list of objects, or one object a line."""
    try:
        rows = json.loads(content)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":  # behind a first object: one a line
            raise DataError(f"{where}: {_NO_JSON.format(error)}") from None
        rows = list(_lines_of_json(content, where))
    rows = rows if isinstance(rows, list) else [rows]
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(f"{where}, row {number}: got {row!r:.60}, expected an object")
    return rows


def _lines_of_json(content: str, where: str) -> Iterator[Any]:
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                told = _NO_JSON.format(f"{error.msg}, at column {error.colno}")
                raise DataError(f"{where}, line {number:,}: {told}") from None


def _from_source(path: str, task: Task) -> list[dict[str, Any]]:
    """Rows of a table, or of texts in a form that is recognised.

    For a model of texts each line of a text file is one, whatever the field is called; so is each
    of `news.en` where the field is `en`; so is a file's only line, below which no table has rows.
    """
    from sonde.data.guess import guess_source
    from sonde.data.sources.plain_text import PlainText

    given = task.given
    ends_so = path.removesuffix(".gz").endswith(f".{given[0]}")
    source = PlainText(path=path) if _is_text(task) and ends_so else guess_source(path)
    if _is_text(task) and isinstance(source, PlainText):
        found = _read(path, PlainText(path=path), ["text"])
        if not ends_so:
            tell(f"{path}: each line is taken for a text; in a folder each file is one")
        return [{given[0]: row["text"]} for row in found]
    known = {field.name for field in source.fields()}
    names = [name for name in given if name in known]
    if not names and _is_text(task) and path.lower().endswith(".txt"):
        content = _characters(path).strip()
        if "\n" not in content:
            return [{given[0]: content}]
    if not names:  # rows without a single field would be no rows at all
        raise DataError(
            f"{path} has none of the fields this model reads: {listed(given, 30)}. "
            f"It has: {listed(sorted(known), 30)}"
        )
    return _read(path, source, names)


def _read(path: str, source: Source, names: list[str]) -> list[dict[str, Any]]:
    """All rows of a source; what gives none is said."""
    from sonde.data.unread import say_unread

    unread: list[RowError] = []
    rows = [row for chunk in source.scan(names, unread.append) for row in chunk.to_pylist()]
    say_unread(path, unread, "no answer to")
    return rows
