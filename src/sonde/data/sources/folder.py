"""Folders of pictures: one sub-folder per class, or files that a table names.

    signs/stop/001.png                       source: {kind: folder, path: signs}
    signs/train/stop/001.png                 the same; with train/, valid/ (val/) and test/ as parts
    houses/info.csv, houses/images/1.jpg     source: {kind: folder, path: houses/images,
                                                      table: houses/info.csv, image: file}

Files beside the class folders, such as a README, are no rows. Hidden files are not seen at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError, Source
from sonde.core.errors import StorageError
from sonde.core.port import PART
from sonde.data.sources._fields import select, with_part
from sonde.data.sources._files import check_folder, hash_file, join, located
from sonde.data.sources._values import ROWS
from sonde.data.sources._walk import Pictures, find_pictures
from sonde.data.sources.table import Table


class Folder(Source):
    """Pictures in a folder; a picture is given as its path."""

    path: str
    table: str | None = None
    """A table of rows, in the folder or a path of its own, that names the pictures' files."""
    image: str = "image"
    """The field of pictures: the table's column of file names, relative to the folder."""

    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Folder("signs/")`: the path may stand without its name."""
        super().__init__(**({} if path is None else {"path": path}), **options)

    @classmethod
    def examples(cls) -> list[Self]:
        """None: without pictures there is nothing a contract test can read."""
        return []

    @property
    def title(self) -> str:
        """The folder's name."""
        return PurePath(self.path).name or Path(self.path).resolve().name

    def fields(self) -> Sequence[RawField]:
        """`image` and `label` (and `#part`), or the table's fields; all are texts."""
        known = {} if self._table else {"label": "category", self.image: "image"}
        return [RawField(name, pa.string(), known.get(name)) for name in self._names]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows by part, class and path, or in the table's order.

        Told to `on_error`: files in class folders that are no pictures, pictures outside them;
        their `row` is the number of the picture they stand before.
        """
        wanted = select(self.path, self._names, fields)
        if self._table is not None:
            for batch in self._table.scan(fields, on_error):
                yield self._with_paths(batch)
            return
        pictures = self._pictures
        for error in pictures.errors if on_error else ():
            on_error(error)  # type: ignore[misc]  # it is not None here
        for start in range(0, len(pictures.paths), ROWS):
            chunk = slice(start, start + ROWS)
            paths = [self._at(path) for path in pictures.paths[chunk]]
            columns = {self.image: paths, "label": pictures.labels[chunk]}
            arrays = {name: pa.array(column, pa.string()) for name, column in columns.items()}
            if pictures.parts:
                arrays[PART] = pa.array(pictures.parts[chunk], pa.string())
            yield with_part(arrays, None, wanted, len(paths))

    def fingerprint(self) -> str:
        """SHA-256 over every picture's relative path, size and bytes, and the table's."""
        digest = hashlib.sha256(self.image.encode())
        if self._table is None:
            paths = self._pictures.paths
        else:
            digest.update(self._table.fingerprint().encode())
            paths = sorted(self._named_files())
        for path in paths:
            digest.update(f"{path}\0".encode())
            if Path(self._at(path)).is_file():  # one that is missing is for its column to report
                hash_file(self._at(path), digest)
        return digest.hexdigest()

    @cached_property
    def _pictures(self) -> Pictures:
        return find_pictures(located(self.path))

    @cached_property
    def _table(self) -> Table | None:
        """The table that names the pictures.

        Raises:
            StorageError: it is neither in the folder nor a path of its own.
            UnknownColumn: it has no column of file names.
        """
        if self.table is None:
            return None
        check_folder(self.path)
        inside = self._at(self.table)
        if not Path(inside).exists() and not Path(self.table).exists():
            raise StorageError(f"no such table: neither {inside} nor {self.table}")
        table = Table(inside if Path(inside).exists() else self.table)
        select(table.path, [found.name for found in table.fields()], [self.image])
        return table

    @property
    def _names(self) -> list[str]:
        if self._table is not None:
            return [found.name for found in self._table.fields()]
        return [self.image, "label", *([PART] if self._pictures.parts else [])]

    def _named_files(self) -> set[str]:
        assert self._table is not None
        named: set[str] = set()
        for batch in self._table.scan([self.image]):
            named.update(pc.utf8_trim_whitespace(batch.column(0)).drop_null().to_pylist())
        return named

    def _with_paths(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """File names as paths that start with the folder as it was given."""
        if self.image not in batch.schema.names:
            return batch
        names = pc.utf8_trim_whitespace(batch.column(self.image))
        paths = pc.binary_join_element_wise(pa.scalar(self._at("")), names, "")
        return batch.set_column(batch.schema.get_field_index(self.image), self.image, paths)

    def _at(self, path: str) -> str:
        return join(located(self.path), path)
