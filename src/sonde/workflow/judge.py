"""Judge: the test part, opened from the bundle that will ship, beside simple rivals."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column, Ragged, RowError, Source, Split
from sonde.contracts.metric import Arrays, Score
from sonde.contracts.task import Judged, Task
from sonde.core.errors import DataError, listed
from sonde.core.notice import say
from sonde.core.port import PRESENT
from sonde.core.text import finite, to_json
from sonde.core.work import Products
from sonde.data.store import Store, StoredColumn, check_fields
from sonde.data.strange import StrangeRows
from sonde.data.texts import raw_texts
from sonde.data.unread import say_unread
from sonde.evaluate.baselines import Held, run_baselines
from sonde.evaluate.scores import score_all, sentence, stand
from sonde.run.bundle import BATCH, Bundle
from sonde.run.directory import RunDirectory
from sonde.run.files import replace as put
from sonde.run.journal import read_journal
from sonde.workflow.judged import Answers, group_numbers, write_answers
from sonde.workflow.prepare import Prepared, raw_rows
from sonde.workflow.report import report_run
from sonde.workflow.verdict import Verdict


def judge_run(bundle: Bundle, prepared: Prepared, directory: RunDirectory) -> Bundle:
    """Opens the test part: scores, rivals, sentence, report; the bundle with its scores."""
    seed, rows = prepared.recipe.seed, prepared.parts.test
    journal = directory.journal
    journal.event("test opened", rows=len(rows))
    opened = sum(line.get("event") == "test opened" for line in read_journal(journal.path))
    split = prepared.recipe.split
    groups = _Groups(split)
    chunks = groups.noting(raw_rows(prepared.source, rows, BATCH))
    with Products() as products:
        judged = groups.told(bundle.task.judge(bundle, chunks, seed))
    rivals, notes = _rivals(bundle.task, judged, prepared) if len(rows) else ({}, {})
    answers = Answers(judged, {**judged.rivals, **rivals})
    work = products.work / max(1, len(judged.rows))
    verdict = replace(
        verdict_on(bundle.task, answers, seed=seed), notes=notes, opened=opened, work=work
    )
    put(directory.scores, to_json(finite(verdict.dump()), indent=1))
    write_answers(directory, answers)
    journal.event("judged", **{name: float(score) for name, score in verdict.scores.items()})
    report_run(directory, bundle, prepared, judged, verdict)
    return bundle.scored(verdict.scores)


def verdict_on(task: Task, answers: Answers, *, seed: int) -> Verdict:
    """What answers are worth: scores, rivals on the same rows, who is better in plain words."""
    judged = answers.judged
    standing = stand(task.metrics(), judged, answers.rivals, seed=seed)
    beside = standing.by(task.main_metric) if task.main_metric and answers.rivals else []
    return Verdict(
        standing.scores, standing.rivals, standing.gains, sentence=sentence(beside),
        rows=len(judged.rows),
    )  # fmt: skip


def _rivals(
    task: Task, judged: Judged, prepared: Prepared
) -> tuple[dict[str, Arrays], dict[str, str]]:
    """What simple methods answer to the same rows, and what a reader must know of each."""
    read = [task.columns[name] for name in task.inputs if name in task.columns]
    held = Held(
        lambda asked: _encoded(prepared.data.store, asked),
        lambda asked: raw_texts(read, prepared.source, asked),
        lambda name, asked: _steps(prepared.data.store[name], asked),
    )
    seed = prepared.recipe.seed
    found = run_baselines(task, held, prepared.parts.train, judged.rows, seed=seed)
    notes = {name: result.note for name, result in found.items() if result.note}

    def raw() -> pa.RecordBatch:
        return pa.concat_batches(list(raw_rows(prepared.source, judged.rows, BATCH)))

    told = {name: task.beside(result.predicted, raw) for name, result in found.items()}
    return told, notes


@dataclass
class _Groups:
    """Which test rows hang together, noted while they pass.

    Attributes:
        split: what keeps them in one part; where it has no groups, every row stands for itself.
    """

    split: Split | None
    _rows: list[np.ndarray] = dataclasses.field(default_factory=list)
    _values: list[pa.Array] = dataclasses.field(default_factory=list)

    def noting(self, chunks: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same chunks."""
        for chunk in chunks:
            if self.split is not None and self.split.grouped_by is not None:
                self._rows.append(chunk.column("#row").to_numpy())
                values = chunk.column(self.split.grouped_by)
                self._values.append(self.split.groups_of(values))
            yield chunk

    def told(self, judged: Judged) -> Judged:
        """The judgement that knows its groups."""
        if not self._rows or judged.groups is not None:
            return judged
        rows = np.concatenate(self._rows)
        numbers = group_numbers(pa.chunked_array(self._values).combine_chunks(), rows)
        return replace(judged, groups=numbers[np.searchsorted(rows, judged.rows)])


def judge_rows(bundle: Bundle, source: Source, *, seed: int = 0) -> tuple[Judged, dict[str, Score]]:
    """A bundle's scores on every row of a source that has its target.

    Targets that no training row was like, such as unknown classes, are counted and said.

    Raises:
        UnknownColumn: the rows lack a field the task needs to be judged.
    """
    task = bundle.task
    targets = {name: task.columns[name] for name in task.targets if name in task.columns}
    strange = StrangeRows(targets)
    judged = task.judge(bundle, _noting(targets, _labelled(task, source), strange), seed)
    strange.tell()
    return judged, score_all(bundle.task, judged, seed=seed)


def _noting(
    columns: Mapping[str, Column], chunks: Iterator[pa.RecordBatch], strange: StrangeRows
) -> Iterator[pa.RecordBatch]:
    """The same chunks; what is strange in these columns is noted."""
    for chunk in chunks:
        strange.add(chunk, {name: column.encode(chunk) for name, column in columns.items()})
        yield chunk


def _labelled(task: Task, source: Source) -> Iterator[pa.RecordBatch]:
    """Rows whose targets are known, in small chunks, with their numbers; others are said.

    Raises:
        UnknownColumn: the source lacks a field of the targets or the inputs.
        DataError: no row's targets are known.
    """
    import pyarrow.compute as pc

    asked = [task.columns[n] for n in (*task.targets, *task.inputs) if n in task.columns]
    check_fields(source, dict.fromkeys(field for column in asked for field in column.reads))
    first, found = 0, 0
    unread: list[RowError] = []
    for chunk in source.scan(None, unread.append):
        known = {name: np.ones(chunk.num_rows, bool) for name in task.targets}
        for name in known:
            for field in task.columns[name].reads:
                known[name] &= pc.is_valid(chunk.column(field)).to_numpy(zero_copy_only=False)
        numbers = np.flatnonzero(task.usable(known)) if known else np.arange(chunk.num_rows)
        for start in range(0, len(numbers), BATCH):
            at = numbers[start : start + BATCH]
            yield chunk.take(pa.array(at)).append_column("#row", pa.array(at + first))
        first += chunk.num_rows
        found += len(numbers)
    if not found:
        raise DataError(
            f"{source.title}: none of its {first:,} rows has {listed(task.targets)}, so there is "
            "nothing to judge by"
        )
    say_unread(source.title, unread, "not judged is")
    if found < first:
        say(f"{source.title}: {first - found:,} of {first:,} rows have no {listed(task.targets)} "
            "and are not judged")  # fmt: skip


def _steps(column: StoredColumn, rows: np.ndarray) -> Ragged:
    """Sequences of some rows."""
    taken = column.take(rows)
    assert taken.starts is not None and taken.lengths is not None, "its rows differ in length"
    return Ragged(taken.values, taken.starts, taken.lengths)


def _encoded(store: Store, rows: np.ndarray) -> Arrays:
    """Dense columns of some rows, with what says where they are present."""
    out: dict[str, np.ndarray] = {}
    for name, column in store.items():
        if column.starts is None:
            out[name] = column.values[rows]
            if column.present is not None:
                out[PRESENT + name] = column.present[rows]
    return out
