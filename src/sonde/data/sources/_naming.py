"""Tables that name pictures: which of their columns do, and where the pictures lie.

    a.csv with the column file: images/1.jpg            beside the folder images
    train.csv with the column file: 1.jpg               the pictures are in a folder beside it
    train.csv with the column id: 1                     the same, without what files end with

A column names pictures where at least half of the first rows' values are files of one folder.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import NamedTuple

from sonde.core.errors import StorageError
from sonde.data.sources._files import join
from sonde.data.sources._name_tables import NameTable
from sonde.data.sources._shelf import SUFFIXES, Shelf

_LOOKED_AT = 32
"""Rows whose files are looked for."""

_MOST_FOLDERS = 200
_DEEPEST = 2

_BRACES = frozenset("{}")  # which a pattern gives a meaning


class _Place(NamedTuple):
    """A folder that holds pictures, '' for the top, and what their names end with."""

    folder: str
    suffixes: tuple[str, ...]


class Naming(NamedTuple):
    """How a table names pictures.

    Attributes:
        patterns: field -> a pattern of names on the shelf, such as `images/{id}.jpg`; none where
            the table names no pictures.
        is_spread: whether a column's files lie in several folders, as those of classes do.
    """

    patterns: dict[str, str]
    is_spread: bool = False


def names_of_pictures(table: NameTable, shelf: Shelf) -> Naming:
    """Which pictures a table names.

    A column of file names becomes their pictures; one without suffixes stays, and `image` is added.

    Raises:
        SondeError: the table or a folder cannot be read.
    """
    columns = {name: cells for name, cells in table.glimpse().items() if not _BRACES & set(name)}
    full = {name: first for name, column in columns.items() if (first := _files_in(column))}
    if full:
        folders = ["", *_folders(shelf, "")]
        found = {name: _with_folder(shelf, folders, name, some) for name, some in full.items()}
        patterns = {name: pattern for name, pattern in found.items() if pattern}
        return Naming(patterns, any(_is_spread(columns[name]) for name in patterns))
    bare = {name: first for name, column in columns.items() if (first := _keys_in(column))}
    return Naming(_without_suffix(shelf, bare, columns))


def _is_spread(names: Sequence[str]) -> bool:
    return len({name.rpartition("/")[0] for name in names}) > 1


def _files_in(cells: Sequence[str]) -> list[str]:
    """Those that end as pictures do, where that is most of them."""
    alike = [cell for cell in cells if cell.lower().endswith(tuple(SUFFIXES))]
    return alike[:_LOOKED_AT] if 2 * len(alike) > len(cells) else []


def _keys_in(cells: Sequence[str]) -> list[str]:
    """The first ones, where no two are equal: then they may be names of files.

    Those with a dot are real numbers, most of the time, and no names without a suffix.
    """
    differ = len(cells) > 1 and len(set(cells)) == len(cells)
    return [cell for cell in cells[:_LOOKED_AT] if not set("/.") & set(cell)] if differ else []


def _with_folder(shelf: Shelf, folders: Sequence[str], name: str, values: list[str]) -> str:
    """The pattern under which files lie that a column names; '' where they do not."""
    for folder in folders:
        if _are_there(shelf, [join(folder, value) for value in values]):
            return join(folder, f"{{{name}}}")
    return ""


def _without_suffix(
    shelf: Shelf, keys: Mapping[str, list[str]], columns: Collection[str]
) -> dict[str, str]:
    """The pattern of pictures that are called as one column's values are, and a suffix."""
    if not keys:
        return {}
    field = next(name for name in ("image", "picture", "#") if name not in columns)
    places = [place for folder in ["", *_folders(shelf, "")] if (place := _place(shelf, folder))]
    for name, values in keys.items() if field != "#" else ():
        for folder, suffixes in places:
            for suffix in suffixes:
                if _are_there(shelf, [join(folder, value + suffix) for value in values]):
                    return {field: join(folder, f"{{{name}}}{suffix}")}
    return {}


def _place(shelf: Shelf, folder: str) -> _Place | None:
    """A folder, where it holds pictures."""
    files = _listing(shelf, folder)[1]
    ends = dict.fromkeys(PurePath(name).suffix for name in files)
    suffixes = tuple(suffix for suffix in ends if suffix.lower() in SUFFIXES)
    return _Place(folder, suffixes) if suffixes else None


def _listing(shelf: Shelf, folder: str) -> tuple[list[str], list[str]]:
    """Folders and files; of a folder that may not be read none."""
    with suppress(StorageError):
        return shelf.listing(folder)
    return [], []


def _folders(shelf: Shelf, top: str) -> Iterator[str]:
    """Folders below the top, those right below it first; of many the first ones."""
    level, count = [top], 0
    for _ in range(_DEEPEST):
        inner = []
        for folder in level:
            for name in _listing(shelf, folder)[0]:
                whole = join(folder, name)
                if count == _MOST_FOLDERS:
                    return
                if not shelf.is_link(whole):
                    count += 1
                    inner.append(whole)
                    yield whole
        level = inner


def _are_there(shelf: Shelf, names: Sequence[str]) -> bool:
    """Whether at least half of them are files of the shelf."""
    return bool(names) and 2 * sum(map(shelf.holds, names)) >= len(names)
