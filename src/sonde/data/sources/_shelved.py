"""Pictures that lie in a folder per class: rows of a picture and its label; or in one folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

import pyarrow as pa

from sonde.contracts.data import Field, RowError
from sonde.core.errors import DataError
from sonde.core.port import PART
from sonde.data.sources._files import Hash
from sonde.data.sources._shelf import Shelf, spans
from sonde.data.sources._walk import PICTURES, Labelled, find_labelled


@dataclass(frozen=True)
class Shelved:
    """The pictures of a shelf.

    Attributes:
        image: the field of pictures.
        file: the field of their names; None for none.
        alone: whether the shelf may say the parts itself, since it is the only one.
    """

    shelf: Shelf
    image: str
    file: str | None
    alone: bool

    @property
    def fields(self) -> list[Field]:
        """The picture, its class where it has one, and its name where that is asked for."""
        label = [Field("label", pa.string(), "category")] if self._pictures.labels else []
        names = [] if self.file is None else [Field(self.file, pa.string())]
        return [Field(self.image, self.shelf.type, "image"), *label, *names]

    @property
    def has_parts(self) -> bool:
        """Whether the shelf says the parts."""
        return bool(self._pictures.parts)

    def scan(
        self, wanted: Sequence[str], tell: Callable[[RowError], None]
    ) -> Iterator[tuple[dict[str, pa.Array], int]]:
        """Columns, and how many rows they have; the part too, where the shelf says it."""
        found = self._pictures
        for error in found.errors:
            tell(error)
        sizes = [self.shelf.size(path) for path in found.paths] if self.image in wanted else None
        with self.shelf.reader() as fetch:
            for rows in spans(len(found.paths), sizes):
                columns: dict[str, pa.Array] = {}
                if found.labels:
                    columns["label"] = pa.array(found.labels[rows], pa.string())
                if sizes is not None:
                    columns[self.image] = fetch(found.paths[rows])
                if self.file is not None:
                    names = [PurePosixPath(path).stem for path in found.paths[rows]]
                    columns[self.file] = pa.array(names, pa.string())
                if found.parts:
                    columns[PART] = pa.array(found.parts[rows], pa.string())
                yield columns, rows.stop - rows.start

    def feed(self, into: Hash) -> None:
        """Feed a hash with all that decides the rows."""
        self.shelf.feed(self._pictures.paths, into)

    @cached_property
    def _pictures(self) -> Labelled:
        found = find_labelled(self.shelf, PICTURES, bare=self.alone)
        if found.parts and not self.alone:
            raise DataError(
                f"{self.shelf.top} holds train/ and other parts itself, and `valid` or `test` "
                "names parts besides. Give one or the other."
            )
        return found
