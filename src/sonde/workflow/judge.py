"""Judge: the test part, opened from the bundle that will ship, beside simple rivals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Source
from sonde.contracts.task import Arrays, Judged, Score, Task
from sonde.core.port import PRESENT
from sonde.core.text import finite, to_json
from sonde.data.store import Store
from sonde.evaluate.baselines import run_baselines
from sonde.evaluate.intervals import intervals
from sonde.evaluate.scores import compare, score_all, sentence
from sonde.run.bundle import BATCH, Bundle
from sonde.run.directory import RunDirectory
from sonde.run.files import replace as put
from sonde.run.journal import read_journal
from sonde.run.weights import dump_arrays
from sonde.workflow.prepare import Prepared, raw_rows
from sonde.workflow.report import report_run
from sonde.workflow.verdict import Verdict


def judge_run(bundle: Bundle, prepared: Prepared, directory: RunDirectory) -> Bundle:
    """Opens the test part: scores, rivals, sentence, report; the bundle with its scores."""
    seed, rows = prepared.recipe.seed, prepared.parts.test
    journal = directory.journal
    journal.event("test opened", rows=len(rows))
    opened = sum(line.get("event") == "test opened" for line in read_journal(journal.path))
    judged = bundle.task.judge(bundle, raw_rows(prepared.source, rows, BATCH), seed)
    scores = score_all(bundle.task, judged, seed=seed)
    verdict = Verdict(scores, rows=len(judged.rows), opened=opened)
    if len(rows):
        verdict = _beside_rivals(verdict, bundle.task, judged, prepared)
    put(directory.scores, to_json(finite(verdict.dump()), indent=1))
    put(directory.path / "judged.safetensors", dump_arrays(_flat(judged)))
    journal.event("judged", **{name: float(score) for name, score in scores.items()})
    report_run(directory, bundle, prepared, judged, verdict)
    return bundle.scored(scores)


def judge_rows(bundle: Bundle, source: Source, *, seed: int = 0) -> tuple[Judged, dict[str, Score]]:
    """A bundle's scores on every row of a source that has its target.

    Raises:
        UnknownColumn: the rows lack a field the task needs to be judged.
    """
    judged = bundle.task.judge(bundle, _labelled(bundle.task, source), seed)
    return judged, score_all(bundle.task, judged, seed=seed)


def _labelled(task: Task, source: Source) -> Iterator[pa.RecordBatch]:
    """Rows whose targets are known, in small chunks, with their numbers."""
    import pyarrow.compute as pc

    first = 0
    needed = [field for name in task.targets for field in task.columns[name].reads]
    for chunk in source.scan(None):
        known = np.ones(chunk.num_rows, bool)
        for name in needed:
            known &= pc.is_valid(chunk.column(name)).to_numpy(zero_copy_only=False)
        numbers = np.flatnonzero(known)
        for start in range(0, len(numbers), BATCH):
            at = numbers[start : start + BATCH]
            yield chunk.take(pa.array(at)).append_column("#row", pa.array(at + first))
        first += chunk.num_rows


def _beside_rivals(verdict: Verdict, task: Task, judged: Judged, prepared: Prepared) -> Verdict:
    """The same rows answered by simple methods that saw the same training rows."""
    found = run_baselines(
        task,
        _encoded(prepared.data.store, prepared.parts.train),
        _encoded(prepared.data.store, judged.rows),
        seed=prepared.recipe.seed,
    )
    rivals = {name: result.predicted for name, result in found.items()}
    metrics, seed = task.metrics(), prepared.recipe.seed
    return replace(
        verdict,
        baselines={n: intervals(metrics, p, judged.truth, seed=seed) for n, p in rivals.items()},
        notes={name: result.note for name, result in found.items() if result.note},
        sentence=sentence(compare(task, judged, rivals, seed=seed)),
    )


def _encoded(store: Store, rows: np.ndarray) -> Arrays:
    """Dense columns of some rows, with what says where they are present."""
    out: dict[str, np.ndarray] = {}
    for name, column in store.items():
        if column.starts is None:
            out[name] = column.values[rows]
            if column.present is not None:
                out[PRESENT + name] = column.present[rows]
    return out


def _flat(judged: Judged) -> dict[str, np.ndarray]:
    arrays = {f"predicted/{name}": array for name, array in judged.predicted.items()}
    arrays |= {f"truth/{name}": array for name, array in judged.truth.items()}
    return arrays | {"rows": judged.rows}
