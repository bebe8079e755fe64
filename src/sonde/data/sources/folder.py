"""Pictures: a folder or an archive with one sub-folder per class, or files that a table names.

    signs/stop/001.png               source: {kind: folder, path: signs}
    signs/001.png                    the same, without labels: to restore, to draw others like them
    signs/train/stop/001.png         the same; with train/, valid/ (val/) and test/ as parts
    signs/train/001.png, test/2.png  parts without labels
    signs.zip, signs.tar.gz          source: {kind: folder, path: signs.zip}: read as it is
    train.tar.gz, test.tar.gz        source: {kind: folder, path: train.tar.gz, test: test.tar.gz}
    houses/info.csv                  source: {kind: folder, path: houses/images, image: file,
    houses/images/1.jpg                       table: houses/info.csv}
    signs.zip with train.csv         source: {kind: folder, path: signs.zip, image: Path,
    and test.csv in it                        table: train.csv, test: {table: test.csv}}

Files beside the class folders, such as a README, are no rows. Hidden files are not seen at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import Any, Self

import pyarrow as pa
from pydantic import model_validator

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError, Source
from sonde.core.errors import UsageError, counted
from sonde.core.port import PART
from sonde.core.spec import Spec
from sonde.data.sources._fields import select
from sonde.data.sources._named import Named
from sonde.data.sources._shelf import shelf_at, shelf_title
from sonde.data.sources._shelved import Shelved
from sonde.data.sources.table import Table

_PARTS = frozenset(("train", "training", "pictures", "images"))


class Place(Spec):
    """Where the pictures of a part lie, and the table that names them."""

    path: str | None = None
    """A folder or an archive; None is that of the training pictures."""
    table: str | Table | None = None
    """None where the pictures lie in a folder per class."""


class Folder(Source):
    """Pictures in a folder, given as their paths, or in an archive, given as their bytes."""

    path: str
    """A folder, or a zip, tar or tar.gz, which is never unpacked into a folder."""
    table: str | Table | None = None
    """A table of rows that names the pictures' files: in the folder or archive, or a path of its
    own. CSV, JSON lines, Parquet or Arrow by its name; a mapping says how a CSV is read."""
    image: str = "image"
    """The field of pictures: the table's column of file names, below the folder."""
    file: str | None = None
    """A field to add: what a picture in a folder per class is called, without folder and suffix,
    such as the 7 of s1/7.pgm; a split may go by it."""
    images: dict[str, str] | None = None
    """Several pictures a row, or names that stand in no column: field -> a pattern such as
    `images/{row}_front.jpg`; {row} counts the table's rows from 1, {id} is its column id."""
    valid: Place | str | None = None
    """Validation pictures: a path, or a mapping with path and table."""
    test: Place | str | None = None
    """Test pictures; with them or `valid` the reserved field `#part` is added."""

    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Folder("signs/")`: the path may stand without its name."""
        super().__init__(**({} if path is None else {"path": path}), **options)

    @classmethod
    def examples(cls) -> list[Self]:
        """None: without pictures there is nothing a contract test can read."""
        return []

    @model_validator(mode="after")
    def _tables_agree(self) -> Self:
        if self.file is not None and (self.table is not None or self.file == self.image):
            raise ValueError(
                f"got file {self.file!r} beside {'a table' if self.table else 'the same image'}; "
                "it goes with pictures in a folder per class, under a name of its own"
            )
        if self.images and self.table is None:
            raise ValueError("got images without a table; expected `table` whose rows they are of")
        for table in (self.table, *(place.table for place in self._places.values())):
            if isinstance(table, Table) and (table.valid or table.test):
                raise ValueError(
                    "got a table with parts of its own; name them beside `path` instead, such as "
                    "test: {table: test.csv}"
                )
        for part, place in self._places.items():
            if (place.table is None) != (self.table is None):
                raise ValueError(
                    f"got {'no ' * (place.table is None)}table for {part}, and "
                    f"{'none' if self.table is None else 'one'} for train; expected both or "
                    f"neither, such as {part}: {{table: {part}.csv}}"
                )
        return self

    @property
    def title(self) -> str:
        """The folder's or archive's name; its folder's where that says no more than the part."""
        name, outer = shelf_title(self.path), PurePath(self.path).parent
        return shelf_title(str(outer)) if name in _PARTS and outer.name else name

    def describe(self) -> str:
        """Such as '3 columns, pictures named by train.csv'; without a table, '2 fields'."""
        if self.table is None:
            return super().describe()
        count = len(self._holdings["train"].fields)
        table = self.table if isinstance(self.table, str) else self.table.path
        return f"{counted(count, 'column')}, pictures named by {table}"

    def fields(self) -> Sequence[RawField]:
        """`image` and `label`, or the table's fields and pictures; `#part` where parts are told."""
        first = self._holdings["train"]
        parts = [RawField(PART, pa.string())] if self._has_parts else []
        return [*first.fields, *parts]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows by part, class and path, or in the tables' order; some megabytes at a time.

        Told to `on_error`: files in class folders that are no pictures, pictures outside them
        (their `row` is the number of the picture they stand before); what a table tells, and rows
        whose pictures an archive does not hold.
        """
        wanted = select(self.path, [field.name for field in self.fields()], fields)
        tell = on_error or _ignore
        for part, holding in self._holdings.items():
            for columns, count in holding.scan([n for n in wanted if n != PART], tell):
                if self._places and PART in wanted:
                    columns = columns | {PART: pa.repeat(part, count)}
                yield pa.RecordBatch.from_pydict({name: columns[name] for name in wanted})

    def fingerprint(self) -> str:
        """SHA-256 over every picture's name, size and bytes, the tables', and which is which."""
        digest = hashlib.sha256(self.image.encode())
        for part, holding in self._holdings.items():
            digest.update(f"{part}\0".encode() if self._places else b"")
            holding.feed(digest)
        return digest.hexdigest()

    @property
    def _places(self) -> dict[str, Place]:
        """The parts that lie elsewhere."""
        given = {"valid": self.valid, "test": self.test}
        return {
            part: Place(path=place) if isinstance(place, str) else place
            for part, place in given.items()
            if place is not None
        }

    @property
    def _has_parts(self) -> bool:
        first = self._holdings["train"]
        return bool(self._places) or (isinstance(first, Shelved) and first.has_parts)

    @cached_property
    def _holdings(self) -> dict[str, Shelved | Named]:
        """Part -> its pictures; without separate places all are under 'train'.

        Raises:
            StorageError: something is missing or cannot be read.
            DataError: it is not what this source reads.
            UsageError: one part is packed and another is not.
        """
        found: dict[str, Shelved | Named] = {}
        places = {"train": Place(path=self.path, table=self.table), **self._places}
        for part, place in places.items():
            shelf = shelf_at(place.path or self.path)
            if place.table is None:
                found[part] = Shelved(shelf, self.image, self.file, alone=not self._places)
            else:
                like = found.get("train")
                found[part] = Named(
                    shelf, place.table, self.images or self.image,
                    like=like if isinstance(like, Named) else None,
                )  # fmt: skip
        kinds = {holding.shelf.type for holding in found.values()}
        if len(kinds) > 1:
            raise UsageError(
                f"{self.path}: some parts lie in folders and others in archives. Pack all of "
                "them, or none."
            )
        return found


def _ignore(error: RowError) -> None:
    """Nobody asked."""
