"""Batches from a store: a plan from (seed, epoch), one vectorised gather per column.

The position of a run is one integer: `seek` costs nothing, and nothing needs to be restored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from queue import Full, Queue
from threading import Event, Thread

import numpy as np
import torch
from torch import Tensor

from sonde.contracts.data import Encoded
from sonde.contracts.learn import State
from sonde.contracts.sampler import (
    BatchIndex,
    Sampler,
    StoreIndex,
)
from sonde.core import seed
from sonde.core.batch import Batch, Padded
from sonde.core.port import PRESENT, ROW
from sonde.data.store import Store

_RESIDENT = 2**30
"""Columns of a part that are together smaller than this many bytes are held in memory."""


def batch_of(encoded: Mapping[str, Encoded]) -> Batch:
    """One encoded chunk per column as a batch."""
    batch: Batch = {}
    for name, part in encoded.items():
        if part.starts is None or part.lengths is None:
            batch[name] = _tensor(part.values)
        else:
            batch[name] = _padded(part.values, part.starts, part.lengths)
        if part.present is not None:
            batch[PRESENT + name] = torch.from_numpy(part.present)
    return batch


def _tensor(array: np.ndarray) -> Tensor:
    """A copy as a tensor; torch has no operations on unsigned integers of two bytes and more."""
    signed = {"uint16": np.int32, "uint32": np.int64}.get(array.dtype.name, array.dtype)
    return torch.from_numpy(np.array(array, dtype=signed))


def _padded(values: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> Padded:
    """(B, T, ...) with T the longest row, zeros beyond each row's end."""
    longest = int(lengths.max(initial=0))
    out = np.zeros((len(lengths), longest, *values.shape[1:]), values.dtype)
    row = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    out[row, step] = values[np.repeat(starts, lengths) + step]
    return Padded(_tensor(out), torch.from_numpy(lengths.astype(np.int64)))


class Gather:
    """Rows of a store as a batch: from tensors in memory where they are small enough."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._resident = _resident(store)

    @property
    def in_memory(self) -> bool:
        """Whether gathering reads no disk, so that reading ahead gains nothing."""
        return bool(self._resident)

    def __call__(self, rows: np.ndarray) -> Batch:
        """The rows, in the order given, with their numbers."""
        index = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.int64))
        if self._resident:
            batch: Batch = {name: held.take(index) for name, held in self._resident.items()}
        else:
            batch = batch_of({name: column.take(rows) for name, column in self.store.items()})
        batch[ROW] = index
        return batch


class StoreBatches:
    """Batches of some rows of a store, without end, from any step on."""

    def __init__(
        self, gather: Gather, rows: np.ndarray, sampler: Sampler, batch_size: int, run_seed: int
    ) -> None:
        self._gather = gather
        self._sampler = sampler
        self._batch_size = batch_size
        self._seed = run_seed
        lengths = _lengths(gather.store, rows)
        self._index = StoreIndex(
            rows, lambda name: np.asarray(gather.store[name].values[rows]), lengths
        )
        self._step = 0
        self._planned: tuple[int, BatchIndex] | None = None
        self._steps = len(self._plan(0))
        self.steps_per_epoch: int | None = self._steps

    def padding(self) -> str | None:
        """How much of a batch is padding, in words; None where no column is ragged."""
        waste = self._waste(self._plan(0))
        if waste is None:
            return None
        said = f"{waste:.0%} of the steps in a batch are none"
        anyhow = self._waste(self._made(0, replace(self._index, lengths=None)))
        if anyhow is not None and anyhow > waste:
            said += f": rows of like length go together ({anyhow:.0%} in any order)"
        return said

    def _waste(self, plan: BatchIndex) -> float | None:
        """In [0, 1]; a row of two texts has the steps of both. None where there is no step."""
        ragged = [c.lengths for c in self._gather.store.values() if c.lengths is not None]
        whole, real = 0, 0
        for batch in (plan[place] for place in range(len(plan))):
            of_each = [lengths[batch] for lengths in ragged]
            whole += sum(int(lengths.max()) * len(batch) for lengths in of_each)
            real += sum(int(lengths.sum()) for lengths in of_each)
        return 1 - real / whole if whole else None

    def seek(self, step: int) -> None:
        """Go to a step."""
        self._step = step

    def state(self) -> State:
        """Nothing: a step number is all."""
        return {}

    def restore(self, state: State) -> None:
        """Nothing to restore."""

    def __iter__(self) -> Iterator[Batch]:
        """Batches from the present step on; a thread reads ahead where the data is on disk."""
        batches = self._forever_from(self._step)
        return batches if self._gather.in_memory else _ahead(batches)

    def _forever_from(self, step: int) -> Iterator[Batch]:
        while True:
            epoch, position = divmod(step, self._steps)
            yield self._gather(self._plan(epoch)[position])
            step += 1

    def _plan(self, epoch: int) -> BatchIndex:
        if self._planned is None or self._planned[0] != epoch:
            self._planned = (epoch, self._made(epoch, self._index))
        return self._planned[1]

    def _made(self, epoch: int, index: StoreIndex) -> BatchIndex:
        rng = seed.numpy_rng(self._seed, "sampler", epoch)
        return self._sampler.plan(index, self._batch_size, epoch, rng)


@dataclass(frozen=True)
class _Dense:
    """A column in memory: (N, ...)."""

    values: Tensor

    def take(self, index: Tensor) -> Tensor:
        """(B,) rows -> (B, ...)."""
        return self.values.index_select(0, index)


@dataclass(frozen=True)
class _Ragged:
    """A ragged column in memory: a step of zeros, then the steps of all rows; (N,) int64 each."""

    values: Tensor
    starts: Tensor
    lengths: Tensor

    def take(self, index: Tensor) -> Padded:
        """(B,) rows -> (B, T, ...) with T the longest of them; beyond a row's end step 0 is met."""
        lengths = self.lengths.index_select(0, index)
        steps = torch.arange(int(lengths.max()) if len(lengths) else 0)
        places = self.starts.index_select(0, index)[:, None] + steps
        places.masked_fill_(steps >= lengths[:, None], 0)
        taken = self.values.index_select(0, places.view(-1))
        return Padded(taken.view(*places.shape, *self.values.shape[1:]), lengths)


def _resident(store: Store) -> dict[str, _Dense | _Ragged]:
    """Every column in memory, where all together are small enough; else {}."""
    if sum(column.nbytes for column in store.values()) > _RESIDENT:
        return {}
    held: dict[str, _Dense | _Ragged] = {}
    for name, column in store.items():
        if column.starts is None or column.lengths is None:
            held[name] = _Dense(_tensor(column.values))
        else:
            nothing = np.zeros((1, *column.values.shape[1:]), column.values.dtype)
            starts, lengths = column.starts.astype(np.int64) + 1, column.lengths.astype(np.int64)
            steps = _tensor(np.concatenate([nothing, column.values]))
            held[name] = _Ragged(steps, torch.from_numpy(starts), torch.from_numpy(lengths))
        if column.present is not None:
            held[PRESENT + name] = _Dense(torch.from_numpy(np.array(column.present)))
    return held


def _lengths(store: Store, rows: np.ndarray) -> np.ndarray | None:
    """(n,) int64 steps of each row's longest ragged column; None where there is none.

    Not of their sum, by which a long text with a short translation would meet two that are neither.
    """
    ragged = [column.lengths[rows] for column in store.values() if column.lengths is not None]
    return np.max(ragged, axis=0).astype(np.int64) if ragged else None


def _ahead(batches: Iterator[Batch], depth: int = 2) -> Iterator[Batch]:
    """The same batches, gathered a few ahead by one thread that ends with its reader."""
    queue: Queue[Batch | BaseException] = Queue(maxsize=depth)
    ended = Event()

    def put(item: Batch | BaseException) -> None:
        while not ended.is_set():
            try:
                queue.put(item, timeout=0.2)
            except Full:
                continue
            return

    def work() -> None:
        try:
            for batch in batches:
                put(batch)
                if ended.is_set():
                    return
        except BaseException as error:  # handed to the reader, who raises it
            put(error)

    thread = Thread(target=work, name="sonde-batches", daemon=True)
    thread.start()
    try:
        while True:
            item = queue.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        ended.set()
