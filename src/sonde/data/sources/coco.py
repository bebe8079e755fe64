"""Objects in pictures, in the form of COCO: one JSON file for all pictures of a part.

    cells/instances_train.json       source: {kind: coco, path: cells}
    cells/train/1.jpg
    cells.zip                        source: {kind: coco, path: cells.zip}: read as it is
    photos/1.jpg, cells.json         source: {kind: coco, path: photos, annotations: cells.json}

    {"images": [{"id": 1, "file_name": "1.jpg", "width": 640, "height": 480}],
     "categories": [{"id": 3, "name": "red cell"}],
     "annotations": [{"image_id": 1, "category_id": 3, "bbox": [x, y, width, height]}]}

Lin et al., "Microsoft COCO: common objects in context", 2014, arXiv:1405.0312. Parts are told by
the names of JSON files or of their folders (train, val, test), and pictures lie in the folder that
holds them. Crowds (`iscrowd`) are marked as difficult. A file is read whole, into memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, listed
from sonde.core.spec import Spec
from sonde.core.text import is_unicode
from sonde.data.boxes import Box, Fault, fault
from sonde.data.parts import PARTS
from sonde.data.sources._boxed import (
    Beside,
    Boxed,
    Found,
    Gathered,
    folder_of,
    is_number,
    misfit,
    sizes_of,
)
from sonde.data.sources._files import join
from sonde.data.sources._pictured import Shown
from sonde.data.sources._shelf import Shelf, shelf_at

_LISTS = ("images", "annotations", "categories")

_PART = re.compile(rf"(?<![a-z])({'|'.join(sorted(PARTS, key=len, reverse=True))})(?![a-z])")

_TRIED = 20
"""Names of pictures that a folder is told by."""


class Place(Spec):
    """What is known of the pictures of a part, and where these lie."""

    annotations: str
    """A JSON file: below `path`, or a path of its own."""
    pictures: str | None = None
    """The folder of its pictures, below `path`; None finds it."""


class Coco(Boxed):
    """Pictures and boxes in the form of COCO."""

    path: str
    """A folder, or a zip, tar or tar.gz, which is never unpacked into a folder."""
    annotations: str | None = None
    """A JSON file: below `path`, or a path of its own; None finds those of all parts by name."""
    pictures: str | None = None
    """The folder of pictures, below `path`; None finds it."""
    valid: Place | str | None = None
    """What is known of validation pictures: a JSON file, or a mapping with annotations and
    pictures."""
    test: Place | str | None = None
    """The same of test pictures; with them or `valid` the field `#part` is added."""
    any_size: bool = False
    """Whether a file may say another size than a picture has: then it does not count."""

    # written out again, since type checkers make a keyword-only one for every class of fields
    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Coco("cells.zip")`: the path may stand without its name."""
        super().__init__(path, **options)

    @classmethod
    def claims(cls, shelf: Shelf) -> bool:
        """JSON files, told by part or alone, of which that of train has the lists of COCO."""
        file = next(iter(_found(shelf).values()))
        return bool(_lists(Beside.of(shelf, file)))

    def _read(self) -> list[Shown]:
        shelf = shelf_at(self.path)
        places = self._places(shelf).items()
        return [_shown(shelf, part, place, any_size=self.any_size) for part, place in places]

    def _places(self, shelf: Shelf) -> dict[str | None, Place]:
        """Part -> its file.

        Raises:
            DataError: files cannot be told from their names.
        """
        given = {"valid": self.valid, "test": self.test}
        others: dict[str | None, Place] = {
            part: Place(annotations=place) if isinstance(place, str) else place
            for part, place in given.items()
            if place is not None
        }
        if self.annotations is not None:
            first = Place(annotations=self.annotations, pictures=self.pictures)
            return {"train" if others else None: first, **others}
        if others:
            raise DataError(f"{self.path}: got `valid` or `test`, expected `annotations` too")
        found = _found(shelf)
        return {
            part: Place(annotations=name, pictures=self.pictures) for part, name in found.items()
        }


def _found(shelf: Shelf) -> dict[str | None, str]:
    """Part -> its JSON file, by names; a file alone is of no part.

    Raises:
        DataError: there is none, or there are several for a part.
    """
    held = list(_jsons(shelf))
    if len(held) == 1:
        return {None: held[0]}
    parts: dict[str | None, list[str]] = {}
    for name in held:
        if part := _part_of(name):
            parts.setdefault(part, []).append(name)
    for part, names in parts.items():  # beside captions and key points of the same pictures
        parts[part] = [n for n in names if "instances" in n] if len(names) > 1 else names
    if "train" not in parts or any(len(names) != 1 for names in parts.values()):
        raise DataError(
            f"{shelf.top}: {len(held):,} JSON files ({listed(held)}), expected one for train and "
            "one for each other part, told by their names. Name them:  source: {kind: coco, path: "
            f"{shelf.path}, annotations: ..., test: ...}}"
        )
    return {part: parts[part][0] for part in dict.fromkeys(PARTS.values()) if part in parts}


def _jsons(shelf: Shelf, folder: str = "", deep: int = 2) -> Iterator[str]:
    """Every JSON file down to two levels below the top."""
    folders, files = shelf.listing(folder)
    yield from (join(folder, name) for name in files if name.lower().endswith(".json"))
    for name in folders if deep else ():
        yield from _jsons(shelf, join(folder, name), deep - 1)


def _part_of(name: str) -> str | None:
    """The part that a file's name says, else that of its folder."""
    for word in reversed(name.lower().split("/")):
        if found := _PART.findall(word):
            return PARTS[found[-1]]
    return None


def _shown(shelf: Shelf, part: str | None, place: Place, *, any_size: bool) -> Shown:
    """The pictures of a file, in its order."""
    file = Beside.of(shelf, place.annotations)
    lists = _lists(file)
    names = _names(lists["categories"], file.path)
    rows = Gathered()
    images = list(_images(lists["images"], file.path, rows))
    some = [image["file_name"] for _, image in images[:_TRIED]]
    folder = folder_of(shelf, place.pictures, some, file.name, file.path) if some else ""
    paths = {image["id"]: join(folder, image["file_name"]) for _, image in images}
    held = list(filter(shelf.holds, paths.values()))
    sizes = dict(zip(held, sizes_of(shelf, held), strict=True))
    of_images = {image: sizes.get(path) for image, path in paths.items()}
    objects = _Objects(lists["annotations"], of_images, names, file.path)
    for at, image in images:
        path, where = paths[image["id"]], f"{file.path}, images[{at}]"
        wrong = None if any_size else misfit(_size(image), sizes.get(path))
        if path not in sizes:
            wrong = Fault(image["file_name"], f"a picture in {join(shelf.top, folder)}")
        found = RowError(0, wrong.got, wrong.expected, where) if wrong else objects.of(image["id"])
        rows.add(path, found)
    rows.errors += objects.strays(len(rows.files))
    return rows.shown(part, shelf, read=file.read, apart=file.apart)


def _lists(file: Beside) -> dict[str, list[Any]]:
    """The three lists of a file.

    Raises:
        DataError: it is of another form.
    """
    whole = file.json()
    keys = list(whole) if isinstance(whole, Mapping) else []
    for key in _LISTS:
        if not isinstance(whole, Mapping) or not isinstance(whole.get(key), list):
            got = f"an object with {listed(map(str, keys))}" if keys else type(whole).__name__
            raise DataError(
                f"{file.path}: got {got}, expected the form of COCO, with the lists "
                f"{listed(_LISTS)}"
            )
    return {key: whole[key] for key in _LISTS}


def _names(categories: list[Any], path: str) -> dict[int, str]:
    """Number -> the name of a category.

    Raises:
        DataError: one has no number or no name, or two share one.
    """
    names: dict[int, str] = {}
    for at, item in enumerate(categories):
        number, name = (item.get("id"), item.get("name")) if isinstance(item, Mapping) else (0, 0)
        if not _is_whole(number) or not isinstance(name, str) or not name:
            raise DataError(f"{path}, categories[{at}]: got {str(item)[:80]}, expected an id, a "
                            "whole number, and a name")  # fmt: skip
        if number in names or name in names.values():
            raise DataError(f"{path}, categories[{at}]: {str(item)[:80]} stands twice, expected "
                            "each id and each name once")  # fmt: skip
        names[number] = name
    return names


def _images(
    images: list[Any], path: str, rows: Gathered
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The entries that have an id and a file name of their own, each with its place."""
    met: dict[str, set[Any]] = {"id": set(), "file_name": set()}
    for at, item in enumerate(images):
        place = f"{path}, images[{at}]"
        name = item.get("file_name") if isinstance(item, Mapping) else None
        is_named = isinstance(name, str) and is_unicode(name)
        if not is_named or not isinstance(item.get("id"), int | str):
            rows.add("", RowError(0, str(item)[:80], "an image with id and file_name", place))
            continue
        twice = next((key for key, seen in met.items() if item[key] in seen), None)
        if twice is not None:
            rows.add("", RowError(0, f"{twice} {item[twice]!r} again", f"each {twice} once", place))
            continue
        for key, seen in met.items():
            seen.add(item[key])
        yield at, item


class _Objects:
    """The objects of all pictures of a file, by picture."""

    def __init__(
        self,
        annotations: Sequence[Any],
        sizes: Mapping[Any, tuple[int, int] | None],
        names: Mapping[int, str],
        path: str,
    ) -> None:
        self._path, self._sizes = path, sizes
        self._strays: list[RowError] = []
        self._held: dict[Any, list[Box]] = {}
        self._wrong: dict[Any, RowError] = {}
        for at, item in enumerate(annotations):
            self._add(at, item, names)

    def of(self, image: Any) -> Found:
        """The objects of a picture, or what is wrong with the first that is none."""
        return self._wrong.get(image) or self._held.get(image, ())

    def strays(self, row: int) -> list[RowError]:
        """Annotations of no picture that is listed."""
        return [error._replace(row=row) for error in self._strays]

    def _add(self, at: int, item: Any, names: Mapping[int, str]) -> None:
        place = f"{self._path}, annotations[{at}]"
        image = item.get("image_id") if isinstance(item, Mapping) else None
        if not isinstance(image, int | str) or image not in self._sizes:
            got = str(item)[:80] if image is None else f"image_id {image!r}"
            self._strays.append(RowError(0, got, "the id of an image that is listed", place))
            return
        box = _box(item, names)
        wrong = box if isinstance(box, Fault) else fault(box, self._sizes[image])
        if wrong is not None:
            self._wrong.setdefault(image, RowError(0, wrong.got, wrong.expected, place))
        elif isinstance(box, Box):
            self._held.setdefault(image, []).append(box)


def _box(item: Mapping[str, Any], names: Mapping[int, str]) -> Box | Fault:
    number, numbers = item.get("category_id"), item.get("bbox")
    if not _is_whole(number) or number not in names:
        return Fault(f"category_id {number!r}", f"one of {listed(map(str, names))}")
    if not isinstance(numbers, list) or len(numbers) != 4 or not all(map(is_number, numbers)):
        return Fault(f"bbox {str(numbers)[:60]}", "bbox: [x, y, width, height], in pixels")
    x, y, width, height = map(float, numbers)
    return Box(names[number], x, y, x + width, y + height, bool(item.get("iscrowd")))


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """Height and width as the file says; None where it says none."""
    height, width = image.get("height"), image.get("width")
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        return height, width
    return None


def _is_whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
