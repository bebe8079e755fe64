"""K-fold cross-validation: every row is tested once, by a model that never saw it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
from pydantic import Field

from sonde.contracts.data import Assignment, Rows, Split
from sonde.core.errors import DataError
from sonde.data.splits._parts import Fraction, filled, shuffled_by_stratum, strata, taken


class KFold(Split):
    """As many assignments as folds; sizes of the test parts differ by one row at most."""

    num_folds: int = Field(10, ge=2)
    valid: Fraction = 0.1
    """Fraction of each fold's training rows taken for validation."""
    stratify: str | None = None
    """The field whose values keep their proportion in every part."""

    @property
    def num_assignments(self) -> int:
        """One for each fold."""
        return self.num_folds

    def folds(self, rows: Rows) -> Iterator[Assignment]:
        """One assignment for each fold.

        Raises:
            UnknownColumn: there is no such field.
            DataError: fewer rows than folds, a field with too many values, a part without rows.
        """
        from sonde.core.seed import numpy_rng  # it imports torch

        if rows.count < self.num_folds:
            raise DataError(
                f"{rows.count:,} rows cannot be divided into {self.num_folds} folds; "
                f"set num_folds to at most {rows.count:,}, or give more rows."
            )
        values = strata(rows, self.stratify)
        order = shuffled_by_stratum(values, numpy_rng(self.seed, "split"))
        fold = np.empty(rows.count, np.int64)
        fold[order] = np.arange(rows.count) % self.num_folds  # deals out each stratum like cards
        for index in range(self.num_folds):
            rest = np.flatnonzero(fold != index)
            rng = numpy_rng(self.seed, "split", index)
            valid = rest[taken(values[rest], self.valid, rng)]
            made = Assignment(np.setdiff1d(rest, valid), valid, np.flatnonzero(fold == index))
            yield filled(made, valid=self.valid > 0, test=True)

    @classmethod
    def examples(cls) -> list[Self]:
        """Ten folds; three in proportion to the field 'label'."""
        return [cls(), cls(num_folds=3, valid=0.2, stratify="label")]
