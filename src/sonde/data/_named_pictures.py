"""Pictures that a table names, recognised: the table itself, or what holds it and the pictures."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import PurePath

from sonde.core.errors import SondeError, UsageError, listed
from sonde.data.sources._advice import TABLES, advice
from sonde.data.sources._naming import Naming, names_of_pictures
from sonde.data.sources._shelf import Shelf, shelf_at
from sonde.data.sources._tables import PARTS
from sonde.data.sources._within import into_archive
from sonde.data.sources.box_table import BoxTable
from sonde.data.sources.folder import Folder
from sonde.data.sources.table import Table


def named_by(path: str, table: Table) -> Folder | BoxTable | None:
    """The pictures that a table names below its own folder, or in the archive it lies in.

    Where its columns are called as those of boxes are, a row is an object in a picture.
    """
    outer = into_archive(path) or (str(PurePath(path).parent), PurePath(path).name)
    with suppress(SondeError):  # whoever reads it as a mere table will say what is wrong
        named = names_of_pictures(table, shelf_at(outer[0]))
        if named.patterns:
            boxes = BoxTable(outer[0], table=outer[1])
            return (
                boxes if boxes.is_told else Folder(outer[0], table=outer[1], images=named.patterns)
            )
    return None


def named_within(path: str) -> Folder | None:
    """The pictures of a folder or an archive that the one table at its top names, or that of train.

    Raises:
        UsageError: the table of another part has other columns, or pictures in another folder.
    """
    found = None
    with suppress(SondeError):  # as above
        shelf = shelf_at(path)
        held = [name for name in shelf.listing("")[1] if name.lower().endswith(TABLES)]
        parts = {PARTS.get(name.lower().partition(".")[0], name): name for name in held}
        if first := held[0] if len(held) == 1 else parts.get("train", ""):
            named = names_of_pictures(Table(shelf.place(first)), shelf)
            others = {part: parts[part] for part in ("valid", "test") if part in parts}
            if named.patterns and not (named.is_spread and _has_classes(path)):
                found = (first, named, {p: n for p, n in others.items() if n != first})
    if found is None:
        return None
    first, named, others = found
    for name in others.values():
        if differs := _differs(shelf, first, name, named):
            raise UsageError(
                f"{path}: {first} names pictures, and {name} {differs}. To learn from {first} "
                f"alone, give it:  {shlex.quote(shelf.place(first))}  Or, with both: "
                f"{advice(shelf)}"
            )
    places = {part: {"table": name} for part, name in others.items()}
    return Folder(path, table=first, images=named.patterns, **places)


def _differs(shelf: Shelf, first: str, name: str, named: Naming) -> str:
    """Why a table cannot be that of another part as it is; '' where it can."""
    table = Table(shelf.place(name))
    known = {field.name for field in table.fields()}
    lacking = [f.name for f in Table(shelf.place(first)).fields() if f.name not in known]
    if lacking:
        return f"lacks {listed(lacking)}"
    return "" if names_of_pictures(table, shelf) == named else "names none beside them"


def _has_classes(path: str) -> bool:
    with suppress(SondeError):
        return any(field.name == "label" for field in Folder(path).fields())
    return False
