"""A random split: every row is as likely as any other to be in a part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from sonde.contracts.data import Assignment, Rows
from sonde.data.splits._parts import HoldOut, strata


class Random(HoldOut):
    """Parts of given size, drawn without a look at the data: only the number of rows matters."""

    def folds(self, rows: Rows) -> Iterator[Assignment]:
        """One assignment.

        Raises:
            DataError: a part that was asked for gets no row.
        """
        from sonde.core.seed import numpy_rng  # it imports torch

        yield self.divided(strata(rows, None), numpy_rng(self.seed, "split"))

    @classmethod
    def examples(cls) -> list[Self]:
        """Three parts; two."""
        return [cls(), cls(valid=0.0, test=0.4)]
