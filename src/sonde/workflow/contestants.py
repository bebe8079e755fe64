"""Contestants: trained models found again with their answers, and laid on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Judged, Task
from sonde.core.errors import StorageError, UsageError
from sonde.run.bundle import Bundle
from sonde.run.directory import RunDirectory
from sonde.run.journal import read_journal
from sonde.workflow.judged import Answers, read_answers
from sonde.workflow.pool import pool
from sonde.workflow.report_folds import tested_to_trained

if TYPE_CHECKING:
    from sonde.workflow.cross_validate import Runs
    from sonde.workflow.fit import Run


@dataclass(frozen=True)
class Contestant:
    """A trained model, or the folds of one, and what it answered.

    Attributes:
        name: the folder's.
        path: the folder.
        task: bound to its columns.
        judged: its answers beside the truth.
        data: the fingerprint of the data.
        facts: what it costs: 'weights', 'megabytes', 'seconds' of training.
        folds: (n,) row numbers tested in each fold; none for a single run.
        tested_to_trained: of a fold, test rows over training rows.
    """

    name: str
    path: Path
    task: Task
    judged: Judged
    data: str
    facts: dict[str, float]
    folds: Sequence[np.ndarray] = field(default_factory=tuple)
    tested_to_trained: float = 0.0


def opened(model: str | Path | Run | Runs) -> Contestant:
    """A model with its answers, from a run, its folder or model file, or a folder of folds.

    Raises:
        StorageError: there is no judged run.
    """
    path = Path(model if isinstance(model, str | Path) else model.path)
    if path.is_file():
        path = path.parent
    if RunDirectory(path).facts:
        return _of_run(path)
    folds = sorted(path.glob("fold-*"), key=lambda place: (len(place.name), place.name))
    if not folds:
        raise StorageError(
            f"{path} holds no run: expected run.json, or fold-0, fold-1, ... of a cross-validation"
        )
    return _of_folds(path, [_of_run(fold) for fold in folds])


def _of_run(path: Path) -> Contestant:
    directory = RunDirectory(path)
    answers = read_answers(directory)
    bundle = Bundle.load(directory.model)
    lines = read_journal(directory.journal_path)
    facts = {
        "weights": float(sum(weight.numel() for weight in bundle.network.parameters())),
        "megabytes": directory.model.stat().st_size / 1e6,
        "seconds": float(sum(n["seconds"] for n in lines if n.get("event") == "phase")),
    }
    ratio = tested_to_trained(directory)
    return Contestant(
        path.name, path, bundle.task, answers.judged, directory.facts["data"], facts, (), ratio
    )


def _of_folds(path: Path, folds: Sequence[Contestant]) -> Contestant:
    task, answers = pool([(fold.task, Answers(fold.judged)) for fold in folds])
    facts = {
        "weights": folds[0].facts["weights"],
        "megabytes": folds[0].facts["megabytes"],
        "seconds": sum(fold.facts["seconds"] for fold in folds),
    }
    return Contestant(
        path.name, path, task, answers.judged, folds[0].data, facts,
        [fold.judged.rows for fold in folds], folds[0].tested_to_trained,
    )  # fmt: skip


def on_common_rows(
    contestants: Sequence[Contestant], *, common: bool
) -> tuple[Task, list[Contestant]]:
    """The contestants with their answers to the same rows in one order, and a task that scores all.

    Raises:
        UsageError: other tasks, other data or other rows.
    """
    contestants = _named(contestants)
    first = contestants[0]
    for other in contestants[1:]:
        _refuse_strangers(first, other)
    keys = [_keys(contestant.judged.rows) for contestant in contestants]
    shared = keys[0]
    for more in keys[1:]:
        shared = np.intersect1d(shared, more)
    largest = max(len(key) for key in keys)
    if not len(shared) or (len(shared) < largest and not common):
        raise UsageError(_other_rows(contestants, len(shared)))
    laid = [
        replace(c, judged=_taken(c.judged, np.argsort(key)[np.searchsorted(np.sort(key), shared)]))
        for c, key in zip(contestants, keys, strict=True)
    ]
    return _in_one_tongue(laid)


def _named(contestants: Sequence[Contestant]) -> list[Contestant]:
    """With names that differ: the folder's, or its path where two folders are called the same."""
    names = [contestant.name for contestant in contestants]
    if len(set(names)) < len(names):
        names = [str(contestant.path) for contestant in contestants]
    if len(set(names)) < len(names):
        raise UsageError(f"{names[0]} is compared with itself: give folders of different runs")
    return [replace(c, name=name) for c, name in zip(contestants, names, strict=True)]


def _refuse_strangers(first: Contestant, other: Contestant) -> None:
    if type(first.task) is not type(other.task) or first.task.targets != other.task.targets:
        mine, theirs = (
            f"{c.name} does {c.task.kind} of {', '.join(c.task.targets) or 'nothing'}"
            for c in (first, other)
        )
        raise UsageError(f"{mine}, {theirs}: only models of one task can be compared")
    if first.data != other.data:
        raise UsageError(
            f"{first.name} and {other.name} were judged on different data (their fingerprints "
            "differ). Train both on the same files."
        )


def _other_rows(contestants: Sequence[Contestant], shared: int) -> str:
    counts = ", ".join(f"{c.name} {len(c.judged.rows):,}" for c in contestants)
    if not shared:
        return (
            f"no row was judged by all of them (rows judged: {counts}). Train them with the same "
            "split and the same split seed."
        )
    return (
        f"they were judged on different rows ({counts}; {shared:,} in common). Compare on those "
        "with --common (common=True), if none of the models was trained on them; or train with "
        "the same split."
    )


def _keys(rows: np.ndarray) -> np.ndarray:
    """(N,) a number for each judged row; a row judged several times has one for each time."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    new = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    time = np.arange(len(rows)) - np.repeat(new, np.diff(np.append(new, len(rows))))
    keys = np.empty(len(rows), np.int64)
    keys[order] = ordered * (int(time.max(initial=0)) + 1) + time
    return keys


def _taken(judged: Judged, at: np.ndarray) -> Judged:
    groups = None if judged.groups is None else judged.groups[at]
    return Judged(_rows(judged.predicted, at), _rows(judged.truth, at), judged.rows[at], groups)


def _rows(arrays: Arrays, at: np.ndarray | slice) -> Arrays:
    return {name: array[at] for name, array in arrays.items()}


def _in_one_tongue(contestants: Sequence[Contestant]) -> tuple[Task, list[Contestant]]:
    """Answers of models whose columns were fitted apart, as one task reads them.

    Raises:
        UsageError: the same rows have other true values.
    """
    task, together = contestants[0].task.pooled([(c.task, c.judged) for c in contestants])
    rows = len(contestants[0].judged.rows)
    groups = next((c.judged.groups for c in contestants if c.judged.groups is not None), None)
    found = []
    for place, contestant in enumerate(contestants):
        own = slice(place * rows, (place + 1) * rows)
        predicted, truth = _rows(together.predicted, own), _rows(together.truth, own)
        judged = Judged(predicted, truth, contestant.judged.rows, groups)
        found.append(replace(contestant, judged=judged))
    first = found[0].judged.truth
    for other in found[1:]:
        if not all(_alike(first[name], array) for name, array in other.judged.truth.items()):
            raise UsageError(
                f"{found[0].name} and {other.name} have other true values in the same rows: "
                "their target columns read the field in different ways"
            )
    return task, found


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether true values are the same, up to what float32 keeps of a standardised number."""
    if not np.issubdtype(first.dtype, np.floating):
        return bool(np.array_equal(first, second))
    scale = float(np.abs(first).max(initial=0.0))
    return bool(np.allclose(first, second, rtol=1e-4, atol=1e-5 * scale, equal_nan=True))
