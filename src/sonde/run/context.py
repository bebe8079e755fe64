"""What a paradigm is given: the bound task, networks, batches, augmentations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import nn

from sonde.contracts.data import Assignment, Column, Sampler, Source
from sonde.contracts.learn import Augment, Batches, Context
from sonde.contracts.model import Blueprint
from sonde.contracts.task import Task
from sonde.core import seed
from sonde.core.batch import Batch
from sonde.core.errors import UsageError
from sonde.core.port import Ports
from sonde.data.batches import Gather, StoreBatches
from sonde.data.samplers.sequential import Sequential
from sonde.data.store import Store


class RunContext(Context):
    """A run's data and settings, as paradigms see them."""

    def __init__(
        self,
        *,
        task: Task,
        model: Blueprint,
        columns: dict[str, Column],
        store: Store,
        parts: Assignment,
        augments: Sequence[Augment],
        source: Source | None,
        run_seed: int,
        device: torch.device,
    ) -> None:
        self.task = task
        self.model = model
        self.ports: Ports = {name: column.port for name, column in columns.items()}
        self.source = source
        self.seed = run_seed
        self.device = device
        self._store = store
        self._parts = parts
        self._augments = augments
        self._gathers: dict[tuple[str, ...], Gather] = {}
        self._built = 0

    def build(self, blueprint: Blueprint, inputs: Ports, outputs: Ports) -> nn.Module:
        """A network on the device, initialised from (seed, number of networks built before)."""
        seed.begin(self.seed, "build", self._built)
        self._built += 1
        network = blueprint.build(inputs, outputs)
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batches(
        self,
        part: Literal["train", "valid"],
        batch_size: int,
        *,
        sampler: Sampler | None = None,
        columns: tuple[str, ...] | None = None,
    ) -> Batches:
        """Batches of a part; without a sampler in stored order, every row once."""
        rows: np.ndarray = self._parts.part(part)
        if not len(rows):
            raise UsageError(
                f"there are no {part} rows to make batches of. "
                "This way of learning needs data with rows, and a split that leaves some."
            )
        names = tuple(self._store) if columns is None else columns
        if names not in self._gathers:
            self._gathers[names] = Gather({name: self._store[name] for name in names})
        order = sampler or Sequential()
        return StoreBatches(self._gathers[names], rows, order, batch_size, self.seed)

    def augment(self, batch: Batch) -> Batch:
        """The recipe's augmentations in order, drawn for the present step."""
        for index, change in enumerate(self._augments):
            draw = seed.generator(f"augment {index}", self.device)
            batch = change.apply(batch, self.ports, draw)
        return batch

    def mix(self, inputs: Batch, targets: Batch) -> tuple[Batch, Batch]:
        """The recipe's mixing augmentations in order, drawn for the present step."""
        for index, change in enumerate(self._augments):
            draw = seed.generator(f"mix {index}", self.device)
            inputs, targets = change.mix(inputs, targets, draw)
        return inputs, targets
