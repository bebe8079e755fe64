"""Two folders whose files belong together by name: pictures, and what is known of them.

image/ and label/                 images/train/ and labels/train/
train/ and trainannot/            train/images/ and train/labels/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sonde.core.errors import StorageError, listed, nearest
from sonde.data.parts import PARTS, one_each, part_of
from sonde.data.sources._files import join
from sonde.data.sources._shelf import Shelf

PICTURES = ("images", "image", "imgs", "img", "pictures", "picture", "photos", "photo", "inputs",
            "input", "JPEGImages")  # fmt: skip
"""What folders of pictures are called."""

_DEEPEST, _MOST = 2, 64
"""Levels below the top at which folders are looked for, and how many are looked into a level."""


class Pair(NamedTuple):
    """Two folders below the top of a shelf, of a part."""

    part: str | None
    pictures: str
    others: str


class Words(NamedTuple):
    """What folders beside those of pictures are called.

    Attributes:
        names: of their own.
        behind: what stands behind the name of a part, such as `annot`.
    """

    names: Sequence[str]
    behind: Sequence[str] = ()


def pairs_in(shelf: Shelf, words: Words) -> list[Pair]:
    """The pairs of folders at the top or a little below it; none where no names are known."""
    for place in places_in(shelf):
        if pairs := _called(shelf, place, shelf.listing(place)[0], words):
            return pairs
    return []


def places_in(shelf: Shelf) -> Iterator[str]:
    """The top, the folders in it, and those in these, level by level; none of very many."""
    places = [""]
    for _ in range(_DEEPEST + 1):
        yield from places
        places = [join(place, name) for place in places for name in shelf.listing(place)[0]]
        if len(places) > _MOST:
            return


def parts_below(shelf: Shelf, pair: Pair) -> list[Pair]:
    """images/train/ and masks/train/: the parts below both folders; none without a train/.

    Raises:
        StorageError: one of the folders is not there.
    """
    inner, others = (in_folder(shelf, folder)[0] for folder in pair[1:])
    pairs = [
        Pair(part, join(pair.pictures, name), join(pair.others, name))
        for name in inner
        if (part := part_of(name)) and name in others
    ]
    return _in_order(pairs) if any(pair.part == "train" for pair in pairs) else []


def in_folder(shelf: Shelf, folder: str) -> tuple[list[str], list[str]]:
    """The names of the folders and the files in a folder.

    Raises:
        StorageError: there is no such folder.
    """
    above, _, last = folder.rpartition("/")
    known = shelf.listing(above)[0] if folder else [last]
    if last not in known:
        near = nearest(last, known)
        hint = f" Did you mean {near!r}?" if near else ""
        raise StorageError(
            f"{join(shelf.top, above)} has no folder {last!r}.{hint} Folders: {listed(known)}"
        )
    return shelf.listing(folder)


def part_folders(shelf: Shelf, place: str = "") -> list[tuple[str, str]]:
    """train/, val/ and test/ of a folder as part and path, in this order; none without train/.

    Raises:
        DataError: two of them are called after one part.
    """
    found = one_each(shelf.listing(place)[0], join(shelf.top, place))
    return [(p, join(place, name)) for p, name in found.items()] if "train" in found else []


def _called(shelf: Shelf, place: str, folders: Sequence[str], words: Words) -> list[Pair]:
    """The pairs of folders that lie in one folder."""
    if pairs := list(_behind(folders, place, words)):
        return _in_order(pairs)
    parts = part_folders(shelf, place)
    inner = [
        pair._replace(part=part)
        for part, folder in parts
        for pair in _named(shelf.listing(folder)[0], folder, words)
    ]
    if parts and len(inner) == len(parts):
        return inner
    for pair in _named(folders, place, words):
        return parts_below(shelf, pair) or [pair]
    return []


def _behind(folders: Sequence[str], place: str, words: Words) -> Iterator[Pair]:
    """train/ and trainannot/."""
    for name in folders:
        others = next((name + ending for ending in words.behind if name + ending in folders), None)
        if (part := part_of(name)) and others is not None:
            yield Pair(part, join(place, name), join(place, others))


def _named(folders: Sequence[str], place: str, words: Words) -> Iterator[Pair]:
    """image/ and label/: at most one pair."""
    pictures, others = _one_of(PICTURES, folders), _one_of(words.names, folders)
    if pictures is not None and others is not None:
        yield Pair(None, join(place, pictures), join(place, others))


def _one_of(words: Sequence[str], folders: Sequence[str]) -> str | None:
    """The folder that is called by the first of the words there is, in any case."""
    found = {name.lower(): name for name in folders}
    return next((found[word] for word in map(str.lower, words) if word in found), None)


def _in_order(pairs: Sequence[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda pair: list(PARTS.values()).index(pair.part or "train"))
