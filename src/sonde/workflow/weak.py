"""Weak segments of a run: its test rows' raw fields beside its errors."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.metric import Metric
from sonde.contracts.panels import Panel, Table
from sonde.contracts.task import Judged, Task
from sonde.core.errors import counted
from sonde.core.seed import numpy_rng
from sonde.evaluate.intervals import interval
from sonde.evaluate.scores import number, shown
from sonde.evaluate.slices import MOST_ROWS, weak_segments
from sonde.workflow.prepare import Prepared, raw_rows

_TITLE = "Weak segments"
_AT_ONCE = 4096
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_MOSTLY = 0.9
"""Part of a field's texts that are numbers, where it is read as numbers."""


def weak_panel(task: Task, judged: Judged, prepared: Prepared) -> Panel | None:
    """Where the model errs more than elsewhere; None where no row has an error of its own."""
    metric = next(((n, m) for n, m in task.metrics().items() if m.is_mean), None)
    if metric is None or not len(judged.rows):
        return None
    seed = prepared.recipe.seed
    judged = _sampled(judged, seed)
    errors = _errors(metric[1], judged)
    fields = _raw_fields(prepared, judged.rows)
    if errors is None or not fields:
        return None
    found = weak_segments(errors, fields, seed=seed, groups=judged.groups)
    lines = []
    for segment in found:
        here = _taken(judged, segment.rows)
        score = interval(metric[1], here.predicted, here.truth, seed=seed, groups=here.groups)
        lines.append((str(segment), f"{len(here.rows):,}", shown(score)))
    whole = metric[1].score(judged.predicted, judged.truth)
    over = counted(len(fields), "field")
    looked = f"A tree over {over} was grown on half of {len(errors):,} test rows"
    if not lines:
        note = f"No weak segment is shown. {looked} and measured on the other half."
        return Table(_TITLE, ("segment",), [], note)
    note = (
        f"Of all rows: {metric[0]} {number(whole)}. {looked}; what stands here was measured on the "
        "other half, with intervals of 95 %, and is worse than the rest after Holm's correction."
    )
    return Table(_TITLE, ("segment", "rows", metric[0]), lines, note)


def _sampled(judged: Judged, seed: int) -> Judged:
    """At most 50,000 rows of a judgement, in order."""
    total = len(judged.rows)
    if total <= MOST_ROWS:
        return judged
    kept = numpy_rng(seed, "weak segments").choice(total, MOST_ROWS, replace=False)
    return _taken(judged, np.sort(kept))


def _taken(judged: Judged, at: np.ndarray) -> Judged:
    groups = None if judged.groups is None else judged.groups[at]
    predicted, truth = (
        {name: array[at] for name, array in part.items()}
        for part in (judged.predicted, judged.truth)
    )
    return Judged(predicted, truth, judged.rows[at], groups)


def _errors(metric: Metric, judged: Judged) -> np.ndarray | None:
    """(N,) what each row takes from the score; None where some row has no error of its own."""
    terms = metric.terms(judged.predicted, judged.truth)
    if terms is None or not terms[:, 1].all():
        return None
    errors: np.ndarray = terms[:, 0] / terms[:, 1]
    return -errors if metric.higher_is_better else errors


def _raw_fields(prepared: Prepared, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Numbers and texts of the test rows by field; the target and what was left out are not."""
    columns, targets = prepared.columns, prepared.recipe.task.targets
    hidden = {field for name in targets for field in columns[name].reads} | set(prepared.excluded)
    names = [f.name for f in prepared.source.fields() if f.name not in hidden and _readable(f.type)]
    order = np.argsort(rows, kind="stable")
    chunks = list(_chunks(prepared, rows[order], names)) if names else []
    fields = {}
    for name in names:
        values = _as_array(pa.chunked_array([chunk.column(name) for chunk in chunks]))
        fields[name] = np.empty_like(values)
        fields[name][order] = values
    return fields


def _chunks(prepared: Prepared, rows: np.ndarray, names: list[str]) -> list[pa.RecordBatch]:
    return [chunk.select(names) for chunk in raw_rows(prepared.source, rows, _AT_ONCE)]


def _readable(kind: pa.DataType) -> bool:
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return bool(texts or numbers or pa.types.is_boolean(kind))


def _as_array(values: pa.ChunkedArray) -> np.ndarray:
    """(N,) float64 with NaN where missing, or objects with None; texts that are numbers are."""
    if pa.types.is_boolean(values.type):
        return np.array(values.to_pylist(), dtype=object)
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        trimmed = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, values.type), values)
        number = pc.fill_null(pc.match_substring_regex(trimmed, _NUMBER), False)
        if pc.sum(number).as_py() < _MOSTLY * (len(values) - values.null_count):
            return np.array(values.to_pylist(), dtype=object)
        values = pc.if_else(number, trimmed, pa.scalar(None, values.type))
    numbers: np.ndarray = pc.cast(values, pa.float64()).to_numpy()
    return numbers
