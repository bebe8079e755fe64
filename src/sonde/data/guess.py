"""The source that reads a path, told by what lies there."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePath

from sonde.contracts.data import Source
from sonde.core.errors import DataError, SondeError, StorageError, UsageError, listed
from sonde.core.registry import registry
from sonde.data._named_pictures import named_by, named_within
from sonde.data.parts import one_each, part_of, parts_told
from sonde.data.sources._advice import TABLES
from sonde.data.sources._files import (
    check_file,
    expand,
    is_pattern,
    located,
    natural,
    open_file,
    reading,
)
from sonde.data.sources._in_parts import by_part
from sonde.data.sources._load import array_names
from sonde.data.sources._name_tables import NameTable, name_table
from sonde.data.sources._row_files import RowFiles, formats
from sonde.data.sources._shelf import SUFFIXES, Shelf, is_shelf, shelf_at
from sonde.data.sources._site import Recognised, Site
from sonde.data.sources._walk import is_about
from sonde.data.sources._within import into_archive
from sonde.data.sources.arrays import Arrays
from sonde.data.sources.folder import Folder
from sonde.data.sources.table import Table

_HEAD = 4096
"""Bytes at a file's start that tell its format."""

_NO_TABLES = {
    ".npy": "one array; name it in a recipe:  source: {kind: arrays, train: {x: FILE}}",
}
_TABLES = (".csv", ".tsv", ".gz", ".data")
_ARCHIVES = (".zip", ".tar", ".tgz")


def guess_source(path: str) -> Source:
    """The source that reads a path, by its content, then by its name.

    A file or several by a pattern: Parquet, Arrow, JSON lines, an .npz file whose names say it all,
    an archive of pictures, text of a form that is surely told, else a table, also one in an archive
    (`signs.zip/info.csv`). A folder, also one in an archive: one of Parquet, Arrow or JSON lines
    files, of labelled texts, of one table or one for each part, else of pictures: with boxes or
    masks where they are surely of such a form, else by class.

    Raises:
        StorageError: there is nothing at the path.
        UsageError: it needs a recipe, or another reader; says which.
    """
    place = Path(located(path))
    if place.is_dir():
        rows = _guess_folder(path)
        known = recognised(path) or named_within(path) or rows or _guess_tables(path)
        return known or _of_pictures(path)
    if into_archive(path) is not None:
        if is_shelf(path):
            return recognised(path) or _in_archive(path)
        return _named_or_rows(path, name_table(path))
    if not is_pattern(path) and not place.exists():
        raise StorageError(f"{path}: no such file or folder. Looked from {Path.cwd()}")
    if (surely := recognised(path)) is not None:
        return surely
    first = expand(path)[0]
    suffixes = [s.lower() for s in PurePath(first).suffixes]
    bare = suffixes[:-1] if suffixes[-1:] == [".gz"] else suffixes
    suffix = bare[-1] if bare else ""
    if (found := _row_files(first)) is not None:
        return _named_or_rows(path, found(path))
    if suffix == ".npz":
        return _guess_arrays(path)
    if suffix in _ARCHIVES:
        return _in_archive(path)
    if suffix in _NO_TABLES:
        raise UsageError(f"{path}: {_NO_TABLES[suffix].replace('FILE', path)}")
    if PurePath(first).stem.endswith("-ubyte") or suffix.endswith("-ubyte"):
        raise UsageError(
            f"{path}: one array; name it and its labels in a recipe:  source: {{kind: arrays, "
            f"train: {{image: {path}, label: ...}}}}"
        )
    if suffix in (".yaml", ".yml"):
        raise UsageError(
            f"{path}: neither a recipe, which has `task`, nor settings of YOLO whose pictures lie "
            "under its `path` or beside it. Give the folder that holds images and labels."
        )
    if suffix == ".json":
        raise UsageError(
            f"{path}: JSON that is neither a recipe, which has `task` and `source`, nor of a form "
            "that is known, such as SQuAD's. Rows are read from objects: one on each line, or all "
            "in one list."
        )
    return _named_or_rows(path, Table(path))


def _named_or_rows(path: str, table: NameTable) -> Source:
    """The pictures that a table names, else its rows."""
    return (None if is_pattern(path) else named_by(path, table)) or table


def _in_archive(path: str) -> Source:
    """What an archive of no form that is surely told holds: named pictures, tables, pictures."""
    return named_within(path) or _guess_tables(path) or _of_pictures(path)


def _of_pictures(path: str) -> Folder:
    """Pictures by class, where there are pictures at all, or tables that may name some.

    Raises:
        DataError: there are files, and none of them is either.
    """
    names = Site(path).names
    if not names or any(name.lower().endswith((*SUFFIXES, *_TABLES)) for name in names):
        return Folder(path)
    held = Counter(PurePath(name).suffix or "no suffix" for name in names)
    raise DataError(
        f"{path}: no form is recognised in it. It holds "
        f"{listed(f'{count:,} x {suffix}' for suffix, count in held.most_common())}. Of folders "
        "and archives Sonde reads pictures by class, with boxes or with masks; .txt in a folder or "
        "a file for each label; translations (train.en, train.de); Parquet, Arrow, JSON lines. "
        f"Give one file of it, or name the form in a recipe:  source: {{kind: ..., path: {path}}}"
    )


def _row_files(path: str) -> type[RowFiles] | None:
    """The format of a file of typed rows, by its first bytes, else by its name."""
    if check_file(path):
        with open_file(path) as file, reading(path):
            head = file.read(_HEAD).removeprefix(BOM_UTF8).lstrip()
        for kind in formats():
            if kind.claims(path, head):
                return kind
    return next((kind for kind in formats() if path.lower().endswith(kind.suffixes)), None)


def _guess_folder(path: str) -> RowFiles | None:
    """Files of typed rows right in the folder, or in hive partitions; by part if all names say it.

    Raises:
        UsageError: there are several formats.
    """
    inside = sorted((p for p in Path(located(path)).iterdir()), key=lambda p: natural(p.name))
    partitions = any("=" in item.name and item.is_dir() for item in inside)
    names = [
        item.name for item in inside if item.is_file() and not item.name.startswith((".", "_"))
    ]
    found = {kind: list(_ending(names, kind.suffixes)) for kind in formats()}
    met = [kind for kind, held in found.items() if held]
    if partitions and not met:
        met = [kind for kind in formats() if _holds(path, kind.suffixes)]
    if len(met) > 1:
        held = [name for names in found.values() for name in names[:1]]
        raise UsageError(
            f"{path}: holds files of several formats ({listed(held)}). Give one file, or a pattern "
            f"such as  {path.rstrip('/')}/*{met[0].suffixes[0]}"
        )
    if not met:
        return None
    told = by_part(path, found[met[0]])
    return met[0].parse(told) if told else met[0](path)


def _guess_tables(path: str) -> NameTable | None:
    """The only table, or one for each part; None of a place that holds anything else."""
    names = [name for name in Site(path).names if not is_about(name)]
    shelf = shelf_at(path)
    kind = _one_kind(shelf, names)
    if kind is None:
        return None
    if len(names) == 1:
        return kind(shelf.place(names[0]))
    words = {name: PurePath(name).name.partition(".")[0] for name in names}
    told = parts_told(words.values())
    parts = one_each(names, shelf.top, lambda name: told.get(words[name], ""))
    if "train" not in parts or len(parts) < len(names):
        return None
    return kind(shelf.place(parts.pop("train")), **{p: shelf.place(n) for p, n in parts.items()})


def _one_kind(shelf: Shelf, names: Sequence[str]) -> type[NameTable] | None:
    """What reads every file: CSV and TSV, or JSON of rows; None where there is no such."""
    if not names or all(name.lower().endswith(TABLES) for name in names):
        return Table if names else None
    is_json = all(name.lower().endswith((".json", ".json.gz")) for name in names)
    return _row_files(shelf.place(names[0])) if is_json else None


def recognised(path: str) -> Source | None:
    """A source that is sure of its form at a path: a new one is found without an edit here."""
    site = Site(path)
    for kind in registry("source"):
        if issubclass(kind, Recognised):
            with suppress(SondeError):  # what cannot be read so is not of this form
                if (found := kind.claim(site)) is not None:
                    return found
    return None


def _ending(names: list[str], suffixes: tuple[str, ...]) -> Iterator[str]:
    return (name for name in names if name.lower().endswith(suffixes))


def _holds(path: str, suffixes: tuple[str, ...]) -> bool:
    try:
        return bool(expand(path, suffixes))
    except StorageError:
        return False


def _guess_arrays(path: str) -> Arrays:
    """Arrays named by part (train_images, x_test), or all of one part."""
    parts: dict[str, dict[str, str]] = {}
    names = array_names(path)
    for name in names:
        head, _, tail = name.partition("_")
        start, _, end = name.rpartition("_")
        if (part := part_of(head)) and tail:
            parts.setdefault(part, {})[tail] = f"{path}:{name}"
        elif (part := part_of(end)) and start:
            parts.setdefault(part, {})[start] = f"{path}:{name}"
        else:
            parts.setdefault("", {})[name] = f"{path}:{name}"
    if set(parts) == {""}:
        return Arrays(train=parts[""])
    alike = {frozenset(places) for places in parts.values()}
    if "train" not in parts or "" in parts or len(alike) > 1:
        raise UsageError(
            f"{path}: which array is what cannot be told from the names {listed(names)}. Say it in "
            "a recipe:  source: {kind: arrays, train: "
            f"{{image: '{path}:{names[0]}', label: ...}}}}"
        )
    return Arrays(train=parts["train"], valid=parts.get("valid"), test=parts.get("test"))
