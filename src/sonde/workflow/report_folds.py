"""The report of a cross-validation: all test rows together, and the spread over the folds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sonde.contracts.data import Source
from sonde.contracts.metric import Score
from sonde.contracts.panels import Panel, Table
from sonde.contracts.recipe import Recipe
from sonde.contracts.task import Judged, Task
from sonde.core.text import read_text
from sonde.evaluate.contents import ColumnCard, DataCard, Provenance, Report, by_target
from sonde.evaluate.report import write_report
from sonde.evaluate.scores import number, signed
from sonde.evaluate.significance import corrected_t
from sonde.run.directory import RunDirectory
from sonde.run.journal import read_journal
from sonde.workflow._in_words import chosen, in_words
from sonde.workflow.report import asked_of, outcome_of, shown_rows, untouched_of, versions

if TYPE_CHECKING:
    from sonde.workflow.cross_validate import Runs
    from sonde.workflow.fit import Run

_MOST_FOLDS_SHOWN = 12


def report_folds(runs: Runs, task: Task, judged: Judged, source: Source) -> None:
    """Write `report.html` into the folder of the folds."""
    first = runs.folds[0]
    panels = task.panels(judged)
    rows = shown_rows(panels, source, first.bundle.columns)
    outcome = outcome_of(task, runs.verdict, panels, rows)
    recipe = Recipe.parse(first.bundle.recipe)
    assert recipe.model is not None and recipe.split is not None
    asked = asked_of(recipe, source, recipe.model.describe())
    asked["folds"] = f"{len(runs.folds)}, {chosen(recipe.split)}"
    columns = [
        ColumnCard(name, column.kind, "target" if name in task.targets else "input")
        for name, column in first.bundle.columns.items()
    ]
    card = DataCard({"tested": len(judged.rows)}, in_words(recipe.split.dump()), columns)
    times = {f"fold {place}": _seconds(run) for place, run in enumerate(runs.folds, 1)}
    exactness = str(first.bundle.facts.get("exactness", ""))
    again = Provenance(
        read_text(first.directory.recipe), versions(), times, runs.verdict.opened, exactness
    )
    title = f"{source.title} ({len(runs.folds)} folds)"
    found = {"Fold by fold": fold_panels(runs, task)}
    untouched = untouched_of(recipe)
    write_report(runs.report, Report(title, asked, card, [], outcome, again, found, untouched))


def fold_panels(runs: Runs, task: Task) -> list[Panel]:
    """Every score over the folds, and how clearly rivals are behind from fold to fold."""
    folds = range(min(len(runs.folds), _MOST_FOLDS_SHOWN))
    lines = []
    about = {name: metric.about for name, metric in task.metrics().items()}
    for name in by_target(list(runs.scores), about):
        values = runs.of_folds(name)
        each = [number(float(values[fold])) for fold in folds]
        deviation = number(float(values.std(ddof=1)))
        lines.append((name, number(float(values.mean())), deviation, *each))
    heading = ("", "mean", "deviation", *(f"fold {fold + 1}" for fold in folds))
    note = "Deviation: of the scores of single folds, whose training rows overlap."
    return [Table("Scores", heading, lines, note), _beside_rivals(runs, task)]


def _beside_rivals(runs: Runs, task: Task) -> Table:
    """The main metric: gain on all rows together, and its p over the folds."""
    name = task.main_metric
    sign = 1 if task.metrics()[name].higher_is_better else -1
    lines = []
    for rival, gains in runs.verdict.gains.items():
        gained = sign * (runs.of_folds(name) - runs.of_folds(name, rival))
        p = corrected_t(gained, tested_to_trained(runs.folds[0].directory))
        won = f"{int((gained > 0).sum())} of {len(gained)}"
        lines.append((rival, _gain(gains[name]), signed(float(gained.mean())), won, number(p)))
    heading = ("rival", "gain on all rows", "mean over folds", "folds won", "p")
    note = (
        f"{name}. The interval takes the trained models as they are; p, of no difference over the "
        "folds, knows that training rows overlap (Nadeau and Bengio, 2003)."
    )
    return Table("Gain over rivals", heading, lines, note)


def _gain(score: Score) -> str:
    """A gain with its interval: `+0.012 [-0.003, +0.027]`."""
    if score.low is None or score.high is None:
        return signed(score.value)
    return f"{signed(score.value)} [{signed(score.low)}, {signed(score.high)}]"


def tested_to_trained(directory: RunDirectory) -> float:
    """Test rows over the rows that a run learned from."""
    parts = pq.read_table(directory.split, columns=["part"])["part"]
    counts = {entry["values"]: entry["counts"] for entry in pc.value_counts(parts).to_pylist()}
    trained = int(counts.get("train", 0)) + int(counts.get("valid", 0))
    return int(counts.get("test", 0)) / max(1, trained)


def _seconds(run: Run) -> str:
    lines = read_journal(run.directory.journal_path)
    seconds = [line["seconds"] for line in lines if line.get("event") == "phase"]
    return f"{float(np.sum(seconds)):.1f} s"
