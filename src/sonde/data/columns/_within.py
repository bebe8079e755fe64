"""Columns whose values lie in a picture: boxes, masks, lines lean on the picture's column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self, runtime_checkable

import pyarrow as pa

from sonde.contracts.data import Column
from sonde.core.errors import UnknownColumn, UsageError, unknown
from sonde.core.spec import Learned
from sonde.data.columns._placing import Placing


@runtime_checkable
class Framing(Protocol):
    """A column that knows how raw pictures lie in its grids."""

    def placing(self, rows: pa.RecordBatch) -> Placing:
        """For each row."""


class InPicture(Column):
    """A column whose values lie in the picture of another one."""

    within: str = "image"
    """The picture column that its values lie in."""
    picture: Learned[Column | None] = None
    """The picture column, fitted."""

    @property
    def leans_on(self) -> tuple[str, ...]:
        """The picture column."""
        return (self.within,)

    def beside(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows the picture column.

        Raises:
            UnknownColumn: there is none of that name.
            UsageError: it holds no pictures.
        """
        return self.learn(name=self.name, picture=self._picture_among(columns))

    @property
    def reads(self) -> tuple[str, ...]:
        """Its own values, and the pictures that they lie in."""
        return super().reads + (self.picture.reads if self.picture is not None else ())

    def placing(self, rows: pa.RecordBatch) -> Placing | None:
        """Where the pictures of a chunk lie in their grids; None where none stand beside it."""
        picture = self.picture
        if not isinstance(picture, Framing) or not set(picture.reads) <= set(rows.schema.names):
            return None
        return picture.placing(rows)

    def _picture_among(self, columns: Mapping[str, Column]) -> Column:
        if self.within not in columns:
            raise UnknownColumn(
                f"column {self.name!r}, within: {unknown('column', self.within, columns)}"
            )
        picture = columns[self.within]
        if not isinstance(picture, Framing) or isinstance(picture, InPicture):
            raise UsageError(
                f"column {self.name!r}: {self.within!r} is a {picture.kind}, expected pictures. "
                f"Declare  {self.within}: {{kind: image}}"
            )
        return picture


def frame_of(picture: Column | None) -> tuple[int, int] | None:
    """Height and width of the picture column's grids, in pixels; None without one."""
    if picture is None:
        return None
    height, width = picture.port.shape[1:]
    assert height is not None and width is not None, "grids of pictures are of one size"
    return height, width
