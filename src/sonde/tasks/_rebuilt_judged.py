"""How rebuilt rows, and rows drawn like them, are held against real ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Judged, Predictor, encode_all, stack
from sonde.core.batch import as_arrays
from sonde.core.seed import key
from sonde.data.batches import batch_of
from sonde.tasks._lifelike import Eye
from sonde.tasks._rebuilt import Part

if TYPE_CHECKING:
    from sonde.tasks.reconstruct import Reconstruct

_DRAWS = 8
"""Codes drawn for each test row to estimate its bound."""


def judged(
    task: Reconstruct, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int
) -> Judged:
    """On rows corrupted as in training, if so; the bound by eight draws of each code."""
    predicted: list[Arrays] = []
    truth: list[Arrays] = []
    rows: list[np.ndarray] = []
    for number, chunk in enumerate(chunks):
        draws, own = _DRAWS if task.beta is not None else 0, key(seed, "judge", number)
        asked = task.Options(seed=own, corrupt=task.corrupt is not None, draws=draws)
        found = dict(predictor.arrays(chunk, asked))
        batch = batch_of({p.name: task.columns[p.name].encode(chunk) for p in task.parts})
        true = as_arrays(task.asked(batch))
        true |= {name: found.pop(name) for name in list(found) if name.endswith(":given")}
        if task.label is not None and task.columns[task.label].reads[0] in chunk.schema.names:
            encoded = encode_all(task.columns, [task.label], chunk)[task.label]
            true["label"] = encoded.astype(np.int64)
        predicted.append(task.predicted(found))
        truth.append(task.truth(true))
        rows.append(chunk.column("#row").to_numpy())
    whole = Judged(stack(predicted), stack(truth), np.concatenate(rows))
    return whole if task.judge_by is None else _seen(task, predictor, whole, seed)


def _seen(task: Reconstruct, predictor: Predictor, whole: Judged, seed: int) -> Judged:
    """The same with features of the real pictures, and of as many that the model draws."""
    assert task.judge_by is not None
    eye = Eye.of(task.judge_by, predictor)
    part = pictured(task.parts)
    asked = task.Options(count=len(whole.rows), seed=key(seed, "drawn") % 2**32)
    drawn = predictor.arrays(None, asked)[f"{part.place}:said"]
    column = task.columns[part.name]
    real = np.stack(column.decode(whole.truth[f"{part.place}:true"]))
    made = np.stack(column.decode(np.rint(drawn * 255).astype(np.uint8)))
    return Judged(
        {**whole.predicted, "features": eye.features(made)},
        {**whole.truth, "features": eye.features(real)},
        whole.rows,
        shown=whole.shown,
    )


def pictured(parts: Iterable[Part]) -> Part:
    """The one column of pictures."""
    return next(part for part in parts if part.form == "grid")
