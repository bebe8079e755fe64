"""A stratified split: each part has the values of one field in the proportion of the whole.

With few rows of a class a random split may leave a part without it; this one cannot, as long as
the class has enough rows to go round.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from sonde.contracts.data import Assignment, Rows
from sonde.core.errors import UsageError
from sonde.data.splits._parts import HoldOut, strata


class Stratified(HoldOut):
    """Parts of given size in which every value of `by` has its share; missing is a value too."""

    by: str | None = None
    """The field; None stands for the task's target, filled in before rows are divided."""

    def folds(self, rows: Rows) -> Iterator[Assignment]:
        """One assignment.

        Raises:
            UsageError: there is no field to stratify by.
            UnknownColumn: there is no such field.
            DataError: the field has too many distinct values, or a part gets no row.
        """
        from sonde.core.seed import numpy_rng  # it imports torch

        if self.by is None:
            raise UsageError("a stratified split needs a field: {kind: stratified, by: label}")
        yield self.divided(strata(rows, self.by), numpy_rng(self.seed, "split"))

    @classmethod
    def examples(cls) -> list[Self]:
        """By the field 'label'."""
        return [cls(by="label")]
