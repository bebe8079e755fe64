"""Objects in pictures, in a table with a row for each object.

    cells/table.csv                  source: {kind: box-table, path: cells}
    cells/photos/1.jpg               with the columns  file, label, x0, y0, x1, y1
    cells.zip                        source: {kind: box-table, path: cells.zip}: read as it is
    boxes.csv                        source: {kind: box-table, path: photos, table: boxes.csv,
                                     file: Name, label: Class, x0: Left, y0: Top,
                                     width: Wide, height: High, part: set}

Columns are found by their names (filename, class, xmin, ...) where the recipe names none. A row
with a file and nothing else says that its picture holds no objects; pictures that no row names are
left out, since nobody knows what they hold.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from sonde.core.errors import DataError, StorageError, UnknownColumn, listed
from sonde.core.notice import tell as notice
from sonde.core.spec import Spec
from sonde.data.parts import before_dot, one_each
from sonde.data.sources._box_rows import Columns, Objects, PictureNames
from sonde.data.sources._boxed import Boxed, Gathered
from sonde.data.sources._files import located
from sonde.data.sources._pictured import Shown
from sonde.data.sources._shelf import Shelf, shelf_at
from sonde.data.sources._within import into_archive
from sonde.data.sources.table import Table

_ORDER: tuple[str | None, ...] = (None, "train", "valid", "test")

_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")


class Place(Spec):
    """The table of a part."""

    table: str | Table
    """A table on the shelf, or at a path of its own; a mapping says how it is read."""


class BoxTable(Boxed):
    """Pictures and boxes that a table lists."""

    path: str
    """A folder, or a zip, tar or tar.gz, which is never unpacked into a folder."""
    table: str | Table | None = None
    """A table: below `path`, or a path of its own; a mapping says how it is read. None finds it."""
    pictures: str | None = None
    """The folder of pictures, below `path`; None is all of it."""
    file: str | None = None
    """The column of the pictures' files: with or without folder and suffix."""
    label: str | None = None
    """The column of classes."""
    x0: str | None = None
    """The column of left borders, in pixels."""
    y0: str | None = None
    """The column of upper borders, in pixels."""
    x1: str | None = None
    """The column of right borders, in pixels."""
    y1: str | None = None
    """The column of lower borders, in pixels."""
    width: str | None = None
    """The column of the boxes' widths, where there is none of right borders."""
    height: str | None = None
    """The column of the boxes' heights, where there is none of lower borders."""
    shares: bool = False
    """Whether borders are shares of the picture's width and height, not pixels."""
    part: str | None = None
    """The column that says train, valid or test."""
    valid: Place | str | None = None
    """The table of validation pictures."""
    test: Place | str | None = None
    """The table of test pictures; with it or `valid` the field `#part` is added."""

    # written out again, since type checkers make a keyword-only one for every class of fields
    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`BoxTable("cells.zip")`: the path may stand without its name."""
        super().__init__(path, **options)

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        for border, extent in (("x1", "width"), ("y1", "height")):
            if getattr(self, border) and getattr(self, extent):
                raise ValueError(f"got {border} and {extent}, expected one of them")
        if self.part and (self.valid or self.test):
            raise ValueError("got part and other tables, expected one way to say the parts")
        if (self.valid or self.test) and self.table is None:
            raise ValueError("got valid or test without table, expected that of train")
        return self

    @classmethod
    def claims(cls, shelf: Shelf) -> bool:
        """A table at the top whose columns are called as those of boxes are."""
        return cls(shelf.path).is_told

    @property
    def is_told(self) -> bool:
        """Whether the columns of its table are called as those of boxes are."""
        with suppress(UnknownColumn):
            shelf = shelf_at(self.path)
            return all(self._columns(_placed(shelf, t)).names for t in self._tables(shelf).values())
        return False

    def _read(self) -> list[Shown]:
        shelf = shelf_at(self.path)
        names = PictureNames(shelf, self.pictures)
        shown: list[Shown] = []
        for part, given in self._tables(shelf).items():
            table = _placed(shelf, given)
            objects = Objects(table, self._columns(table), shares=self.shares)
            for said in objects.parts:
                rows = Gathered()
                objects.gather(said, names, rows)
                shown.append(rows.shown(said or part, shelf, apart=[table.path]))
            shown[-1].errors = [*shown[-1].errors, *objects.errors]
        if left := names.left:
            notice(f"{shelf.top}: {left:,} pictures stand in no table, and are left out")
        return sorted(shown, key=lambda each: _ORDER.index(each.part))

    def _columns(self, table: Table) -> Columns:
        """What is read of a table.

        Raises:
            UnknownColumn: it has no such column.
        """
        known = [field.name for field in table.fields()]
        given = {
            "x1": self.x1 or self.width,
            "y1": self.y1 or self.height,
            **{key: getattr(self, key) for key in ("file", "label", "x0", "y0", "part")},
        }
        return Columns.of(table.path, known, given, wide=self.width, high=self.height)

    def _tables(self, shelf: Shelf) -> dict[str | None, str | Table]:
        """Part -> its table.

        Raises:
            DataError: there is none, or several.
        """
        given = {"valid": self.valid, "test": self.test}
        others: dict[str | None, str | Table] = {
            part: place if isinstance(place, str) else place.table
            for part, place in given.items()
            if place is not None
        }
        if self.table is not None:
            return {"train" if others else None: self.table, **others}
        held = [name for name in shelf.listing("")[1] if name.lower().endswith(_SUFFIXES)]
        if len(held) == 1:
            return {None: held[0]}
        by_part = one_each(held, shelf.top, before_dot)
        if len(by_part) == len(held) > 1 and "train" in by_part and not self.part:
            return dict(by_part.items())
        raise DataError(
            f"{shelf.top}: {len(held):,} tables at the top ({listed(held)}), expected one, or "
            "train.csv and others. Name it:  table: NAME"
        )


def _placed(shelf: Shelf, given: str | Table) -> Table:
    """A table on the shelf, else at a path of its own.

    Raises:
        StorageError: there is neither.
    """
    table = Table(given) if isinstance(given, str) else given
    if shelf.holds(table.path):
        return table.model_copy(update={"path": shelf.place(table.path)})
    if not Path(located(table.path)).exists() and into_archive(table.path) is None:
        raise StorageError(f"no such table: neither {shelf.place(table.path)} nor {table.path}")
    return table
