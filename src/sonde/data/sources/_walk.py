"""Files in folders, on a disk or in an archive: a sub-folder per class, below parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, listed
from sonde.core.text import is_unicode
from sonde.data.parts import one_each, part_of, parts_told
from sonde.data.sources._advice import advice
from sonde.data.sources._files import join, natural
from sonde.data.sources._shelf import SUFFIXES, Shelf

_ABOUT = frozenset(
    ("authors", "changelog", "citation", "copying", "licence", "license", "notice", "readme")
)
"""Files of these names that are no rows tell of the others: nothing is lost without them."""


@dataclass(frozen=True)
class Sought:
    """What kind of files is looked for.

    Attributes:
        word: what one is called.
        suffixes: what its name ends with, in any case.
        bare: whether its name may have no suffix.
    """

    word: str
    suffixes: frozenset[str]
    bare: bool = False

    @property
    def known(self) -> str:
        """The suffixes, in words."""
        return listed(sorted(self.suffixes))

    def names(self, path: str) -> bool:
        """Whether a file is called like one."""
        suffix = PurePath(path).suffix.lower()
        return suffix in self.suffixes or (self.bare and not suffix and not is_about(path))


PICTURES = Sought("picture", SUFFIXES)
TEXTS = Sought("text", frozenset((".txt", ".text")), bare=True)


@dataclass
class Labelled:
    """What a shelf holds of what is sought, in a fixed order: part, class, path.

    Attributes:
        sought: what that is.
        parts: 'train', 'valid' or 'test' of each file; empty where there are no parts.
        labels: the class folder's name; empty where there are no such folders.
        paths: below the top.
        errors: other files in class folders, and files that are sought outside them.
    """

    sought: Sought

    parts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


def find_labelled(shelf: Shelf, sought: Sought, *, bare: bool = False) -> Labelled:
    """The files of a shelf by class; hidden files are no part of it.

    It has parts where its folder `train` holds folders, and nothing that is sought unless there is
    a folder `test` as well; also where it holds only parts and files lie bare in them; also where
    words beside those of the parts are the same: `seg_train` and `seg_test`. A folder around all
    others is no class.

    Args:
        shelf: a folder or an archive.
        sought: what its files are.
        bare: whether files may lie there without any folder, and so without labels, where no table
            beside them would name them.

    Raises:
        StorageError: a folder is missing or cannot be read.
        DataError: there are no class folders, or one is empty.
    """
    top = _unwrapped(shelf, "", sought)
    folders, files = shelf.listing(top)
    found = Labelled(sought)
    alone = bare and not folders and not advice(shelf)
    are_bare = _has_bare_parts(shelf, top, folders)
    if alone and any(map(sought.names, files)):
        _add_files(found, shelf, files)
    elif are_bare or _has_parts(shelf, top, folders, sought):
        _tell_loose(found, shelf, top, files)
        for part, name in _parts(_where(shelf, top), folders).items():
            folder = join(top, name)
            if are_bare and bare and not advice(shelf):
                _add_folder(found, shelf, folder, _inside(shelf, folder))
            else:
                _add_classes(found, shelf, _unwrapped(shelf, folder, sought))
            found.parts += [part] * (len(found.paths) - len(found.parts))
    else:
        _add_classes(found, shelf, top)
    return found


def every(shelf: Shelf, sought: Sought) -> list[str]:
    """What is sought in all folders of a shelf, in the order in which people count.

    Raises:
        StorageError: a folder is missing or cannot be read.
    """
    return sorted(filter(sought.names, _below(shelf, "")), key=natural)


def _below(shelf: Shelf, folder: str) -> Iterator[str]:
    folders, files = shelf.listing(folder)
    yield from (join(folder, name) for name in files)
    for inner in (join(folder, name) for name in folders):
        if not shelf.is_link(inner):
            yield from _below(shelf, inner)


def _unwrapped(shelf: Shelf, folder: str, sought: Sought) -> str:
    """The folder, or the one within that is all it holds, where that holds only folders."""
    folders, files = shelf.listing(folder)
    if len(folders) != 1 or any(map(sought.names, files)):
        return folder
    inner = join(folder, folders[0])
    if shelf.is_link(inner) or not _has_only_folders(shelf, inner, sought):
        return folder
    return _unwrapped(shelf, inner, sought)


def _has_only_folders(shelf: Shelf, folder: str, sought: Sought) -> bool:
    folders, files = shelf.listing(folder)
    return bool(folders) and not any(map(sought.names, files))


def _inside(shelf: Shelf, folder: str) -> list[str]:
    return [join(folder, name) for name in shelf.listing(folder)[1]]


def _where(shelf: Shelf, folder: str) -> str:
    return join(shelf.top, folder) if folder else shelf.top


def _has_parts(shelf: Shelf, top: str, folders: list[str], sought: Sought) -> bool:
    parts = {part: name for name, part in parts_told(folders).items()}
    if "train" not in parts:
        return False
    train = join(top, parts["train"])
    is_sure = part_of(parts["train"]) and "test" in parts
    return bool(shelf.listing(train)[0]) if is_sure else _has_only_folders(shelf, train, sought)


def _has_bare_parts(shelf: Shelf, top: str, folders: list[str]) -> bool:
    """Whether train and other parts, and no class, are all there is, without folders in them."""
    parts = {part_of(name) for name in folders}
    are_parts = {"train"} < parts and None not in parts
    return are_parts and not any(shelf.listing(join(top, name))[0] for name in folders)


def _parts(where: str, folders: list[str]) -> dict[str, str]:
    """Part -> its folder.

    Raises:
        DataError: a folder is none of a part, or a part has two.
    """
    told = parts_told(folders)
    if other := [name for name in folders if name not in told]:
        raise DataError(
            f"{where} holds {listed(f'{name}/' for name in told)} with a folder per class, and "
            f"besides {listed(other)}. Expected only train, valid (or val, validation, dev) and "
            "test there. Move the others away."
        )
    return one_each(folders, where, told.__getitem__)


def _add_classes(found: Labelled, shelf: Shelf, below: str) -> None:
    """Add the files of every class folder in a folder."""
    classes, loose = shelf.listing(below)
    if not classes:
        raise DataError(_without_classes(shelf, _where(shelf, below), loose, found.sought))
    _tell_loose(found, shelf, below, loose)
    for label in classes:
        folder = join(below, label)
        _add_folder(found, shelf, folder, _files_below(found, shelf, folder))
        found.labels += [label] * (len(found.paths) - len(found.labels))


def _tell_loose(found: Labelled, shelf: Shelf, folder: str, files: Iterable[str]) -> None:
    """Tell what is sought and lies beside the folders of classes, or of parts."""
    for name in filter(found.sought.names, files):
        expected = f"a {found.sought.word} inside the folder of its class"
        _tell(found, name, expected, join(_where(shelf, folder), name))


def _add_folder(found: Labelled, shelf: Shelf, folder: str, paths: Iterable[str]) -> None:
    """Add the files of a folder, which must hold some."""
    sought, before = found.sought, len(found.paths)
    _add_files(found, shelf, paths)
    if len(found.paths) == before:
        raise DataError(
            f"{shown(join(shelf.top, folder))} holds no {sought.word}s that can be read, expected "
            f"some ({sought.known}). Add some, or remove the folder."
        )


def _add_files(found: Labelled, shelf: Shelf, paths: Iterable[str]) -> None:
    """Add what is sought, and tell what is not."""
    sought = found.sought
    for path in paths:
        if not is_unicode(path):
            _tell(found, shown(path), "a file name in UTF-8", shown(join(shelf.top, path)))
        elif not sought.names(path):
            _tell(found, path, f"a {sought.word} ({sought.known})", join(shelf.top, path))
        else:
            found.paths.append(path)


def _without_classes(shelf: Shelf, where: str, loose: list[str], sought: Sought) -> str:
    """What is said of a folder without sub-folders."""
    seen = Counter(PurePath(name).suffix or "no suffix" for name in loose)
    held = [f"{count:,} x {suffix}" for suffix, count in sorted(seen.items())]
    known = advice(shelf)
    endings = "" if known else f" ({sought.known})"
    return (
        f"{where} has no sub-folders, expected one per class with its {sought.word}s{endings}, or "
        f"train/ and test/ with such; it holds {listed(held) if held else 'nothing'}. "
        f"{known or 'Where a table names pictures, give `table`.'}"
    )


def _files_below(found: Labelled, shelf: Shelf, folder: str) -> Iterator[str]:
    """Paths of all files in a folder and the folders in it, sorted."""
    folders, files = shelf.listing(folder)
    yield from (join(folder, name) for name in files)
    for name in folders:
        inner = join(folder, name)
        if shelf.is_link(inner):
            _tell(found, inner, "a folder, not a link to one", join(shelf.top, inner))
        else:
            yield from _files_below(found, shelf, inner)


def shown(path: str) -> str:
    """What a message can hold of a path that is not UTF-8."""
    return path.encode(errors="backslashreplace").decode()


def is_about(path: str) -> bool:
    """Whether a file is called like one that tells of the others, such as a README."""
    return PurePath(path).stem.lower() in _ABOUT and not PICTURES.names(path)


def _tell(found: Labelled, got: str, expected: str, path: str) -> None:
    found.errors.append(RowError(len(found.paths), got, expected, path, harmless=is_about(got)))
