"""Throwaway trainings: a recipe's own data, network and learner, for a few steps and no run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from torch import nn

from sonde.contracts.data import Assignment
from sonde.contracts.learn import Phase
from sonde.contracts.recipe import Recipe
from sonde.contracts.task import SupervisedTask
from sonde.core import seed
from sonde.core.batch import Batch, to_device
from sonde.core.errors import UsageError
from sonde.core.notice import listening, unheard
from sonde.learn._descent import DescentSettings
from sonde.run.context import RunContext, RunData
from sonde.run.directory import RunDirectory
from sonde.workflow.fit import as_recipe, open_source
from sonde.workflow.prepare import Prepared, prepare


@dataclass(frozen=True)
class Attempt:
    """A learner at its first step.

    Attributes:
        phase: the paradigm's first, with the trial's budget.
        context: the only way to batches.
        task: bound.
        network: what learns.
    """

    phase: Phase
    context: RunContext
    task: SupervisedTask
    network: nn.Module

    def batches(self) -> Iterator[Batch]:
        """Training batches on their device, from the first on, without end."""
        self.phase.batches.seek(0)
        source = iter(self.phase.batches)
        while True:
            yield to_device(next(source), self.context.device)

    def train(self, steps: int, only: Batch | None = None) -> Iterator[float]:
        """The loss of each step, as it is made; of one batch again and again where `only` is it."""
        source = self.batches()
        for step in range(steps):
            batch = next(source) if only is None else only
            seed.begin(self.context.seed, "trial", step)
            yield float(self.phase.learner.step(batch)["loss"])


class Trial:
    """A prepared recipe to be tried out."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared

    def attempt(self, parts: Assignment | None = None, **options: Any) -> Attempt:
        """A fresh learner.

        Args:
            parts: rows to learn from instead of the run's own.
            options: of the paradigm, instead of the recipe's.

        Raises:
            UsageError: the recipe does not follow a loss of rows with one descent.
        """
        paradigm, data = self.prepared.recipe.paradigm, self.prepared.data
        if not isinstance(paradigm, DescentSettings) or "budget" not in type(paradigm).model_fields:
            raise UsageError(
                f"paradigm {paradigm.kind!r} cannot be tried out for a few steps; this is for ways "
                "of learning with one loss and one budget, such as supervised."
            )
        fields = {name: getattr(paradigm, name) for name in type(paradigm).model_fields}
        changed = type(paradigm).model_validate(
            fields | {"stop": None, "snapshots": None, "average": None} | options
        )
        recipe = self.prepared.recipe.model_copy(update={"paradigm": changed})
        rows = RunData(data.columns, data.store, parts or data.parts, data.source)
        context = RunContext(recipe, rows)
        seed.begin(recipe.seed, "trial")
        phase = next(iter(changed.phases(context)))
        assert isinstance(context.task, SupervisedTask), "one with targets, or phases had refused"
        phase.learner.to(context.device)
        return Attempt(phase, context, context.task, phase.learner.shipped())


@contextmanager
def trial(recipe: Recipe | Mapping[str, Any] | str | Path, data: Any) -> Iterator[Trial]:
    """A recipe prepared as for a run, in a folder that is gone afterwards; nothing is printed."""
    checked = as_recipe(recipe)
    source = open_source(checked, data)
    with TemporaryDirectory() as folder, listening(unheard):  # a trial has no journal
        directory = RunDirectory(Path(folder) / "trial")
        directory.path.mkdir()
        yield Trial(prepare(checked, source, directory, source.fingerprint()))


def folds(parts: Assignment, count: int, key: int) -> Iterator[Assignment]:
    """Each training row once for validation and otherwise for training; nothing for the test."""
    order = seed.numpy_rng(key, "folds of a trial").permutation(parts.train)
    for held in np.array_split(order, count):
        kept = np.setdiff1d(parts.train, held)
        yield replace(parts, train=kept, valid=np.sort(held), test=parts.test[:0])
