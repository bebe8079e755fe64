"""The masks that a segmentation is about, among fitted columns."""

from __future__ import annotations

from collections.abc import Mapping

from sonde.contracts.data import Column
from sonde.core.errors import DataError, UsageError
from sonde.data.columns.mask import Mask
from sonde.tasks._target import bound_target


def bound_masks(target: str, columns: Mapping[str, Column]) -> Mask:
    """The column of masks.

    Raises:
        UnknownColumn: the target is no column.
        UsageError: it holds no masks, its pictures are no input, or answers need its name.
        DataError: training masks have fewer than two classes.
    """
    bound_target(target, columns, "grid")
    column = columns[target]
    if not isinstance(column, Mask):
        raise UsageError(
            f"target {target!r} is a column of kind {column.kind!r}, expected masks. "
            f"Declare  {target}: mask"
        )
    if target == "confidence":
        raise UsageError(
            "the target is called 'confidence', the name that answers say under how sure they are. "
            "Rename the column."
        )
    if column.within not in columns or column.within == target:
        raise UsageError(
            f"column {target!r} is the mask of {column.within!r}, which is no input. "
            f"Declare  {column.within}: image"
        )
    if len(column.names) < 2:
        raise DataError(
            f"column {target!r}: training masks have one class ({column.names[0]}), expected two "
            "or more. Is what is no object void? Say  void: []"
        )
    return column
