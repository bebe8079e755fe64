"""Rows in the order in which they are stored: for validation, where order does not matter."""

from __future__ import annotations

import numpy as np

from sonde.contracts.sampler import (
    BatchIndex,
    Sampler,
    StoreIndex,
)
from sonde.data.samplers._bounds import even_bounds


class Sequential(Sampler):
    """Every row once, in stored order, the same in every epoch."""

    def plan(
        self, index: StoreIndex, batch_size: int, epoch: int, rng: np.random.Generator
    ) -> BatchIndex:
        """The rows as they are; the last batch may be smaller."""
        return BatchIndex(index.rows, even_bounds(len(index.rows), batch_size))
