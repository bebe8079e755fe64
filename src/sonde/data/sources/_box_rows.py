"""Objects as the rows of a table say them, by picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple, Self

from sonde.contracts.data import RowError
from sonde.core.errors import UnknownColumn, listed
from sonde.data.boxes import Box, Fault, fault
from sonde.data.parts import PARTS, part_of
from sonde.data.sources._boxed import Found, Gathered, pictures_below, sizes_of
from sonde.data.sources._fields import select
from sonde.data.sources._folders import in_folder
from sonde.data.sources._shelf import Shelf
from sonde.data.sources.table import Table

_KNOWN = {
    "file": ("file", "filename", "file_name", "image", "image_id", "imageid", "path", "picture"),
    "label": ("label", "class", "class_name", "category", "name", "labelname"),
    "x0": ("x0", "xmin", "x_min", "left"),
    "y0": ("y0", "ymin", "y_min", "top"),
    "x1": ("x1", "xmax", "x_max", "right"),
    "y1": ("y1", "ymax", "y_max", "bottom"),
}
"""What a column is for -> what it may be called, in any case."""

_BORDERS = ("x0", "y0", "x1", "y1")


class Columns(NamedTuple):
    """What a table's columns are for.

    Attributes:
        names: such as 'x0' -> the column's name; 'part' where there is one.
        wide, high: whether 'x1' and 'y1' hold a box's width and height instead.
    """

    names: Mapping[str, str]
    wide: bool
    high: bool

    @classmethod
    def of(
        cls,
        path: str,
        known: Sequence[str],
        given: Mapping[str, str | None],
        *,
        wide: str | None,
        high: str | None,
    ) -> Self:
        """The given names, and those that are found.

        Raises:
            UnknownColumn: a given one is not there, or one is not found.
        """
        lower = {name.lower(): name for name in reversed(known)}
        names: dict[str, str] = {}
        for key, name in given.items():
            found = next((lower[word] for word in _KNOWN.get(key, ()) if word in lower), None)
            if name is not None:
                names[key] = select(path, known, [name])[0]
            elif found is not None:
                names[key] = found
            elif key != "part":
                raise UnknownColumn(
                    f"{path}: none of its columns is known as {key!r}. Columns: {listed(known)}. "
                    f"Say which one:  {key}: NAME"
                )
        return cls(names, wide is not None, high is not None)


class PictureNames:
    """The pictures of a shelf by what tables call them: path, name, or name without suffix."""

    def __init__(self, shelf: Shelf, folder: str | None) -> None:
        self.shelf = shelf
        base = folder or ""
        in_folder(shelf, base)
        paths = pictures_below(shelf, base)
        self._known: dict[str, str | None] = {}
        self._unused = set(paths)
        for path in paths:
            below = PurePosixPath(path).relative_to(base)
            for key in {path, str(below), below.name, below.stem}:
                self._known[key] = None if key in self._known else path
        self._known.update({path: path for path in paths})

    @property
    def left(self) -> int:
        """How many pictures were never asked for."""
        return len(self._unused)

    def of(self, file: str) -> str | Fault:
        """The picture's path on the shelf."""
        for key in (file, PurePosixPath(file.replace("\\", "/")).name):
            if (found := self._known.get(key)) is not None:
                if found not in self._unused:
                    return Fault(f"{file}, a picture that was named before",
                                 "each picture under one name and in one part")  # fmt: skip
                self._unused.discard(found)
                return found
            if key in self._known:
                return Fault(file, f"the path of one picture: {self.shelf.top} has several such")
        return Fault(file, f"a picture in {self.shelf.top}")


class _Line(NamedTuple):
    """What a row says, as it is written, and where it stands."""

    label: str
    borders: Sequence[str]
    place: str

    @property
    def is_blank(self) -> bool:
        """Whether it says that its picture holds no objects."""
        return not self.label and not any(self.borders)


class Objects:
    """The rows of a table by part and file, in the order files are first named.

    Attributes:
        errors: rows of no picture.
        parts: those that the column of parts says, in order; None alone without one.
    """

    def __init__(self, table: Table, columns: Columns, *, shares: bool) -> None:
        self.errors: list[RowError] = []
        self._columns, self._shares = columns, shares
        self._held: dict[str | None, dict[str, list[_Line]]] = {}
        count = 0
        for batch in table.scan(list(dict.fromkeys(columns.names.values())), self.errors.append):
            read = {key: batch.column(name).to_pylist() for key, name in columns.names.items()}
            for row in range(batch.num_rows):
                said = {key: (values[row] or "").strip() for key, values in read.items()}
                self._add(said, f"{table.path}, row {count + row}")
            count += batch.num_rows
        order = [None, *dict.fromkeys(PARTS.values())]
        self.parts = sorted(self._held, key=order.index) or [None]

    def gather(self, part: str | None, names: PictureNames, rows: Gathered) -> None:
        """Add the pictures of a part."""
        found = {file: names.of(file) for file in self._held.get(part, ())}
        paths = [path for path in found.values() if isinstance(path, str)]
        sizes = dict(zip(paths, sizes_of(names.shelf, paths), strict=True))
        for file, lines in self._held.get(part, {}).items():
            path = found[file]
            if isinstance(path, Fault):
                rows.add("", RowError(0, path.got, path.expected, lines[0].place))
            else:
                rows.add(path, self._objects(lines, sizes[path]))

    def _add(self, said: Mapping[str, str], place: str) -> None:
        part = part_of(said["part"]) if "part" in said else None
        if "part" in said and part is None:
            got = f"{said['part']!r} for the part"
            self.errors.append(RowError(0, got, f"one of {listed(PARTS)}", place))
        elif not said["file"]:
            self.errors.append(RowError(0, "no file", "the file of a picture", place))
        else:
            line = _Line(said["label"], [said[key] for key in _BORDERS], place)
            self._held.setdefault(part, {}).setdefault(said["file"], []).append(line)

    def _objects(self, lines: Sequence[_Line], size: tuple[int, int] | None) -> Found:
        """The objects of a picture; None where shares are of a picture that cannot be read."""
        if self._shares and size is None:
            return None
        boxes = []
        for line in lines:
            if line.is_blank:
                continue
            box = self._box(line, size)
            wrong = box if isinstance(box, Fault) else fault(box, size)
            if wrong is not None:
                return RowError(0, wrong.got, wrong.expected, line.place)
            assert isinstance(box, Box)
            boxes.append(box)
        return boxes

    def _box(self, line: _Line, size: tuple[int, int] | None) -> Box | Fault:
        try:
            x0, y0, x1, y1 = map(float, line.borders)
        except ValueError:
            return Fault(f"{line.label!r} at {', '.join(line.borders)}", "four numbers")
        x1, y1 = x1 + x0 * self._columns.wide, y1 + y0 * self._columns.high
        if size is None or not self._shares:
            return Box(line.label, x0, y0, x1, y1)
        height, width = size
        return Box(line.label, x0 * width, y0 * height, x1 * width, y1 * height)
