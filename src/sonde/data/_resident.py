"""Columns of a store that are held in memory, and rows of them as batches.

Small batches are taken together: a network that is done in a millisecond feels every call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sonde.core.batch import Batch, Padded
from sonde.core.port import PRESENT, ROW
from sonde.data.store import Store


@dataclass(frozen=True)
class _Dense:
    """A column in memory: (N, ...)."""

    values: Tensor

    def take(self, index: Tensor, sizes: list[int]) -> Sequence[Tensor]:
        """Rows of as many batches as `sizes` has, (sum of sizes,) -> (size, ...) each."""
        return torch.split(self.values.index_select(0, index), sizes)


@dataclass(frozen=True)
class _Ragged:
    """A ragged column in memory: a step of zeros, then the steps of all rows; (N,) int64 each."""

    values: Tensor
    starts: Tensor
    lengths: Tensor

    def take(self, index: Tensor, sizes: list[int]) -> Sequence[Padded]:
        """Rows of several batches -> (size, T, ...) each, with T the longest row of the batch.

        Beyond a row's end step 0 is met.
        """
        lengths = self.lengths.index_select(0, index)
        of_each = torch.split(lengths, sizes)
        longest = [int(some.max()) if len(some) else 0 for some in of_each]
        width = torch.tensor(longest).repeat_interleave(torch.tensor(sizes))  # of each row
        ends = width.cumsum(0)
        step = torch.arange(int(ends[-1]) if len(ends) else 0)
        step -= (ends - width).repeat_interleave(width)
        places = step + self.starts.index_select(0, index).repeat_interleave(width)
        places.masked_fill_(step >= lengths.repeat_interleave(width), 0)
        taken = self.values.index_select(0, places)
        areas = [size * steps for size, steps in zip(sizes, longest, strict=True)]
        return [
            Padded(values.view(len(rows), steps, *self.values.shape[1:]), rows)
            for values, rows, steps in zip(torch.split(taken, areas), of_each, longest, strict=True)
        ]


class Resident:
    """Every column of a small store, in memory.

    Attributes:
        row_bytes: of a row of all columns, on average.
    """

    def __init__(self, store: Store) -> None:
        self._columns: dict[str, _Dense | _Ragged] = {}
        rows = 1
        for name, column in store.items():
            if column.starts is None or column.lengths is None:
                self._columns[name] = _Dense(as_tensor(column.values))
            else:
                self._columns[name] = _ragged(column.values, column.starts, column.lengths)
            if column.present is not None:
                self._columns[PRESENT + name] = _Dense(as_tensor(column.present))
            rows = max(rows, len(column.values if column.starts is None else column.starts))
        self.row_bytes = max(1.0, sum(column.nbytes for column in store.values()) / rows)

    def take(self, plans: Sequence[np.ndarray]) -> list[Batch]:
        """A batch of each plan's rows, in the order given, with their numbers."""
        sizes = [len(rows) for rows in plans]
        index = torch.from_numpy(np.concatenate(plans).astype(np.int64, copy=False))
        taken = {name: held.take(index, sizes) for name, held in self._columns.items()}
        parts = zip(*taken.values(), torch.split(index, sizes), strict=True)
        return [dict(zip((*taken, ROW), part, strict=True)) for part in parts]


def as_tensor(array: np.ndarray) -> Tensor:
    """A copy as a tensor; torch has no operations on unsigned integers of two bytes and more."""
    signed = {"uint16": np.int32, "uint32": np.int64}.get(array.dtype.name, array.dtype)
    return torch.from_numpy(np.array(array, dtype=signed))


def _ragged(values: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> _Ragged:
    nothing = np.zeros((1, *values.shape[1:]), values.dtype)
    firsts, counts = starts.astype(np.int64) + 1, lengths.astype(np.int64)
    steps = as_tensor(np.concatenate([nothing, values]))
    return _Ragged(steps, torch.from_numpy(firsts), torch.from_numpy(counts))
