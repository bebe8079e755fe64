"""Pictures in folders: a sub-folder per class, below parts where there are some."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, StorageError, listed
from sonde.data.sources._files import check_folder, join

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm")
)
"""What a picture's name ends with, in any case."""

_KNOWN = listed(sorted(SUFFIXES))
_PARTS = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
_LITTER = frozenset(("thumbs.db", "desktop.ini"))


@dataclass
class Pictures:
    """What a folder holds, in a fixed order: part, class, path.

    Attributes:
        parts: 'train', 'valid' or 'test' of each picture; empty where there are no parts.
        labels: the class folder's name.
        paths: relative to the folder.
        errors: files in class folders that are no pictures, pictures outside them.
    """

    parts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


def find_pictures(top: str) -> Pictures:
    """The pictures below a folder; hidden files are no part of it.

    A folder has parts where its sub-folder `train` holds sub-folders and no pictures.

    Raises:
        StorageError: a folder is missing or cannot be read.
        DataError: there are no class folders, or one is empty.
    """
    check_folder(top)
    folders, files = _listing(top)
    found = Pictures()
    if _has_parts(top, folders):
        _check_parts(top, folders)
        for name in sorted(folders, key=lambda name: list(_PARTS).index(name)):
            inner, loose = _listing(join(top, name))
            _add_classes(found, top, name, inner, loose)
            found.parts += [_PARTS[name]] * (len(found.paths) - len(found.parts))
    else:
        _add_classes(found, top, "", folders, files)
    return found


def _has_parts(top: str, folders: list[str]) -> bool:
    if "train" not in folders:
        return False
    inner, files = _listing(join(top, "train"))
    return bool(inner) and not any(_is_picture(name) for name in files)


def _check_parts(top: str, folders: list[str]) -> None:
    other = [name for name in folders if name not in _PARTS]
    if other:
        raise DataError(
            f"{top} holds train/ with a folder per class, and besides {listed(other)}. Expected "
            "only train, valid (or val) and test there. Move the others away."
        )
    if {"valid", "val"} <= set(folders):
        raise DataError(f"{top} holds both valid/ and val/. Keep one.")


def _add_classes(
    found: Pictures, top: str, below: str, classes: list[str], loose: list[str]
) -> None:
    """Add the pictures of every class folder of `top`/`below`."""
    where = join(top, below) if below else top
    for name in loose:
        if _is_picture(name):
            _tell(found, name, "a picture inside the folder of its class", join(where, name))
    if not classes:
        seen = Counter(PurePath(name).suffix or "no suffix" for name in loose)
        held = listed(f"{count} x {suffix}" for suffix, count in sorted(seen.items()))
        raise DataError(
            f"{where} has no sub-folders, expected one per class with its pictures; it holds "
            f"{held or 'nothing'}. Where a table names the pictures, give `table`."
        )
    for label in classes:
        before = len(found.paths)
        for path in _files_below(found, top, join(below, label)):
            if not _is_unicode(path):
                _tell(found, _shown(path), "a file name in UTF-8", _shown(join(top, path)))
            elif not _is_picture(path):
                _tell(found, path, f"a picture ({_KNOWN})", join(top, path))
            else:
                found.labels.append(label)
                found.paths.append(path)
        if len(found.paths) == before:
            raise DataError(
                f"{_shown(join(where, label))} holds no pictures that can be read, expected "
                f"some ({_KNOWN}). Add some, or remove the folder."
            )


def _files_below(found: Pictures, top: str, folder: str) -> Iterator[str]:
    """Paths relative to `top` of all files in a folder and the folders in it, sorted."""
    folders, files = _listing(join(top, folder))
    yield from (join(folder, name) for name in files)
    for name in folders:
        inner = join(folder, name)
        if Path(join(top, inner)).is_symlink():  # it may lead back up, without end
            _tell(found, inner, "a folder, not a link to one", join(top, inner))
        else:
            yield from _files_below(found, top, inner)


def _listing(folder: str) -> tuple[list[str], list[str]]:
    """The names of the folders and files in a folder, sorted, without hidden ones."""
    try:
        with os.scandir(folder) as entries:
            kept = [
                (entry.name, entry.is_dir())
                for entry in entries
                if not entry.name.startswith(".") and entry.name.lower() not in _LITTER
            ]
    except OSError as error:
        raise StorageError(f"{folder}: cannot be read: {error.strerror}") from None
    kept.sort()
    return [n for n, is_folder in kept if is_folder], [n for n, is_folder in kept if not is_folder]


def _is_picture(name: str) -> bool:
    return PurePath(name).suffix.lower() in SUFFIXES


def _shown(path: str) -> str:
    """What a message can hold of a path that is not UTF-8."""
    return path.encode(errors="backslashreplace").decode()


def _is_unicode(name: str) -> bool:
    """False for a name whose bytes are not UTF-8, which Python holds as lone surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _tell(found: Pictures, got: str, expected: str, path: str) -> None:
    found.errors.append(RowError(len(found.paths), got, expected, path))
