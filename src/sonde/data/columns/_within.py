"""Columns whose values lie in a picture: boxes, masks, lines lean on the picture's column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import pyarrow as pa

from sonde.contracts.data import Column
from sonde.core.errors import UnknownColumn, UsageError, unknown
from sonde.data.columns._placing import Placing


@runtime_checkable
class Framing(Protocol):
    """A column that knows how raw pictures lie in its grids."""

    def placing(self, rows: pa.RecordBatch) -> Placing:
        """For each row."""


def picture_beside(column: Column, within: str, columns: Mapping[str, Column]) -> Column:
    """The picture column of that name.

    Raises:
        UnknownColumn: there is none.
        UsageError: it holds no pictures.
    """
    if within not in columns:
        raise UnknownColumn(f"column {column.name!r}, within: {unknown('column', within, columns)}")
    picture = columns[within]
    if not isinstance(picture, Framing):
        raise UsageError(
            f"column {column.name!r}: {within!r} is a {picture.kind}, expected pictures. Declare  "
            f"{within}: {{kind: image}}"
        )
    return picture


def frame_of(picture: Column | None) -> tuple[int, int] | None:
    """Height and width of the picture column's grids, in pixels; None without one."""
    if picture is None:
        return None
    height, width = picture.port.shape[1:]
    assert height is not None and width is not None, "grids of pictures are of one size"
    return height, width


def placing_of(picture: Column | None, rows: pa.RecordBatch) -> Placing | None:
    """Where the pictures of a chunk lie in their grids; None where none stand beside its values."""
    if not isinstance(picture, Framing) or not set(picture.reads) <= set(rows.schema.names):
        return None
    return picture.placing(rows)
