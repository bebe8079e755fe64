"""Pictures and their masks: two files of one name in two folders.

    cells/image/7.png, label/7.png   source: {kind: paired, path: cells}
    road.zip                         source: {kind: paired, path: road.zip}: read as it is, with
                                     train/ and trainannot/, val/ and valannot/ as parts
    road/photos/7.jpg                source: {kind: paired, path: road, pictures: photos,
    road/outlines/7_L.png                     masks: outlines, ending: _L}
    photos/train/7.jpg, photos/val   the same; with the parts below both folders

A mask is a picture whose values are classes, or two of them. Without `pictures` and `masks` the
folders are found by their names. What stands behind a picture's name in that of its mask, such as
_L, is found too. A picture without a mask is told and left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Set
from typing import Any, ClassVar

import pyarrow as pa

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, listed
from sonde.core.spec import Spec
from sonde.data.sources._files import natural
from sonde.data.sources._folders import Pair, Words, in_folder, pairs_in, parts_below
from sonde.data.sources._pictured import IMAGE, Pictured, Shown, Stems, is_picture, stem
from sonde.data.sources._shelf import Shelf, shelf_at

MASK = "mask"
"""The field of masks."""

_WORDS = Words(
    ("masks", "mask", "labels", "label", "annotations", "annot", "ground_truth", "gt", "targets",
     "target", "truth", "SegmentationClass"),
    ("annot", "_annot", "_labels", "_label", "_masks", "_mask", "_gt"),
)  # fmt: skip


class Place(Spec):
    """Where the pictures and the masks of a part lie."""

    pictures: str
    """A folder below the top."""
    masks: str
    """A folder below the top."""


class Paired(Pictured):
    """Pictures and masks in two folders, matched by their names without suffix."""

    beside: ClassVar[Mapping[str, tuple[pa.DataType | None, str]]] = {MASK: (None, "mask")}

    path: str
    """A folder, or a zip, tar or tar.gz, which is never unpacked into a folder."""
    pictures: str | None = None
    """The folder of pictures, below `path`; '' is the top itself."""
    masks: str | None = None
    """The folder of masks, below `path`; '' is the top itself."""
    ending: str | None = None
    """What stands in a mask's name behind that of its picture, such as _mask; None finds it."""
    valid: Place | None = None
    """The folders of validation pictures: a mapping with pictures and masks."""
    test: Place | None = None
    """The folders of test pictures; with them or `valid` the field `#part` is added."""

    # written out again, since type checkers make a keyword-only one for every class of fields
    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Paired("cells.zip")`: the path may stand without its name."""
        super().__init__(path, **options)

    @classmethod
    def claims(cls, shelf: Shelf) -> bool:
        """Folders called so, in which most pictures have a mask."""
        for pair in pairs_in(shelf, _WORDS):
            pictures, masks = (
                {stem(name) for name in shelf.listing(folder)[1] if is_picture(name)}
                for folder in pair[1:]
            )
            return _commonest_ending(pictures, masks)[1] > len(pictures) / 2
        return False

    def _read(self) -> list[Shown]:
        shelf = shelf_at(self.path)
        return [self._shown(shelf, pair) for pair in self._pairs(shelf)]

    def _pairs(self, shelf: Shelf) -> list[Pair]:
        """The folders of every part.

        Raises:
            DataError: they cannot be told from their names.
        """
        others = {"valid": self.valid, "test": self.test}
        parts = [Pair(part, at.pictures, at.masks) for part, at in others.items() if at]
        if self.pictures is not None and self.masks is not None:
            first = Pair("train" if parts else None, self.pictures, self.masks)
            return [first, *parts] if parts else parts_below(shelf, first) or [first]
        if self.pictures is not None or self.masks is not None or parts:
            raise DataError(
                f"{self.path}: expected both `pictures` and `masks`, the folders of the training "
                "part, or neither and no other part: then all are found by their names"
            )
        if found := pairs_in(shelf, _WORDS):
            return found
        folders, files = shelf.listing("")
        raise DataError(
            f"{shelf.top}: no folder of pictures with one of masks beside it, such as image/ and "
            "label/, or train/ and trainannot/. It holds: "
            f"{listed([*(f'{name}/' for name in folders), *files])}. Name them:  source: "
            f"{{kind: paired, path: {shelf.path}, pictures: ..., masks: ...}}"
        )

    def _shown(self, shelf: Shelf, pair: Pair) -> Shown:
        """The rows of a part, in the order of the pictures' names."""
        listings = {folder: in_folder(shelf, folder)[1] for folder in pair[1:]}
        pictures = Stems.of(pair.pictures, listings[pair.pictures], self._is_shown(pair))
        masks = Stems.of(pair.others, listings[pair.others], is_picture)
        ending = self.ending
        if ending is None:
            ending = _commonest_ending(pictures.names.keys(), masks.names.keys())[0]
        rows: list[tuple[str, str]] = []
        errors: list[RowError] = []
        for name in sorted(pictures.names, key=natural):
            mask = masks.names.get(name + ending)
            error = _unpaired(shelf, name, ending, pictures, masks)
            if error is not None or mask is None:
                assert error is not None
                errors.append(error._replace(row=len(rows)))
            else:
                rows.append((pictures.names[name], mask))
        wanted = {name + ending for name in pictures.names}
        for name in sorted(set(masks.names) - wanted, key=natural):
            if pair.others != pair.pictures:
                place = shelf.place(masks.names[name])
                errors.append(RowError(len(rows), "a mask without a picture",
                                       f"a picture in {pair.pictures}/", place))  # fmt: skip
        files = {IMAGE: [row[0] for row in rows], MASK: [row[1] for row in rows]}
        return Shown(pair.part, shelf, files, errors=errors)

    def _is_shown(self, pair: Pair) -> Callable[[str], bool]:
        """Whether a file is a picture: in one folder with masks, those are told by their ending."""
        if pair.pictures != pair.others:
            return is_picture
        ending = self.ending
        if not ending:
            raise DataError(
                f"{self.path}: pictures and masks lie in one folder; expected `ending`, what "
                "stands in a mask's name behind its picture's, such as  ending: _mask"
            )
        return lambda name: is_picture(name) and not name.rpartition(".")[0].endswith(ending)


def _commonest_ending(pictures: Set[str], masks: Set[str]) -> tuple[str, int]:
    """What stands behind pictures' names in those of most masks, and how many masks that is."""
    endings = Counter(
        mask[at:] for mask in masks for at in range(1, len(mask) + 1) if mask[:at] in pictures
    )
    return min(endings.items(), key=lambda item: (-item[1], len(item[0])), default=("", 0))


def _unpaired(
    shelf: Shelf, name: str, ending: str, pictures: Stems, masks: Stems
) -> RowError | None:
    """What is wrong with the files of one name, if anything is."""
    for held, key, what in ((pictures, name, "picture"), (masks, name + ending, "mask")):
        if key in held.twice:
            place = shelf.place(held.twice[key])
            return RowError(0, f"a second {what} called {key!r}", "one", place)
    if name + ending not in masks.names:
        place = shelf.place(pictures.names[name])
        return RowError(0, "a picture without a mask", f"{name}{ending}.png", place)
    return None
