"""Batches from a store: a plan from (seed, epoch), one vectorised gather per column.

The position of a run is one integer: `seek` costs nothing, and nothing needs to be restored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from queue import Full, Queue
from threading import Event, Thread

import numpy as np
import torch

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
from sonde.data._resident import Resident, as_tensor
from sonde.data.store import Store

_RESIDENT = 2**30
"""Columns of a part that are together smaller than this many bytes are held in memory."""

_AT_ONCE, _MOST_AT_ONCE = 2**18, 32
"""Bytes of batches that are taken together where they are in memory, and most such batches."""


def batch_of(encoded: Mapping[str, Encoded]) -> Batch:
    """One encoded chunk per column as a batch."""
    batch: Batch = {}
    for name, part in encoded.items():
        if part.starts is None or part.lengths is None:
            batch[name] = as_tensor(part.values)
        else:
            batch[name] = _padded(part.values, part.starts, part.lengths)
        if part.present is not None:
            batch[PRESENT + name] = torch.from_numpy(part.present)
    return batch


def _padded(values: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> Padded:
    """(B, T, ...) with T the longest row, zeros beyond each row's end."""
    longest = int(lengths.max(initial=0))
    out = np.zeros((len(lengths), longest, *values.shape[1:]), values.dtype)
    row = np.repeat(np.arange(len(lengths)), lengths)
    step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    out[row, step] = values[np.repeat(starts, lengths) + step]
    return Padded(as_tensor(out), torch.from_numpy(lengths.astype(np.int64)))


class Gather:
    """Rows of a store as a batch: from tensors in memory where they are small enough."""

    def __init__(self, store: Store) -> None:
        self.store = store
        small = sum(column.nbytes for column in store.values()) <= _RESIDENT
        self._resident = Resident(store) if small else None

    @property
    def in_memory(self) -> bool:
        """Whether gathering reads no disk, so that reading ahead gains nothing."""
        return self._resident is not None

    def at_once(self, batch_size: int) -> int:
        """How many batches are best taken together: many where they are small."""
        if self._resident is None:
            return 1
        return int(min(_MOST_AT_ONCE, max(1, _AT_ONCE // (batch_size * self._resident.row_bytes))))

    def __call__(self, rows: np.ndarray) -> Batch:
        """The rows, in the order given, with their numbers."""
        return self.several([rows])[0]

    def several(self, plans: Sequence[np.ndarray]) -> list[Batch]:
        """A batch of each plan's rows."""
        if self._resident is not None:
            return self._resident.take(plans)
        return [self._read(rows) for rows in plans]

    def _read(self, rows: np.ndarray) -> Batch:
        batch = batch_of({name: column.take(rows) for name, column in self.store.items()})
        batch[ROW] = torch.from_numpy(np.ascontiguousarray(rows, dtype=np.int64))
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
        """Some batches at once, and the same ones wherever we begin.

        So they lie in memory as they would have lain: products may differ in their last bits with
        how their factors are aligned.
        """
        at_once = self._gather.at_once(self._batch_size)
        while True:
            epoch, position = divmod(step, self._steps)
            first = position - position % at_once
            plan = self._plan(epoch)
            plans = [plan[at] for at in range(first, min(first + at_once, self._steps))]
            for batch in self._gather.several(plans)[position - first :]:
                yield batch
                step += 1

    def _plan(self, epoch: int) -> BatchIndex:
        if self._planned is None or self._planned[0] != epoch:
            self._planned = (epoch, self._made(epoch, self._index))
        return self._planned[1]

    def _made(self, epoch: int, index: StoreIndex) -> BatchIndex:
        rng = seed.numpy_rng(self._seed, "sampler", epoch)
        return self._sampler.plan(index, self._batch_size, epoch, rng)


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
