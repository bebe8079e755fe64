"""The report of a run, gathered from what the run wrote down."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from sonde import __version__
from sonde.contracts.data import Column, Source
from sonde.contracts.model import Showing
from sonde.contracts.panels import Curves, Panel, Rowlist, Table
from sonde.contracts.recipe import Recipe
from sonde.contracts.task import Judged, Task
from sonde.core.picture import png
from sonde.core.text import to_yaml
from sonde.data.rows import to_jsonable
from sonde.evaluate.contents import (
    ColumnCard,
    DataCard,
    Outcome,
    Provenance,
    Report,
    ShownRow,
    by_target,
)
from sonde.evaluate.report import write_report
from sonde.evaluate.scores import number
from sonde.run.bundle import Bundle
from sonde.run.directory import RunDirectory
from sonde.run.journal import last_of_each_step, read_journal
from sonde.workflow._in_words import by_default, chosen, in_words
from sonde.workflow._shown import shown_while_learning
from sonde.workflow.audit import audit_panels
from sonde.workflow.prepare import Prepared, raw_rows
from sonde.workflow.verdict import Verdict
from sonde.workflow.weak import weak_panel

_MOST_POINTS = 2000
"""Points of a learning curve: more than a screen can show."""

_LOOKED_AT = 5000
"""Rows of each part that a column is shown for its panels."""


def report_run(
    directory: RunDirectory, bundle: Bundle, prepared: Prepared, judged: Judged, verdict: Verdict
) -> None:
    """Write `report.html` into the run's folder."""
    recipe = prepared.recipe
    assert recipe.model is not None
    panels = bundle.task.panels(judged)
    findings = found_in(directory, bundle, prepared, judged)
    named = [*panels, *(panel for shown in findings.values() for panel in shown)]
    outcome = outcome_of(
        bundle.task, verdict, panels, shown_rows(named, prepared.source, prepared.columns)
    )
    model = f"{recipe.model.describe()}, {_weights(bundle):,} weights{_work(verdict)}"
    asked = asked_of(recipe, prepared.source, model) | {"seed": str(recipe.seed)}
    provenance = Provenance(
        to_yaml(recipe.dump()),
        versions(),
        _times(directory),
        verdict.opened,
        recipe.paradigm.exactness,
    )
    learning = _learning(directory, outcome.about)
    title = f"{prepared.source.title} ({directory.path.name})"
    card = _data_card(prepared, directory)
    untouched = untouched_of(recipe)
    write_report(
        directory.report,
        Report(title, asked, card, learning, outcome, provenance, findings, untouched),
    )


def asked_of(recipe: Recipe, source: Source, model: str) -> dict[str, str]:
    """What was asked for: the data, and of each part of the recipe what somebody chose."""
    return {
        "data": source.title,
        "task": chosen(recipe.task),
        "model": model,
        "learning": chosen(recipe.paradigm),
    }


def untouched_of(recipe: Recipe) -> dict[str, str]:
    """The options that nobody chose."""
    parts = {"task": recipe.task, "model": recipe.model, "learning": recipe.paradigm}
    said = {name: by_default(spec) for name, spec in parts.items() if spec is not None}
    return {name: words for name, words in said.items() if words}


def outcome_of(
    task: Task, verdict: Verdict, panels: Sequence[Panel], rows: Mapping[int, ShownRow]
) -> Outcome:
    """How well it went: the model first, then its rivals."""
    return Outcome(
        {"sonde": verdict.scores, **verdict.baselines},
        task.main_metric,
        verdict.sentence,
        verdict.notes,
        panels,
        rows,
        verdict.gains,
        {name: metric.about for name, metric in task.metrics().items() if metric.about},
    )


def found_in(
    directory: RunDirectory, bundle: Bundle, prepared: Prepared, judged: Judged
) -> dict[str, list[Panel]]:
    """What was found out besides the scores: weak segments, and what may flatter the scores."""
    weak = weak_panel(bundle.task, judged, prepared)
    network = bundle.network
    return {
        "What went in": _column_panels(prepared),
        "How it computes": network.panels() if isinstance(network, Showing) else [],
        "Where it errs": [*_close_ups(bundle, prepared, judged), *([weak] if weak else [])],
        "What may flatter": audit_panels(directory),
    }


def _column_panels(prepared: Prepared) -> list[Panel]:
    """What columns show of the rows of each part, of which so many are looked at."""
    found: list[Panel] = []
    for name, column in prepared.columns.items():
        if type(column).panels is Column.panels:  # it shows nothing: no row need be read
            continue
        parts = {}
        for part in ("train", "valid", "test"):
            rows = prepared.parts.part(part)
            if len(rows):
                some = np.linspace(0, len(rows) - 1, min(len(rows), _LOOKED_AT)).astype(np.int64)
                parts[part] = prepared.data.store[name].take(rows[some])
        found += column.panels(parts)
    return found


def _close_ups(bundle: Bundle, prepared: Prepared, judged: Judged) -> list[Panel]:
    """What the task shows of a few rows by asking the model again."""

    def raw(rows: Sequence[int]) -> pa.RecordBatch:
        chunks = [*raw_rows(prepared.source, np.array(rows), len(rows))]
        return pa.Table.from_batches(chunks).combine_chunks().to_batches()[0]

    return bundle.task.close_ups(bundle, judged, raw)


def _work(verdict: Verdict) -> str:
    """What a judged row took to answer, where it was counted."""
    if not verdict.work:
        return ""
    return f", {number(verdict.work)} multiply-adds a row"


def _weights(bundle: Bundle) -> int:
    return sum(weight.numel() for weight in bundle.network.parameters())


def _data_card(prepared: Prepared, directory: RunDirectory) -> DataCard:
    targets = prepared.recipe.task.targets
    split = prepared.recipe.split
    lines = directory.quarantine.read_text(encoding="utf-8").splitlines()
    excluded = dict(prepared.excluded)
    if prepared.unlabelled:
        excluded["(rows)"] = f"{prepared.unlabelled:,} rows whose target is missing"
    return DataCard(
        {part: len(prepared.parts.part(part)) for part in ("train", "valid", "test")},
        in_words(split.dump()) if split else "none",
        [
            ColumnCard(
                n, c.kind, "target" if n in targets else "input", prepared.reasons.get(n, "")
            )
            for n, c in prepared.columns.items()
        ],
        excluded,
        prepared.bad_rows,
        lines[:20],
    )


def _learning(directory: RunDirectory, about: Mapping[str, str]) -> list[Panel]:
    """Loss over steps, and validation scores over steps, a figure each."""
    steps = last_of_each_step(directory.journal_path, "step")
    epochs = last_of_each_step(directory.journal_path, "epoch")
    found: list[Panel] = []
    for phase in dict.fromkeys(line["phase"] for line in steps):
        trained = [line for line in steps if line["phase"] == phase]
        valid = [line for line in epochs if line["phase"] == phase]
        series = {"training": _curve(trained, "loss"), "validation": _curve(valid, "loss")}
        series = {name: points for name, points in series.items() if len(points[0])}
        found.append(Curves(f"{phase}: loss", series, "step", "loss"))
        scored = [k for line in valid[:1] for k in line if k not in _BESIDES]
        shown = by_target(scored[:6], about)
        if len(valid) == 1:
            found.append(_only_evaluation(phase, valid[0], by_target(scored, about)))
            continue
        for name in shown:
            points = {"validation": _curve(valid, name)}
            found.append(Curves(f"{phase}: {name}", points, "step", name))
    return found + shown_while_learning(directory)


def _only_evaluation(phase: str, line: Mapping[str, Any], names: Sequence[str]) -> Table:
    """Scores that were taken once: one point is no curve."""
    rows = [(name, number(float(line[name]))) for name in names if isinstance(line[name], float)]
    note = f"Taken once, after step {line['step']:,}: there is no curve to draw."
    return Table(f"{phase}: validation scores", ("score", "value"), rows, note)


_BESIDES = ("event", "time", "phase", "step", "loss")


def _curve(lines: Sequence[Mapping[str, Any]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) of one logged value, thinned by averaging neighbours to what a screen can show."""
    points = [(line["step"], line[name]) for line in lines if isinstance(line.get(name), float)]
    x, y = np.array(points, float).reshape(-1, 2).T
    bins = -(-len(x) // _MOST_POINTS) or 1
    if bins == 1:
        return x, y
    edges = np.arange(0, len(x), bins)
    sizes = np.diff(edges, append=len(x))
    return np.add.reduceat(x, edges) / sizes, np.add.reduceat(y, edges) / sizes


def shown_rows(
    panels: Sequence[Panel], source: Source, columns: Mapping[str, Column]
) -> dict[int, ShownRow]:
    """The rows that panels name, with their pictures."""
    wanted = {row for panel in panels if isinstance(panel, Rowlist) for row in panel.rows}
    if not wanted:
        return {}
    shown = {}
    for chunk in raw_rows(source, np.array(sorted(wanted)), 64):
        pictures = _pictures(chunk, columns)
        own = [name for name in chunk.schema.names if name.startswith("#")]  # no fields of the data
        fields = chunk.drop_columns([*pictures, *own])
        rows = to_jsonable(fields) if fields.num_columns else [{}] * chunk.num_rows
        for at, row in enumerate(chunk.column("#row").to_pylist()):
            images = {name: column[at] for name, column in pictures.items()}
            shown[int(row)] = ShownRow(rows[at], images)
    return shown


def _pictures(chunk: pa.RecordBatch, columns: Mapping[str, Column]) -> dict[str, list[bytes]]:
    """Every picture column as PNG bytes, by its raw field."""
    found = {}
    for column in columns.values():
        if column.port.kind != "grid":
            continue
        decoded = column.decode(column.encode(chunk).values)
        found[column.reads[0]] = [png(pixels) for pixels in decoded]
    return found


def versions() -> dict[str, str]:
    """Packages and the machine."""
    names = ("torch", "numpy", "pyarrow", "pydantic", "scikit-learn")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    packages = {name: version(name) for name in names}
    return {
        "sonde": __version__,
        "python": platform.python_version(),
        **packages,
        "machine": machine,
    }


def _times(directory: RunDirectory) -> dict[str, str]:
    times = {}
    for line in read_journal(directory.journal_path):
        if line["event"] == "phase":
            times[f"phase {line['phase']}"] = f"{line['seconds']:.1f} s"
    return times
