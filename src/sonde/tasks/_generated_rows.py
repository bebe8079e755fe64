"""Drawn pictures beside real ones: what is read, compared and asked of a named classifier."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sonde.contracts.task import Judged, Predictor
from sonde.core.errors import DataError, UsageError
from sonde.core.notice import say
from sonde.tasks._lifelike import Eye
from sonde.tasks._manifolds import nearest, within

if TYPE_CHECKING:
    from sonde.tasks.generate import Generate

MOST = 10_000
"""Real rows compared at most: each is held against every drawn one."""


@dataclass(frozen=True)
class Real:
    """Real rows.

    Attributes:
        pictures: (N, C, H, W) uint8.
        classes: (N,) int64, the condition's; zeros without one.
        rows: (N,) row numbers.
        given: (N,) raw rows of the fields that a caller gives.
    """

    pictures: np.ndarray
    classes: np.ndarray
    rows: np.ndarray
    given: pa.RecordBatch


def real_rows(task: Generate, chunks: Iterable[pa.RecordBatch]) -> Real:
    """Up to 10,000 rows, spread evenly; those of a class nobody trained on are left out, and said.

    Raises:
        DataError: there are none.
    """
    pictures, classes, rows, given = [], [], [], []
    strange = 0
    for chunk in chunks:
        index = np.zeros(chunk.num_rows, np.int64)
        known = np.ones(chunk.num_rows, bool)
        if task.condition is not None:
            column = task.columns[task.condition]
            index = column.encode(chunk).values.astype(np.int64)
            known = index < column.port.classes
            strange += int((~known).sum())
        encoded = task.columns[task.drawn].encode(chunk).values
        pictures.append(encoded[known])
        classes.append(index[known])
        rows.append(chunk.column("#row").to_numpy()[known])
        given.append(chunk.select([*task.given, "#row"]).filter(pa.array(known)))
    if strange:
        say(f"{strange:,} rows are of no class of {task.condition!r} that was trained on, and are "
            "not compared with")  # fmt: skip
    if not sum(map(len, rows)):
        raise DataError(
            "drawn pictures are judged beside real ones, and there are no rows. Give the split a "
            "test part, such as test: 0.1."
        )
    count = sum(map(len, rows))
    kept = np.unique(np.linspace(0, count - 1, min(count, MOST)).round().astype(np.int64))
    table = pa.Table.from_batches(given).take(pa.array(kept)).combine_chunks()
    return Real(
        np.concatenate(pictures)[kept],
        np.concatenate(classes)[kept],
        np.concatenate(rows)[kept],
        table.to_batches()[0],
    )


def beside(drawn: np.ndarray, real: Real) -> Judged:
    """Drawn and real pictures, each with its distance to the nearest of the others."""
    ours, theirs = flat(drawn), flat(real.pictures)
    pixels = ours.shape[1] ** 0.5  # a root of a mean, not of a sum
    _, far = nearest(ours, theirs)
    _, missed = nearest(theirs, ours)
    predicted = {"picture": drawn, "to real": far / pixels}
    truth = {"picture": real.pictures, "to drawn": missed / pixels, "class": real.classes}
    return Judged(predicted, truth, real.rows)


def judged_by(task: Generate, predictor: Predictor, judged: Judged) -> Judged:
    """The same, as the classifier sees it that the task names.

    Raises:
        UsageError: the model needs something else than a picture, or is no classifier.
    """
    assert task.judge_by is not None
    eye = Eye.of(task.judge_by, predictor)
    sorts = _sorts(task, eye) if task.condition is not None else ""
    column = task.columns[task.drawn]
    ours, theirs = (
        np.stack(column.decode(arrays["picture"])) for arrays in (judged.predicted, judged.truth)
    )
    drawn, real = eye.features(ours), eye.features(theirs)
    predicted = dict(judged.predicted) | {"features": drawn, "among real": within(drawn, real)}
    truth = dict(judged.truth) | {"features": real, "among drawn": within(real, drawn)}
    if task.condition is not None:
        wanted = np.array(task.classes)[judged.truth["class"]]
        predicted["agrees"] = np.array(eye.says(ours, sorts)) == wanted
    return replace(judged, predicted=predicted, truth=truth)


def _sorts(task: Generate, eye: Eye) -> str:
    """The class that the named model says."""
    asked = eye.model.task
    if len(asked.targets) != 1:
        raise UsageError(
            f"judge_by {task.judge_by}: a model of the task {asked.kind!r}, expected one that says "
            f"a class, such as {task.condition!r}"
        )
    return asked.targets[0]


def flat(pictures: np.ndarray) -> np.ndarray:
    """(N, C, H, W) uint8 -> (N, C * H * W) float32 in [0, 1]."""
    flat: np.ndarray = pictures.reshape(len(pictures), -1).astype(np.float32) / 255
    return flat
