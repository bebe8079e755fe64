"""Thinned: another split of whose training rows only a part is kept.

For asking what fewer labels would have been worth: validation and test rows stay, and two recipes
with the same split learn from the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Assignment, Rows, Split
from sonde.core.notice import tell
from sonde.data.splits._parts import strata, taken


class Thinned(Split):
    """`keep` of the training rows of the split `of`; the others are in no part."""

    of: Split
    """The split whose training rows are thinned."""
    keep: float = Field(gt=0, lt=1)
    """Part of its training rows that is kept, drawn by this split's seed."""
    by: str | None = None
    """The field whose values keep their proportion, with one row of each at least."""

    @classmethod
    def examples(cls) -> list[Self]:
        """A half, in proportion to the field 'label'."""
        from sonde.data.splits.random import Random

        return [cls(of=Random(), keep=0.5, by="label")]

    @property
    def num_assignments(self) -> int:
        """As the inner split's."""
        return self.of.num_assignments

    @property
    def grouped_by(self) -> str | None:
        """As the inner split's."""
        return self.of.grouped_by

    def groups_of(self, values: pa.Array) -> pa.Array:
        """As the inner split's."""
        return self.of.groups_of(values)

    @property
    def pinned(self) -> bool:
        """Copies of a row never come back into training from where they were left out."""
        return self.of.pinned

    def completed(self, targets: Sequence[str]) -> Self:
        """A copy whose inner split is completed."""
        return self.model_copy(update={"of": self.of.completed(targets)})

    def folds(self, rows: Rows) -> Iterator[Assignment]:
        """Each of the inner split's, thinned.

        Raises:
            UnknownColumn: there is no such field.
            DataError: the inner split cannot be made, or a field has too many distinct values.
        """
        from sonde.core.seed import numpy_rng  # it imports torch

        values = strata(rows, self.by)
        for index, made in enumerate(self.of.folds(rows)):
            rng = numpy_rng(self.seed, "thinned", index)
            count = len(made.train)
            # what `taken` draws leaves every value a last row: so draw what is left out
            away = taken(np.unique(values[made.train], return_inverse=True)[1], 1 - self.keep, rng)
            kept = np.delete(made.train, away)
            tell(
                f"{count - len(kept):,} of {count:,} training rows are left out",
                left_out=count - len(kept),
            )
            yield replace(made, train=kept)
