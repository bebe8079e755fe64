"""Classes met equally often, however rare they are.

Rows of a rare class are then met several times an epoch, and probabilities that are learned so are
those of a balanced world: with a class that is rare in truth they come out too large.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from sonde.contracts.sampler import (
    BatchIndex,
    Sampler,
    StoreIndex,
)
from sonde.core.errors import UsageError
from sonde.data.samplers._bounds import training_bounds


class Balance(Sampler):
    """As many draws an epoch as there are rows, with replacement, every class equally likely."""

    by: str
    """A category column; unseen and missing values count as classes where they occur."""
    drop_last: bool = False
    """Whether a smaller last batch is left out of the epoch."""

    def plan(
        self, index: StoreIndex, batch_size: int, epoch: int, rng: np.random.Generator
    ) -> BatchIndex:
        """First a class is drawn, then one of its rows.

        Raises:
            UsageError: the column has no classes.
        """
        classes = index.encoded(self.by)
        if classes.ndim != 1 or not np.issubdtype(classes.dtype, np.integer):
            raise UsageError(
                f"cannot balance by {self.by!r}: its encoding is {classes.dtype} of shape "
                f"{classes.shape}, expected one class index a row. Name a category column."
            )
        by_class = np.argsort(classes, kind="stable")
        counts = np.unique(classes, return_counts=True)[1]
        drawn = rng.integers(0, len(counts), len(classes)) if len(classes) else by_class
        place = (np.cumsum(counts) - counts)[drawn] + rng.integers(0, counts[drawn])
        bounds = training_bounds(len(classes), batch_size, drop_last=self.drop_last)
        return BatchIndex(index.rows[by_class[place]], bounds)

    @classmethod
    def examples(cls) -> list[Self]:
        """Balanced by a column named 'label'."""
        return [cls(by="label")]
