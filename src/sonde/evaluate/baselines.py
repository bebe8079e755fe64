"""Baselines: what simple methods reach on the same split, from the same encoded columns."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

import numpy as np

from sonde.contracts.data import Ragged
from sonde.contracts.metric import Arrays
from sonde.contracts.task import Task
from sonde.core.port import PRESENT
from sonde.core.said import SAID
from sonde.core.seed import numpy_rng
from sonde.evaluate._design import features

_MOST_ROWS = 100_000
_MOST_WORK = 40_000_000
"""Rows x features x outputs that baselines are fitted on at most: about 20 s on two cores."""


_MOST_LETTERS = 4_000_000
"""Of all texts that n-grams are learned from: about 20 s on two cores."""


@dataclass(frozen=True)
class BaselineResult:
    """A baseline's answers to the test rows and what it was given.

    Attributes:
        predicted: answers as the task's metrics read them.
        rows_used, rows_total: training rows it was fitted on, and all there were.
        seconds: wall time of fitting and answering.
        left_out: inputs it cannot read, such as texts.
    """

    predicted: Arrays
    rows_used: int
    rows_total: int
    seconds: float
    left_out: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """What a reader must know about it; '' where it had all the network had."""
        notes = []
        if self.rows_used < self.rows_total:
            notes.append(f"fitted on {self.rows_used:,} of {self.rows_total:,} training rows")
        if self.left_out:
            notes.append(f"without {', '.join(self.left_out)}")
        return ", ".join(notes)


Encodings = Callable[[np.ndarray], Arrays]
"""(n,) row numbers -> their dense encoded columns, with `#present:` arrays."""


StepsOf = Callable[[str, np.ndarray], Ragged]
"""Name of a column of sequences, (n,) row numbers -> their encoded steps."""


TextsOf = Callable[[np.ndarray], Mapping[str, Sequence[str]]]
"""(n,) row numbers -> raw field -> their texts; nothing where no input is a text."""


class Held(NamedTuple):
    """What the rivals' rows are taken from, asked for no more training rows than are fitted on.

    Attributes:
        encoded: gives inputs and targets of rows that have a fixed number of values.
        texts: gives the raw texts of rows.
        steps: gives sequences of rows; of test rows no more than inputs are asked for.
    """

    encoded: Encodings
    texts: TextsOf | None = None
    steps: StepsOf | None = None


def run_baselines(
    task: Task, held: Held, train: np.ndarray, test: np.ndarray, *, seed: int
) -> dict[str, BaselineResult]:
    """Each baseline of a bound task, fitted on training rows, asked about test rows.

    A scalar becomes a number, NaN where missing; a category its index; a vector its values; a
    picture the means of square windows, at most 196 of them. Ports of varying length that a rival
    does not ask for are left out and named; rivals that read texts come first, and are given those
    as they stand in the data.

    Args:
        task: bound to fitted columns.
        held: gives the rows.
        train: (N,) numbers of the training rows.
        test: (n,) numbers of the test rows; their targets are not looked at.
        seed: of the sample and of the estimators.
    """
    rivals, (encoded, texts, steps) = task.baselines(), held
    found = {} if texts is None else _on_texts(task, encoded, (train, test), texts, seed)
    if not rivals:
        return found
    answered = features(task.inputs, encoded(test), np.arange(len(test)))
    rows = train[_sample(len(train), _affordable(task, answered.numbers.shape[1]), seed)]
    known, places = encoded(rows), np.arange(len(rows))
    learned = features(task.inputs, known, places).design(_targets(task, known, places))
    for name, baseline in rivals.items():
        began = time.perf_counter()
        looked_at: set[str] = set()
        given = (
            replace(learned, steps=_steps(steps, rows, {*task.inputs, *task.targets}, looked_at)),
            replace(answered.design({}), steps=_steps(steps, test, task.inputs, looked_at)),
        )
        predicted = task.predicted(baseline(*given, seed))
        seconds = time.perf_counter() - began
        left_out = tuple(p for p in answered.left_out if p != SAID and p not in looked_at)
        found[name] = BaselineResult(predicted, len(rows), len(train), seconds, left_out)
    return found


def _steps(
    give: StepsOf | None, rows: np.ndarray, allowed: Collection[str], looked_at: set[str]
) -> Callable[[str], Ragged] | None:
    """Sequences of rows by column, which notes what was asked for."""
    if give is None:
        return None

    def of(name: str) -> Ragged:
        if name not in allowed:
            raise KeyError(f"a rival asked for {name!r}, which it may not see")
        looked_at.add(name)
        return give(name, rows)

    return of


def _on_texts(
    task: Task,
    encoded: Encodings,
    parts: tuple[np.ndarray, np.ndarray],
    texts: TextsOf,
    seed: int,
) -> dict[str, BaselineResult]:
    """The rivals that read texts too, learned from (train) and asked about (test) rows."""
    train, test = parts
    rivals = task.text_baselines()
    asked = texts(test) if rivals else {}
    if not asked:
        return {}
    rows = train[_sample(len(train), _MOST_ROWS, seed)]
    known = texts(rows)
    letters = sum(len(text) for field in known.values() for text in field)
    affordable = max(1000, len(rows) * _letters(task) // max(1, letters))
    kept = _sample(len(rows), affordable, seed)
    rows, places = rows[kept], np.arange(len(kept))
    known = {name: [field[at] for at in kept] for name, field in known.items()}
    held = encoded(rows)
    learned = features(task.inputs, held, places).design(_targets(task, held, places))
    answered = features(task.inputs, encoded(test), np.arange(len(test)))
    sequences = {name for name, port in task.inputs.items() if port.kind == "sequence"}
    left_out = tuple(name for name in answered.left_out if name not in sequences)
    found = {}
    for name, baseline in rivals.items():
        began = time.perf_counter()
        given = replace(learned, texts=known), replace(answered.design({}), texts=asked)
        predicted = task.predicted(baseline(*given, seed))
        seconds = time.perf_counter() - began
        found[name] = BaselineResult(predicted, len(rows), len(train), seconds, left_out)
    return found


def _letters(task: Task) -> int:
    """Letters that n-grams are learned from at most; each class has weights of its own."""
    classes = sum(p.size or 1 for p in task.outputs.values() if p.kind != "sequence")
    return _MOST_LETTERS // max(1, classes // 4)


def _affordable(task: Task, num_features: int) -> int:
    """How many rows baselines may be fitted on, 1,000 at least.

    Boosted trees grow a tree for each class, so many classes cost as much as many features; two
    classes need but one tree.
    """
    ports = [port for port in task.outputs.values() if port.kind != "sequence"]
    sizes = [port.size or prod(s or 1 for s in port.shape) for port in ports]
    outputs = sum(size if size > 2 else 1 for size in sizes)
    return max(1000, min(_MOST_ROWS, _MOST_WORK // (num_features * max(1, outputs))))


def _sample(total: int, most: int, seed: int) -> np.ndarray:
    """(n,) ascending positions, all of them where they are few enough."""
    if total <= most:
        return np.arange(total)
    return np.sort(numpy_rng(seed, "baselines").choice(total, most, replace=False))


def _targets(task: Task, encoded: Arrays, rows: np.ndarray) -> Arrays:
    names = [key for name in task.targets for key in (name, PRESENT + name) if key in encoded]
    return {name: encoded[name][rows] for name in names}
