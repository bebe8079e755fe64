"""Pictures that a table names, recognised: the table itself, or what holds it and the pictures."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import PurePath
from typing import NamedTuple

from sonde.core.errors import SondeError, UsageError, listed
from sonde.data.parts import before_dot, one_each
from sonde.data.sources._advice import advice
from sonde.data.sources._folders import part_folders
from sonde.data.sources._name_tables import NameTable, is_name_table, name_table
from sonde.data.sources._naming import Naming, names_of_pictures
from sonde.data.sources._shelf import Shelf, shelf_at
from sonde.data.sources._within import into_archive
from sonde.data.sources.box_table import BoxTable
from sonde.data.sources.folder import Folder
from sonde.data.sources.table import Table


class _Part(NamedTuple):
    """A table, and the shelf that holds it and the pictures it may name."""

    shelf: Shelf
    table: str

    @property
    def place(self) -> str:
        return self.shelf.place(self.table)

    @property
    def naming(self) -> Naming:
        return names_of_pictures(name_table(self.place), self.shelf)

    @property
    def columns(self) -> list[str]:
        return [field.name for field in name_table(self.place).fields()]


def named_by(path: str, table: NameTable) -> Folder | BoxTable | None:
    """The pictures that a table names below its own folder, or in the archive it lies in.

    Where its columns are called as those of boxes are, a row is an object in a picture.
    """
    if type(name_table(path)) is not type(table):  # it could not be read again by its name
        return None
    outer = into_archive(path) or (str(PurePath(path).parent), PurePath(path).name)
    with suppress(SondeError):  # whoever reads it as a mere table will say what is wrong
        named = names_of_pictures(table, shelf_at(outer[0]))
        if named.patterns:
            boxes = BoxTable(outer[0], table=outer[1])
            is_boxes = isinstance(table, Table) and boxes.is_told
            return boxes if is_boxes else Folder(outer[0], table=outer[1], images=named.patterns)
    return None


def named_within(path: str) -> Folder | None:
    """The pictures of a folder or an archive that the tables of its parts name, or its only one.

        a.csv    train.csv, test.csv    train/metadata.csv, test/metadata.csv

    Raises:
        UsageError: the table of another part has other columns, or pictures in another folder.
    """
    parts, naming = {}, Naming({})
    with suppress(SondeError):  # as above
        shelf = shelf_at(path)
        parts = _at_the_top(shelf) or _by_folder(shelf)
        naming = parts["train"].naming if parts else naming
    if not naming.patterns or (naming.is_spread and _has_classes(path)):
        return None
    first = parts.pop("train")
    for part in parts.values():
        if differs := _differs(first, naming, part):
            raise UsageError(
                f"{path}: {first.table} names pictures, and {part.table} {differs}. To learn from "
                f"{first.table} alone, give it:  {shlex.quote(first.place)}  Or, with both: "
                f"{advice(first.shelf)}"
            )
    places = {
        part: {"table": of.table} | ({} if of.shelf == first.shelf else {"path": of.shelf.path})
        for part, of in parts.items()
    }
    return Folder(first.shelf.path, table=first.table, images=naming.patterns, **places)


def _at_the_top(shelf: Shelf) -> dict[str, _Part]:
    """Part -> its table; nothing where several tables do not tell which is that of train."""
    held = _tables(shelf, "")
    parts = {"train": held[0]} if len(held) == 1 else one_each(held, shelf.top, before_dot)
    return {part: _Part(shelf, name) for part, name in parts.items() if "train" in parts}


def _by_folder(shelf: Shelf) -> dict[str, _Part]:
    """Part -> the only table in its folder; nothing where a folder has none, or several."""
    found = {}
    for part, folder in part_folders(shelf):
        held = _tables(shelf, folder)
        if len(held) != 1:
            return {}
        found[part] = _Part(shelf_at(shelf.place(folder)), held[0])
    return found


def _tables(shelf: Shelf, folder: str) -> list[str]:
    return list(filter(is_name_table, shelf.listing(folder)[1]))


def _differs(first: _Part, naming: Naming, part: _Part) -> str:
    """Why a table cannot be that of another part as it is; '' where it can."""
    known = part.columns
    lacking = [name for name in first.columns if name not in known]
    if lacking:
        return f"lacks {listed(lacking)}"
    return "" if part.naming == naming else "names none beside them"


def _has_classes(path: str) -> bool:
    with suppress(SondeError):
        return any(field.name == "label" for field in Folder(path).fields())
    return False
