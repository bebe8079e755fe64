"""A split in the order of the rows: the first to train, then those to validate, the last to test.

For what has an order without a field that says it: slices of one block of tissue, frames of one
film, lines of a log. Neighbours then lie on two sides at the borders alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np

from sonde.contracts.data import Assignment, Rows
from sonde.data.splits._parts import HoldOut, filled


class InOrder(HoldOut):
    """Parts in the order in which the source has its rows."""

    @property
    def pinned(self) -> bool:
        """A row belongs where it stands."""
        return True

    def folds(self, rows: Rows) -> Iterator[Assignment]:
        """One assignment.

        Raises:
            DataError: a part without rows.
        """
        test = round(rows.count * self.test)
        valid = round(rows.count * self.valid)
        borders = [rows.count - test - valid, rows.count - test]
        train, validated, tested = np.split(np.arange(rows.count), borders)
        made = Assignment(train, validated, tested)
        yield filled(made, valid=self.valid > 0, test=self.test > 0)

    @classmethod
    def examples(cls) -> list[Self]:
        """A fifth each; without validation rows."""
        return [cls(valid=0.2, test=0.2), cls(valid=0.0, test=0.3)]
