"""The objects of a chunk of pictures, laid out flat."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import RowError
from sonde.core.errors import listed
from sonde.data.boxes import BORDERS, FARTHEST, Box, fault
from sonde.data.columns._placing import Placing


class Flat(NamedTuple):
    """M objects of N pictures, in the order of the rows.

    Attributes:
        known: (N,) bool, whether it is known what a picture holds.
        owner: (M,) int64, the row an object stands in.
        labels: (M,) texts, None where there is none.
        borders: (M, 4) float64 x0, y0, x1, y1 in pixels of the raw picture; NaN where none is.
        difficult: (M,) bool.
        placing: where the pictures lie in their grids; None where there are none.
    """

    known: np.ndarray
    owner: np.ndarray
    labels: np.ndarray
    borders: np.ndarray
    difficult: np.ndarray
    placing: Placing | None = None

    @property
    def clipped(self) -> np.ndarray:
        """(M, 4) borders cut at those of the pictures."""
        if self.placing is None:
            return self.borders
        whole = np.tile(self.placing.sizes[self.owner, ::-1], 2).astype(np.float64)
        whole[whole == 0] = np.inf  # a picture that cannot be read: its own column tells it
        cut: np.ndarray = np.clip(self.borders, 0, whole)
        return cut

    @property
    def placed(self) -> np.ndarray:
        """(M, 4) borders in pixels of the grids, cut at the pictures' borders."""
        if self.placing is None:
            return self.borders
        points = self.clipped.reshape(-1, 2, 2)
        scale, offset = self.placing.scale[self.owner], self.placing.offset[self.owner]
        moved: np.ndarray = (points * scale[:, None] + offset[:, None]).reshape(-1, 4)
        return moved

    @property
    def faulty(self) -> np.ndarray:
        """(M,) bool: no object, since it has no class, no area, or no place in its picture."""
        clipped, near = self.clipped, np.abs(self.borders) < FARTHEST  # NaN is not
        has_area = (clipped[:, :2] < clipped[:, 2:]).all(axis=1)
        has_class = np.array([bool(label) for label in self.labels], bool)
        whole: np.ndarray = has_class & near.all(axis=1) & has_area
        return ~whole

    def take(self, kept: np.ndarray) -> Self:
        """The objects that (M,) bool says; all rows stay."""
        return self._replace(
            owner=self.owner[kept],
            labels=self.labels[kept],
            borders=self.borders[kept],
            difficult=self.difficult[kept],
        )

    def error(self, at: int, names: tuple[str, ...] | None) -> RowError:
        """What is wrong with an object, and the how many-th of its picture it is."""
        row = int(self.owner[at])
        box = Box(self.labels[at], *self.borders[at].tolist())
        height, width = (0, 0) if self.placing is None else self.placing.sizes[row].tolist()
        wrong = fault(box, (height, width) if height else None)
        number = at - int(np.searchsorted(self.owner, row)) + 1
        if wrong is not None:
            return RowError(row, f"object {number}, {wrong.got}", wrong.expected)
        got = f"object {number}, {box.label!r}"
        return RowError(row, got, f"one of the classes {listed(names or ())}")


def is_boxes(kind: pa.DataType) -> bool:
    """Whether values are lists of objects with a label and four borders."""
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    inner = kind.value_type
    if pa.types.is_null(inner):  # empty lists alone
        return True
    if not pa.types.is_struct(inner):
        return False
    types = {inner.field(at).name: inner.field(at).type for at in range(inner.num_fields)}
    numbers = [types.get(border) for border in BORDERS]
    return "label" in types and not any(
        kind is None or not (pa.types.is_floating(kind) or pa.types.is_integer(kind))
        for kind in numbers
    )


def flat(raw: pa.Array) -> Flat:
    """The objects of lists that `is_boxes`; of nulls alone, none of which is known."""
    known = raw.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_null(raw.type) or pa.types.is_null(raw.type.value_type):
        objects = pa.array([], pa.struct([("label", pa.string())]))
        owner = np.zeros(0, np.int64)
    else:
        objects = pc.list_flatten(raw)
        owner = pc.list_parent_indices(raw).to_numpy(zero_copy_only=False).astype(np.int64)
    names = {objects.type.field(at).name for at in range(objects.type.num_fields)}
    borders = [_numbers(objects, border) for border in BORDERS if border in names]
    difficult = np.zeros(len(owner), bool)
    if "difficult" in names:
        said = pc.fill_null(pc.struct_field(objects, "difficult").cast(pa.bool_()), False)
        difficult = said.to_numpy(zero_copy_only=False)
    labels = pc.struct_field(objects, "label").cast(pa.string()).to_numpy(zero_copy_only=False)
    table = np.stack(borders, axis=1) if borders else np.zeros((0, 4))
    return Flat(known, owner, labels.astype(object), table, difficult)


def _numbers(objects: pa.StructArray, name: str) -> np.ndarray:
    numbers = pc.struct_field(objects, name).cast(pa.float64())
    found: np.ndarray = pc.fill_null(numbers, np.nan).to_numpy(zero_copy_only=False)
    return found
