"""A new random order in every epoch; rows of like length go together.

Where rows differ in length, a batch is as long as its longest row and the rest of it is padding.
So some batches of shuffled rows at a time, a pool, are sorted by length and cut, and the batches
are then shuffled over the whole epoch. A row meets other rows in each epoch, since pools differ.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field

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
    pool: int = Field(50, ge=1)
    """Batches whose rows are sorted by length together, where rows have lengths, such as texts:
    more of them leave less padding and mix less. 1 takes rows as they come."""

    def plan(
        self, index: StoreIndex, batch_size: int, epoch: int, rng: np.random.Generator
    ) -> BatchIndex:
        """A permutation of the rows."""
        bounds = training_bounds(len(index.rows), batch_size, drop_last=self.drop_last)
        if index.lengths is None or self.pool == 1 or len(bounds) == 2:
            return BatchIndex(rng.permutation(index.rows), bounds)
        places = rng.permutation(len(index.rows))[: bounds[-1]]
        batches = np.split(_alike(places, index.lengths, bounds, self.pool), bounds[1:-1])
        mixed = [batches[at] for at in rng.permutation(len(batches))]
        sizes = [len(batch) for batch in mixed]
        return BatchIndex(index.rows[np.concatenate(mixed)], np.cumsum([0, *sizes]))

    @classmethod
    def examples(cls) -> list[Self]:
        """Every row; whole batches only; rows of any length together."""
        return [cls(), cls(drop_last=True), cls(pool=1)]


def _alike(places: np.ndarray, lengths: np.ndarray, bounds: np.ndarray, pool: int) -> np.ndarray:
    """The places, those of each pool by length; pools are as even as whole batches allow."""
    batches = len(bounds) - 1
    pools = -(-batches // pool)
    cuts = bounds[np.arange(1, pools) * batches // pools]
    parts = np.split(places, cuts)
    return np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
