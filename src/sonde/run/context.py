"""What a paradigm is given: the bound task, networks, batches, augmentations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import nn

from sonde.contracts.data import (
    Assignment,
    Column,
    Source,
)
from sonde.contracts.learn import Batches, Context
from sonde.contracts.model import Blueprint, Embeds
from sonde.contracts.recipe import Recipe
from sonde.contracts.sampler import Sampler
from sonde.contracts.task import Task
from sonde.core import seed
from sonde.core.batch import Batch
from sonde.core.device import resolve_device
from sonde.core.errors import UsageError
from sonde.core.notice import tell
from sonde.core.port import Port, Ports
from sonde.data.batches import Gather, StoreBatches
from sonde.data.samplers.sequential import Sequential
from sonde.data.store import Store
from sonde.run.pretrained import begin_with


@dataclass(frozen=True)
class RunData:
    """A run's rows.

    Attributes:
        columns: fitted.
        store: every column encoded for every row.
        parts: row numbers of each part.
        source: where rows, or an environment, come from.
    """

    columns: Mapping[str, Column]
    store: Store
    parts: Assignment
    source: Source


class RunContext(Context):
    """A run's data and settings, as paradigms see them."""

    def __init__(self, recipe: Recipe, data: RunData) -> None:
        """From a resolved recipe."""
        assert recipe.model is not None, "a resolved recipe has a model"
        self.task = recipe.task.bind(data.columns)
        self.model = recipe.model
        self.ports: Ports = {name: column.port for name, column in data.columns.items()}
        self._moved = _moved(self.task, self.ports)
        self.source = data.source
        self.seed = recipe.seed
        self.device = resolve_device(recipe.device)
        self._data = data
        self._augments = recipe.augment
        self._gathers: dict[tuple[str, ...], Gather] = {}
        self._built = 0
        self._told: set[str] = set()

    def build(self, blueprint: Blueprint, inputs: Ports, outputs: Ports) -> nn.Module:
        """A network on the device, initialised from (seed, number of networks built before)."""
        seed.begin(self.seed, "build", self._built)
        self._built += 1
        network = blueprint.build(inputs, outputs)
        self._give_vectors(network, inputs)
        begin_with(network, blueprint, inputs)
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def _give_vectors(self, network: nn.Module, inputs: Ports) -> None:
        """Start embeddings from the vectors that columns know."""
        embeds = list(_embeds(network))
        for name in inputs if embeds else ():
            column = self._data.columns.get(name)
            vectors = None if column is None else column.vectors()
            if vectors is not None:
                for module in embeds:
                    module.begin(name, torch.from_numpy(vectors))

    def num_rows(self, part: Literal["train", "valid"]) -> int:
        """How many rows a part has."""
        return len(self._data.parts.part(part))

    def batches(
        self,
        part: Literal["train", "valid"],
        batch_size: int,
        *,
        sampler: Sampler | None = None,
        columns: tuple[str, ...] | None = None,
    ) -> Batches:
        """Batches of a part; without a sampler in stored order, every row once."""
        rows: np.ndarray = self._data.parts.part(part)
        if not len(rows):
            raise UsageError(
                f"there are no {part} rows to make batches of. "
                "This way of learning needs data with rows, and a split that leaves some."
            )
        names = tuple(self._data.store) if columns is None else columns
        if names not in self._gathers:
            self._gathers[names] = Gather({name: self._data.store[name] for name in names})
        order = sampler or Sequential()
        made = StoreBatches(self._gathers[names], rows, order, batch_size, self.seed)
        if part == "train" and sampler is not None and (padding := made.padding()):
            self._tell_once(f"padding    {padding}")
        return made

    def _tell_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            tell(message)

    def augment(self, batch: Batch) -> Batch:
        """The recipe's augmentations in order, drawn for the present step."""
        for index, change in enumerate(self._augments):
            draw = seed.generator(f"augment {index}", self.device)
            batch = change.apply(batch, self._moved, draw)
        return batch

    def mix(self, inputs: Batch, targets: Batch) -> tuple[Batch, Batch]:
        """The recipe's mixing augmentations in order, drawn for the present step."""
        for index, change in enumerate(self._augments):
            draw = seed.generator(f"mix {index}", self.device)
            inputs, targets = change.mix(inputs, targets, self.ports, draw)
        return inputs, targets


def _moved(task: Task, ports: Ports) -> Ports:
    """What augmentation changes: inputs, and targets that live in an input's frame.

    A target is what is asked for, and else stays. A picture to be answered lives where the task
    says that the network's own does: a clean one in the frame of the noisy one.
    """
    moved: dict[str, Port] = {}
    for name, port in ports.items():
        if name in task.targets and port.kind == "grid" and port.frame in (None, name):
            answered = task.outputs.get(name)
            port = replace(port, frame=None if answered is None else answered.frame)
        if name not in task.targets or port.frame not in (None, name):
            moved[name] = port
    return moved


def _embeds(module: nn.Module) -> Iterator[Embeds]:
    """The outermost modules that hold words: what one has inside is its own to begin."""
    if isinstance(module, Embeds):
        yield module
        return
    for child in module.children():
        yield from _embeds(child)
