"""The contract of samplers: in which order rows are met. Nothing here imports torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sonde.core.spec import Spec


@dataclass(frozen=True)
class StoreIndex:
    """What a sampler may look at.

    Attributes:
        rows: (n,) int64 positions in the store that belong to the part.
        encoded: named encoded arrays of the part's rows, (n, ...), such as class indices.
        lengths: (n,) lengths of a ragged column, where there is one.
    """

    rows: np.ndarray
    encoded: Callable[[str], np.ndarray]
    lengths: np.ndarray | None = None


@dataclass(frozen=True)
class BatchIndex:
    """An epoch's batches: batch k is order[bounds[k]:bounds[k + 1]], positions in the store."""

    order: np.ndarray
    bounds: np.ndarray

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        return self.order[self.bounds[index] : self.bounds[index + 1]]


class Sampler(Spec):
    """The order in which rows are met."""

    family: ClassVar[str] = "sampler"

    @abstractmethod
    def plan(
        self, index: StoreIndex, batch_size: int, epoch: int, rng: np.random.Generator
    ) -> BatchIndex:
        """The batches of one epoch; every epoch has the same number of batches."""
