"""What a folder or an archive may be that has no folder of pictures per class: how to read it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pyarrow as pa

from sonde.core.errors import SondeError, listed
from sonde.core.text import to_yaml
from sonde.data.parts import PARTS
from sonde.data.sources._naming import names_of_pictures
from sonde.data.sources._shelf import Shelf
from sonde.data.sources.table import Table

TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")


def advice(shelf: Shelf) -> str:
    """A sentence on how its tables are read, with recipe lines to paste; '' where it has none."""
    tables = [name for name in shelf.listing("")[1] if name.lower().endswith(TABLES)]
    parts = _by_part(tables)
    if not tables:
        return ""
    with suppress(SondeError):  # a table that cannot be read is no advice
        if naming := _naming(shelf, parts["train"]):
            return _of_pictures(shelf, parts, naming)
    return _of_rows(shelf, parts, tables)


def _by_part(tables: Sequence[str]) -> dict[str, str]:
    """'train', 'valid', 'test' -> the first table whose name begins so; the first is for train."""
    found: dict[str, str] = {}
    for head, part in PARTS.items():
        named = [name for name in tables if name.lower().startswith(head)]
        if named:
            found.setdefault(part, named[0])
    if "train" not in found and len(tables) == 1:
        return {"train": tables[0]}
    return found if "train" in found else dict(zip(["train"], tables, strict=False))


def _naming(shelf: Shelf, table: str) -> dict[str, object]:
    """The options that say by which column of a table pictures are named; {} where none is."""
    patterns = names_of_pictures(Table(shelf.place(table)), shelf).patterns
    if (
        len(patterns) == 1
        and (column := next(iter(patterns)))
        and patterns == {column: f"{{{column}}}"}
    ):
        return {"image": column}
    return {"images": patterns} if patterns else {}


def _of_pictures(shelf: Shelf, parts: Mapping[str, str], naming: Mapping[str, object]) -> str:
    source: dict[str, object] = {"kind": "folder", "path": shelf.path, **naming}
    source["table"] = parts["train"]
    source |= {part: {"table": parts[part]} for part in ("valid", "test") if part in parts}
    columns = [name for name in _common(shelf, parts) if name != naming.get("image")]
    lines = [
        *to_yaml({"source": source}).splitlines(),
        f"task: {{kind: classification, target: NAME}}  # of {listed(columns)}",
    ]
    told = "".join(f"\n       {line}" for line in lines)
    return f"{parts['train']} names its pictures; a recipe (.yaml) reads them by it:{told}"


def _common(shelf: Shelf, parts: Mapping[str, str]) -> list[str]:
    """The columns that the tables of all parts have."""
    names = [[f.name for f in Table(shelf.place(table)).fields()] for table in parts.values()]
    return [name for name in names[0] if all(name in others for others in names)]


def _of_rows(shelf: Shelf, parts: Mapping[str, str], tables: Sequence[str]) -> str:
    """How tables are read that name no pictures here."""
    places = {part: shelf.place(table) for part, table in parts.items()}
    if len(places) > 1:
        source = {"kind": "table", "path": places.pop("train"), **places}
        told = to_yaml({"source": source}).strip().replace("\n", "\n       ")
        return f"Its tables are parts, which a recipe (.yaml) reads so:\n       {told}"
    if len(tables) == 1 or pa.types.is_binary(shelf.type):  # no pattern goes into an archive
        return f"Its table is read by its own name:  {shlex.quote(shelf.place(tables[0]))}"
    ending = next(e for e in reversed(TABLES) if tables[0].lower().endswith(e))
    return f"Its tables are read by a pattern:  {shlex.quote(shelf.place(f'*{ending}'))}"
