"""Objects in pictures, in JSON lines with a line for each picture: Hugging Face's `imagefolder`.

    cells/metadata.jsonl             source: {kind: box-lines, path: cells}
    cells/1.jpg                      {"file_name": "1.jpg", "objects": {"bbox": [[2, 3, 8, 9]],
                                     "categories": ["red cell"]}}
    cells/train/metadata.jsonl       the same; train/, valid/ and test/ as parts
    cells/metadata.jsonl             {"file_name": "1.jpg", "objects": [{"bbox": [2, 3, 8, 9],
                                     "category": 0}]}  and  names: [red cell, platelet]
    cells.zip                        source: {kind: box-lines, path: cells.zip}: read as it is

A box is its left and upper border, its width and its height, in pixels. A line with empty
`objects` says that its picture holds none; pictures that no line names are left out, since nobody
knows what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import PurePath
from typing import Any, NamedTuple, Self

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, listed
from sonde.core.notice import tell as notice
from sonde.data.boxes import Box, Fault, fault
from sonde.data.sources._boxed import Boxed, Gathered, is_number, pictures_below, sizes_of
from sonde.data.sources._files import join
from sonde.data.sources._folders import part_folders
from sonde.data.sources._in_parts import ignore
from sonde.data.sources._json_lines import read_objects
from sonde.data.sources._pictured import Shown
from sonde.data.sources._shelf import Shelf, shelf_at
from sonde.data.sources._site import Site

_CLASSES = ("categories", "category", "labels", "label", "class", "category_id")
"""What an object's class is called."""

_BOXES = ("bbox", "bboxes", "boxes", "box")


class _Said(NamedTuple):
    """What a line says: a picture on the shelf, its objects as they stand there, and where."""

    picture: str
    objects: Any
    place: str


class BoxLines(Boxed):
    """Pictures and boxes in JSON lines."""

    path: str
    """A folder, or a zip, tar or tar.gz, which is never unpacked into a folder."""
    file: str = "metadata.jsonl"
    """The JSON lines, in the folder of each part."""
    names: tuple[str, ...] | None = None
    """The classes' names, from class 0 on; None calls classes as the lines do."""

    # written out again, since type checkers make a keyword-only one for every class of fields
    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`BoxLines("cells.zip")`: the path may stand without its name."""
        super().__init__(path, **options)

    @classmethod
    def claim(cls, site: Site) -> Self | None:
        """Of a folder or an archive; of the JSON lines themselves, the folder they lie in."""
        if site.is_file and PurePath(site.path).name == cls.model_fields["file"].default:
            return super().claim(Site(str(PurePath(site.path).parent)))
        return super().claim(site)

    @classmethod
    def claims(cls, shelf: Shelf) -> bool:
        """Every part's first line has `objects` with boxes."""
        source = cls(shelf.path)
        firsts = [source._first(folder) for _, folder in source._folders]
        return bool(firsts) and all(map(_tells_boxes, firsts))

    def _read(self) -> list[Shown]:
        shown = [self._shown(part, folder) for part, folder in self._folders]
        boxes = [box for each in shown for box in each.values["boxes"].flatten().to_pylist()]
        if boxes and self.names is None and all(box["label"].isdecimal() for box in boxes):
            notice(f"{self._shelf.top}: classes are called by their numbers, as in {self.file}; "
                   "`names` in the recipe says better")  # fmt: skip
        return shown

    def _shown(self, part: str | None, folder: str) -> Shown:
        """The rows of a part, in the order of its lines."""
        shelf, rows = self._shelf, Gathered()
        lines = self._lines(folder, rows)
        held = [said.picture for said in lines if shelf.holds(said.picture)]
        sizes = dict(zip(held, sizes_of(shelf, held), strict=True))
        met: set[str] = set()
        for said in lines:
            if said.picture not in sizes:
                rows.add("", RowError(0, said.picture, "a picture in the folder", said.place))
            elif said.picture in met:
                rows.add("", RowError(0, f"{said.picture} again", "each picture once", said.place))
            else:
                rows.add(said.picture, self._objects(said, sizes[said.picture]))
            met.add(said.picture)
        if left := len(set(pictures_below(shelf, folder)) - met):
            notice(f"{join(shelf.top, folder)}: {left:,} pictures stand in no line, and are left "
                   "out")  # fmt: skip
        return rows.shown(part, shelf, read=[join(folder, self.file)])

    def _lines(self, folder: str, rows: Gathered) -> list[_Said]:
        """What every line says; one that says nothing of a picture is told."""
        path, lines = self._shelf.place(join(folder, self.file)), []
        for at, row in read_objects(path, lambda error: rows.add("", error)):
            where, name = f"{path}, {at}", row.pop("file_name", None)
            if not isinstance(name, str) or not name:
                got = "no file_name" if name is None else f"file_name {str(name)[:60]!r}"
                rows.add("", RowError(0, got, "the name of a picture", where))
            else:
                lines.append(_Said(join(folder, name), _gathered(row), where))
        return lines

    def _objects(self, said: _Said, size: tuple[int, int] | None) -> list[Box] | RowError:
        """The objects of a picture."""
        pairs = _pairs(said.objects)
        if isinstance(pairs, Fault):
            return RowError(0, pairs.got, pairs.expected, said.place)
        boxes = []
        for at, (numbers, label) in enumerate(pairs):
            box = self._box(numbers, label)
            wrong = box if isinstance(box, Fault) else fault(box, size)
            if wrong is not None:
                return RowError(0, wrong.got, wrong.expected, f"{said.place}, object {at + 1}")
            assert isinstance(box, Box)
            boxes.append(box)
        return boxes

    def _box(self, numbers: Any, label: Any) -> Box | Fault:
        if not isinstance(numbers, list) or len(numbers) != 4 or not all(map(is_number, numbers)):
            return Fault(f"bbox {str(numbers)[:60]}", "[x, y, width, height], in pixels")
        x, y, width, height = map(float, numbers)
        if self.names is not None and not isinstance(label, str):
            if not is_number(label) or label not in range(len(self.names)):
                return Fault(f"class {str(label)[:60]}", f"one from 0 to {len(self.names) - 1}")
            label = self.names[int(label)]
        if not isinstance(label, str | int) or isinstance(label, bool):
            return Fault(f"class {str(label)[:60]}", "the name of a class, or its number")
        return Box(str(label), x, y, x + width, y + height)

    def _first(self, folder: str) -> Mapping[str, Any]:
        """The first line of a part."""
        lines = read_objects(self._shelf.place(join(folder, self.file)), ignore)
        return next((row for _, row in lines), {})

    @cached_property
    def _shelf(self) -> Shelf:
        return shelf_at(self.path)

    @cached_property
    def _folders(self) -> list[tuple[str | None, str]]:
        """Part -> its folder; the top where the lines lie there.

        Raises:
            DataError: they lie in neither.
        """
        shelf = self._shelf
        places: list[list[tuple[str | None, str]]] = [[(None, "")], [*part_folders(shelf)]]
        for folders in places:
            if folders and all(shelf.holds(join(folder, self.file)) for _, folder in folders):
                return folders
        raise DataError(
            f"{shelf.top}: expected {self.file} there, or one in each of train/, valid/ and test/; "
            f"it holds {listed(chain(*shelf.listing('')))}"
        )


def _gathered(row: Mapping[str, Any]) -> Any:
    """The `objects` of a line: a list, or a mapping of lists; None where there are none."""
    head = "objects."
    inner = {n.removeprefix(head): value for n, value in row.items() if n.startswith(head)}
    return row.get("objects", inner or None)


def _tells_boxes(row: Mapping[str, Any]) -> bool:
    objects = _gathered(row)
    if isinstance(objects, list):
        return all(isinstance(item, Mapping) and _one_of(item, _BOXES) for item in objects)
    return isinstance(objects, Mapping) and _one_of(objects, _BOXES) is not None


def _pairs(objects: Any) -> list[tuple[Any, Any]] | Fault:
    """The four numbers and the class of every object."""
    if isinstance(objects, Mapping):
        boxes, classes = (objects.get(_one_of(objects, keys)) for keys in (_BOXES, _CLASSES))
        if not isinstance(boxes, list) or not isinstance(classes, list):
            return Fault(f"objects with {listed(objects)}", "lists: bbox, and categories")
        if len(boxes) != len(classes):
            return Fault(f"{len(boxes)} boxes and {len(classes)} classes", "as many of both")
        return list(zip(boxes, classes, strict=True))
    if not isinstance(objects, list) or not all(isinstance(item, Mapping) for item in objects):
        return Fault(f"objects {str(objects)[:60]}", "lists of boxes and of classes, or a list of "
                     "objects with a bbox and a category")  # fmt: skip
    return [
        (item.get(_one_of(item, _BOXES)), item.get(_one_of(item, _CLASSES))) for item in objects
    ]


def _one_of(item: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """The first of the keys that stands in it."""
    return next((key for key in keys if key in item), None)
