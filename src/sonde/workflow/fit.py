"""Fit: the whole way from a recipe to a judged and sealed model, resumable at every point."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from sonde import __version__
from sonde.contracts.data import Source
from sonde.contracts.metric import Arrays, Score
from sonde.contracts.model import Settling
from sonde.contracts.recipe import Recipe
from sonde.contracts.task import Task, stack
from sonde.core.batch import Batch, as_arrays, count, part, select
from sonde.core.device import keep_freed_memory
from sonde.core.errors import UsageError, listed
from sonde.core.notice import listening, say
from sonde.core.text import from_yaml, read_text
from sonde.data.batches import Gather
from sonde.data.kept import Kept
from sonde.data.memory import as_source
from sonde.run.bundle import Bundle
from sonde.run.context import RunContext
from sonde.run.directory import RunDirectory, choose, claim
from sonde.run.loop import Callback, Loop
from sonde.run.progress import Reporter, reporter
from sonde.workflow.audit import audit_run
from sonde.workflow.judge import judge_run
from sonde.workflow.prepare import Prepared, prepare, raw_rows, refuse_inputs
from sonde.workflow.verdict import read_verdict

GOLDEN = 24
"""Validation rows a bundle carries as proof."""

_AT_ONCE = 16_000_000
"""Values of plain inputs, such as pixels, of which outputs are computed together for settling."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        directory: its folder, with everything it decided and measured.
        bundle: the sealed model, opened anew from its file.
    """

    directory: RunDirectory
    bundle: Bundle

    def __repr__(self) -> str:
        """Where it lies and what it made."""
        return f"Run({str(self.path)!r}, {self.bundle!r})"

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.directory.path

    @property
    def scores(self) -> Mapping[str, Score]:
        """Test scores by name, each with its interval; empty where the test was not opened."""
        return self.bundle.scores

    @property
    def report(self) -> Path:
        """The report, one HTML file."""
        return self.directory.report


def as_recipe(recipe: Recipe | Mapping[str, Any] | str | Path) -> Recipe:
    """A recipe from an object, plain data or a YAML or JSON file.

    Raises:
        RecipeError: naming every wrong place.
        StorageError: there is no such file.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping):
        return Recipe.parse(recipe, where="recipe")
    return Recipe.parse(from_yaml(read_text(recipe), where=str(recipe)), where=str(recipe))


def fit(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    data: Any = None,
    *,
    run_dir: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    judge: bool = True,
    audit: bool = True,
) -> Run:
    """Train, judge and seal; the same call again goes on where it was cut.

    Args:
        recipe: a `Recipe`, plain data, or a path to YAML.
        data: rows in Python (pandas, polars, Arrow, a dict of arrays), a path, or None where the
            recipe names its source.
        run_dir: the run's folder; by default the newest unfinished one under `runs/` that has this
            recipe and data, else the next number.
        callbacks: observers.
        judge: whether the test part is opened at the end.
        audit: whether the data is looked at for what may flatter the scores.

    Returns:
        The finished run; one that was finished before is opened, not repeated, where `run_dir`
        names it.

    Raises:
        RecipeError: the recipe cannot be read.
        DataError: the data cannot be used.
        RunLocked: another process works on this run.
        Interrupted: asked to stop; everything is saved.
    """
    checked = as_recipe(recipe)
    source = open_source(checked, data)
    fingerprint = source.fingerprint()
    identity = {"recipe": checked.identity(), "data": fingerprint}
    directory = (
        claim(Path(run_dir), identity)
        if run_dir is not None
        else choose(Path("runs"), source.title, identity)
    )
    folds = checked.split.num_assignments if checked.split else 1
    if folds > 1:
        say(f"the split has {folds} folds and this run trains the first; cross_validate trains all")
    job = Job(checked, source, fingerprint, directory, audit=audit)
    return carry_out(job, callbacks=callbacks, judge=judge)


def open_source(recipe: Recipe, data: Any) -> Source:
    """The source the caller's data or the recipe names.

    Raises:
        UsageError: neither names one.
    """
    if data is not None:
        return Kept.of(as_source(data))
    if recipe.source is None:
        raise UsageError("the recipe names no source: add one, or give the rows as data=")
    return Kept.of(recipe.source)


@dataclass(frozen=True)
class Job:
    """One run to be carried out in one folder.

    Attributes:
        fingerprint: of the source's data.
        fold: of the recipe's split; None trains on the rows of all folds.
        audit: whether the data is looked at for what may flatter the scores.
        said: what the terminal was told already, by other folds too; each has its own journal.
    """

    recipe: Recipe
    source: Source
    fingerprint: str
    directory: RunDirectory
    fold: int | None = 0
    audit: bool = True
    said: set[str] = field(default_factory=set)


def carry_out(job: Job, *, callbacks: Sequence[Callback] = (), judge: bool = True) -> Run:
    """A run from wherever it stands to its end."""
    directory = job.directory
    with directory.locked():
        unopened = judge and not directory.scores.exists()
        if directory.finished and not unopened:
            return Run(directory, Bundle.load(directory.model))
        directory.note(fold=job.fold)
        try:
            return _seal(job, callbacks=callbacks, judge=judge)
        finally:
            directory.give_back()


def reseal(recipe: Recipe, source: Source, directory: RunDirectory, *, judge: bool = False) -> Run:
    """A trained run's model file made anew, with the scores it measured or measures now."""
    with directory.locked():
        fold = directory.facts.get("fold", 0)
        job = Job(recipe, source, source.fingerprint(), directory, fold, audit=False)
        return _seal(job, judge=judge)


def _seal(job: Job, *, callbacks: Sequence[Callback] = (), judge: bool) -> Run:
    """Train from wherever the run stands, judge, seal, and open what was sealed."""
    directory = job.directory
    with _told(directory, job.said) as shown:
        prepared = prepare(job.recipe, job.source, directory, job.fingerprint, job.fold)
        refuse_inputs(prepared.recipe.task, prepared.columns)
        if job.audit:
            audit_run(prepared, directory)
        bundle = _trained(prepared, directory, shown, callbacks)
        verdict = read_verdict(directory)
        if judge:
            bundle = judge_run(bundle, prepared, directory)
        elif verdict is not None:
            bundle = bundle.scored(verdict.scores)
        bundle.save(directory.model)
    run = Run(directory, Bundle.load(directory.model))
    directory.note(status="finished")
    return run


def _trained(
    prepared: Prepared, directory: RunDirectory, shown: Reporter, callbacks: Sequence[Callback]
) -> Bundle:
    """The bundle that training ends in, with golden rows and without scores."""
    for line in described(prepared):
        shown.tell(line)
    for line in _lost(prepared):
        shown.say(line)
    started = time.monotonic()
    context = RunContext(prepared.recipe, prepared.data)
    paradigm = prepared.recipe.paradigm
    directory.note(exactness=paradigm.exactness)
    loop = Loop(directory, context, prepared.recipe.checkpoint, shown, callbacks)
    learner = loop.train(paradigm)
    directory.journal.event("trained", seconds=time.monotonic() - started)
    bundle = Bundle.make(prepared.recipe, context.task, prepared.columns, learner.shipped())
    facts = {key: directory.facts.get(key) for key in ("torch", "python", "exactness", "data")}
    facts |= {"sonde": __version__, "fields": [f.name for f in prepared.source.fields()]}
    bundle = _settled(bundle, prepared).stated(facts)
    return bundle.with_golden(_golden_rows(prepared, context.task.given))


def described(prepared: Prepared) -> list[str]:
    """What was decided, a line each, as the terminal shows it."""
    recipe, parts = prepared.recipe, prepared.parts
    assert recipe.columns is not None and recipe.model is not None
    sizes = ", ".join(f"{len(parts.part(p)):,} {p}" for p in ("train", "valid", "test"))
    kinds = [f"{name} {column.kind}" for name, column in prepared.columns.items()]
    lines = [f"columns    {listed(kinds, 6)}", f"model      {recipe.model.describe()}"]
    if recipe.split is not None:
        lines.insert(0, f"split      {sizes} ({recipe.split.kind}, seed {recipe.split.seed})")
    left_out = {n: why for n, why in prepared.excluded.items() if n not in prepared.suspect}
    return lines + [f"left out   {name}: {why}" for name, why in left_out.items()]


def _lost(prepared: Prepared) -> list[str]:
    """Rows that are not used, which nobody may overlook, terminal or not."""
    lines = []
    if prepared.unlabelled:
        lines.append(f"left out   {prepared.unlabelled:,} rows without a target")
    if prepared.bad_rows:
        lines.append(f"set aside  {prepared.bad_rows:,} rows that cannot be read: quarantine.jsonl")
    return lines


def _settled(bundle: Bundle, prepared: Prepared) -> Bundle:
    """The bundle whose network and task have decided what validation rows decide."""
    task, network = bundle.task, bundle.network
    decides = isinstance(network, Settling)
    if not (decides or task.settles) or not len(prepared.parts.valid):
        if decides:
            say("the model settles nothing: the split leaves no validation rows to do it on. "
                "Give it some, such as valid: 0.1")  # fmt: skip
        return bundle
    batch = Gather(prepared.data.store)(prepared.parts.valid)
    inputs, targets = select(batch, task.inputs), as_arrays(select(batch, task.targets))
    with torch.no_grad():
        if isinstance(network, Settling):
            network.settle(inputs, partial(_worth, task, targets))
        if task.settles:
            return bundle.settled(task.settle(_outputs(network, inputs), targets))
    return bundle


def _outputs(network: nn.Module, inputs: Batch) -> Arrays:
    """Raw outputs for all rows; a part of them at a time where they are large pictures."""
    rows, values = count(inputs), [v for v in inputs.values() if isinstance(v, Tensor)]
    if len(values) < len(inputs) or sum(v.numel() for v in values) <= _AT_ONCE:
        return as_arrays(network(inputs))
    some = max(1, rows * _AT_ONCE // sum(v.numel() for v in values))
    return stack([as_arrays(network(part(inputs, at, at + some))) for at in range(0, rows, some)])


def _worth(
    task: Task, targets: Arrays, outputs: Mapping[str, Tensor], rows: Tensor | None = None
) -> float:
    """The main metric of raw outputs, turned so that greater is better."""
    metric = task.metrics()[task.main_metric]
    predicted = task.predicted(as_arrays(task.read(outputs, task.Options())))
    known = targets if rows is None else {n: v[rows.cpu().numpy()] for n, v in targets.items()}
    score = metric.score(predicted, task.truth(known))
    return score if metric.higher_is_better else -score


def _golden_rows(prepared: Prepared, given: Sequence[str]) -> pa.RecordBatch:
    """Raw validation rows, spread over the part; none where the task is given nothing.

    Where nothing is kept for validation, training rows stand in: they prove the file as well.
    """
    valid = prepared.parts.valid if len(prepared.parts.valid) else prepared.parts.train
    if not given or not len(valid):
        return pa.RecordBatch.from_pylist([])
    picked = valid[np.unique(np.linspace(0, len(valid) - 1, GOLDEN).astype(int))]
    batches = [chunk.select(list(given)) for chunk in raw_rows(prepared.source, picked, GOLDEN)]
    rows = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
    for column in prepared.columns.values():
        for name in set(column.reads) & set(given):
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, name, column.detached(rows.column(at)))
    return rows


@contextmanager
def _told(directory: RunDirectory, said: set[str]) -> Iterator[Reporter]:
    """The terminal; notices go there and into the journal once, on the run's first threads."""
    journal, shown = directory.journal, reporter()
    heard: set[str] = set()

    def listener(message: str, important: bool, facts: dict[str, Any]) -> None:
        if message in heard:  # a score says the same after every epoch and of every rival
            return
        heard.add(message)
        journal.event("notice", message=message, **facts)
        if message not in said:
            (shown.say if important else shown.tell)(message)
        said.add(message)

    with listening(listener):
        _same_machine(directory)
        yield shown


def _same_machine(directory: RunDirectory) -> None:
    """Threads and versions: the first attempt's threads hold for every later one."""
    keep_freed_memory()
    facts = directory.facts
    if "threads" in facts:
        torch.set_num_threads(facts["threads"])
    now = {"torch": torch.__version__, "python": platform.python_version()}
    changed = [f"{k} {facts[k]} then, {v} now" for k, v in now.items() if facts.get(k, v) != v]
    if changed:
        say(f"resumed on other versions, so bits may differ: {'; '.join(changed)}")
    directory.note(threads=torch.get_num_threads(), **now)
