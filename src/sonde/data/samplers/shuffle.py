"""A new random order in every epoch."""

from __future__ import annotations

from typing import Self

import numpy as np

from sonde.contracts.sampler import (
    BatchIndex,
    Sampler,
    StoreIndex,
)
from sonde.data.samplers._bounds import training_bounds


class Shuffle(Sampler):
    """Every row once an epoch; a last batch of a single row joins the one before."""

    drop_last: bool = False
    """Whether a smaller last batch is left out of the epoch."""

    def plan(
        self, index: StoreIndex, batch_size: int, epoch: int, rng: np.random.Generator
    ) -> BatchIndex:
        """A permutation of the rows."""
        bounds = training_bounds(len(index.rows), batch_size, drop_last=self.drop_last)
        return BatchIndex(rng.permutation(index.rows), bounds)

    @classmethod
    def examples(cls) -> list[Self]:
        """Every row; whole batches only."""
        return [cls(), cls(drop_last=True)]
