"""Snapshot averaging: the plain mean of the weights at several late points of one training.

Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, "Averaging Weights Leads to Wider Optima and Better
Generalization", 2018, arXiv:1803.05407, algorithm 1. The mean network's activations differ from
those of every snapshot, so statistics of BatchNorm are measured anew at the end (section 3.2), with
dropout off, as the network will be used.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from sonde.contracts.learn import Schedule, State, Stateful
from sonde.core.batch import Batch
from sonde.core.errors import UsageError
from sonde.core.spec import Spec


class Snapshots(Spec):
    """Which points of the training are averaged."""

    last: int = Field(5, ge=2)
    """How many."""
    at: Literal["epochs", "cycles"] = "epochs"
    """The ends of the last epochs, or of the last cycles of a schedule that has several."""


def places(
    asked: Snapshots, schedule: Schedule, total_steps: int, steps_per_epoch: int | None
) -> frozenset[int]:
    """The steps after which a snapshot is taken, the end of the phase among them.

    Raises:
        UsageError: there are no such points.
    """
    if asked.at == "cycles":
        if len(schedule.ends) < 2:
            raise UsageError(
                f"snapshots: at cycles needs a schedule with several, got {schedule.kind}. "
                "Take schedule: {kind: cosine, cycles: 5}, or snapshots: {at: epochs}."
            )
        warmup = schedule.warmup
        ends = (warmup + (1 - warmup) * end for end in schedule.ends[-asked.last :])
        return frozenset(round(end * total_steps) for end in ends)
    if steps_per_epoch is None:
        raise UsageError("snapshots: these batches have no epochs; take at: cycles")
    last = range(total_steps, 0, -steps_per_epoch)[: asked.last]
    return frozenset(last)


class SnapshotMean(Stateful):
    """The mean of a network's weights at the places it was seen at."""

    def __init__(self, module: nn.Module, steps: frozenset[int]) -> None:
        self.mean = copy.deepcopy(module).requires_grad_(False)
        self._module = module
        self._steps = steps
        self.taken = 0

    def see(self, step: int) -> None:
        """Take a snapshot where this step is a place for one."""
        if step not in self._steps:
            return
        self.taken += 1
        with torch.no_grad():
            now = self._module.state_dict().values()
            for kept, weight in zip(self.mean.state_dict().values(), now, strict=True):
                if kept.is_floating_point():
                    kept.lerp_(weight, 1 / self.taken)
                else:
                    kept.copy_(weight)

    def shipped(self) -> nn.Module:
        """The mean, once there is something to average."""
        return self.mean if self.taken else self._module

    def refresh(
        self, forward: Callable[[nn.Module, Batch], object], batches: Iterable[Batch]
    ) -> None:
        """Measure the statistics of BatchNorm anew, over all these batches."""
        if self.taken:
            measure_norms(self.mean, forward, batches)

    def state(self) -> State:
        """The mean and how many it is of."""
        return {"mean": dict(self.mean.state_dict()), "taken": self.taken}

    def restore(self, state: State) -> None:
        """Become what `state` was."""
        self.mean.load_state_dict(state["mean"])
        self.taken = state["taken"]


def measure_norms(
    network: nn.Module, forward: Callable[[nn.Module, Batch], object], batches: Iterable[Batch]
) -> None:
    """Statistics of BatchNorm as the plain mean over batches; without such layers nothing is done.

    Everything else is as it will be used: dropout is off.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    if not norms:
        return
    momenta = [layer.momentum for layer in norms]
    network.eval()
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean
        layer.train()
    with torch.no_grad():
        for batch in batches:
            forward(network, batch)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
    network.eval()
