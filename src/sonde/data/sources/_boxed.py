"""The base of sources whose rows are pictures with boxes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import pyarrow as pa

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, counted, listed
from sonde.core.text import from_json
from sonde.data.boxes import BOXES, FARTHEST, Box, Fault, as_boxes
from sonde.data.sources._files import join, located
from sonde.data.sources._folders import in_folder, places_in
from sonde.data.sources._pictured import IMAGE, Pictured, Shown, is_picture
from sonde.data.sources._shelf import Shelf
from sonde.data.sources._within import into_archive, open_within

Found = Sequence[Box] | None | RowError
"""The objects of a picture; None where nobody knows; or why its annotation cannot be read."""


class Boxed(Pictured):
    """Pictures with boxes; a kind says how boxes are read."""

    beside: ClassVar[Mapping[str, tuple[pa.DataType | None, str]]] = {"boxes": (BOXES, "boxes")}

    # written out again, since type checkers make a keyword-only one for every class of fields
    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Voc("cells.zip")`: the path may stand without its name."""
        super().__init__(path, **options)

    def describe(self) -> str:
        """Such as '364 pictures with 4,888 boxes'."""
        lists = [shown.values["boxes"] for shown in self._parts]
        count = sum(len(boxes.flatten()) for boxes in lists)
        return f"{counted(sum(map(len, lists)), 'picture')} with {count:,} box{'es' * (count != 1)}"


@dataclass
class Gathered:
    """The pictures of a part, gathered one by one."""

    files: list[str] = field(default_factory=list)
    boxes: list[Sequence[Box] | None] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)

    def add(self, name: str, found: Found) -> None:
        """A picture's name on the shelf and its objects, or what is wrong with these."""
        if isinstance(found, RowError):
            self.errors.append(found._replace(row=len(self.files)))
        else:
            self.files.append(name)
            self.boxes.append(found)

    def shown(
        self,
        part: str | None,
        shelf: Shelf,
        *,
        read: Collection[str] = (),
        apart: Collection[str] = (),
    ) -> Shown:
        """They as a part; `read` and `apart` are the files they were read from."""
        values = {"boxes": as_boxes(self.boxes)}
        return Shown(part, shelf, {IMAGE: self.files}, values, read, apart, self.errors)


@dataclass(frozen=True)
class Beside:
    """A file that says what pictures hold: on their shelf, or at a path of its own.

    Attributes:
        path: where it can be opened.
        name: on the shelf; None where it lies elsewhere.
    """

    path: str
    name: str | None

    @classmethod
    def of(cls, shelf: Shelf, path: str) -> Self:
        """The file of that name on the shelf, else the one at that path.

        Raises:
            DataError: there is neither.
        """
        if shelf.holds(path):
            return cls(shelf.place(path), path)
        if Path(located(path)).exists() or into_archive(path) is not None:
            return cls(path, None)
        raise DataError(f"no such file: neither {join(shelf.top, path)} nor {path}")

    @property
    def read(self) -> list[str]:
        """What `Shown.read` says of it."""
        return [] if self.name is None else [self.name]

    @property
    def apart(self) -> list[str]:
        """What `Shown.apart` says of it."""
        return [self.path] if self.name is None else []

    def json(self) -> Any:
        """What it holds, as JSON.

        Raises:
            DataError: it is no JSON.
        """
        with open_within(self.path) as file:
            data = file.read()
        try:
            return from_json(data.decode("utf-8-sig"))
        except ValueError as error:  # also what is not UTF-8
            raise DataError(f"{self.path}: not JSON ({error}). Save it again.") from None


def folder_of(
    shelf: Shelf, given: str | None, names: Sequence[str], beside: str | None, where: str
) -> str:
    """The folder in which pictures lie that a file names.

    Args:
        shelf: where they lie.
        given: the folder, where the recipe says it.
        names: the first of the names.
        beside: the name of the file on the shelf.
        where: the file, for the message.

    Raises:
        DataError: no folder holds one of them.
    """
    if given is not None:
        in_folder(shelf, given)
        return given
    own = [] if beside is None else [beside.rpartition("/")[0]]
    for place in (*own, *places_in(shelf)):
        if any(shelf.holds(join(place, name)) for name in names):
            return place
    raise DataError(
        f"{where}: names pictures that no folder of {shelf.top} holds, such as "
        f"{listed(names, 3)}. Say where they lie:  pictures: FOLDER"
    )


def sizes_of(shelf: Shelf, names: Sequence[str]) -> list[tuple[int, int] | None]:
    """Height and width of each picture once upright, from headers; None where one cannot be read.

    Shares of width and height are no pixels without them.
    """
    from sonde.data.columns._pictures import Unreadable, look

    sizes: list[tuple[int, int] | None] = []
    with shelf.reader() as fetch:
        for name in names:
            try:
                sizes.append(look(fetch([name])[0].as_py())[:2])
            except Unreadable:  # for its column to tell
                sizes.append(None)
    return sizes


def misfit(said: tuple[int, int] | None, size: tuple[int, int] | None) -> Fault | None:
    """What is wrong with an annotation made for a picture of another size, such as before scaling.

    Args:
        said: height and width as it says, where it says them.
        size: of the picture, held upright, where it can be read.
    """
    if said is None or size is None or said == size:
        return None
    return Fault(
        f"the annotation of a picture of {said[1]} x {said[0]} pixels",
        f"that of its own, {size[1]} x {size[0]} pixels",
    )


def pictures_below(shelf: Shelf, folder: str) -> list[str]:
    """Every picture in a folder and in those inside it."""
    folders, files = shelf.listing(folder)
    found = [join(folder, name) for name in files if is_picture(name)]
    for name in folders:
        if not shelf.is_link(join(folder, name)):
            found += pictures_below(shelf, join(folder, name))
    return found


def is_number(value: Any) -> bool:
    """Whether a value in JSON is a number that a border can be."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < FARTHEST
