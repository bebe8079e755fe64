"""Cross-validation: every fold a run of its own, with columns fitted anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from sonde.contracts.metric import Score
from sonde.contracts.recipe import Recipe
from sonde.core.errors import UsageError, listed
from sonde.core.notice import listening, unheard
from sonde.core.text import finite, to_json
from sonde.run.bundle import Bundle
from sonde.run.directory import RunDirectory, claim
from sonde.run.files import replace as put
from sonde.workflow.fit import Job, Run, as_recipe, carry_out, open_source
from sonde.workflow.judge import verdict_on
from sonde.workflow.judged import read_answers
from sonde.workflow.pool import pool
from sonde.workflow.prepare import resolve
from sonde.workflow.report_folds import report_folds
from sonde.workflow.verdict import Verdict, read_verdict


@dataclass(frozen=True)
class Runs:
    """The folds of a cross-validation.

    Attributes:
        path: the folder of the folds' runs.
        folds: one finished run per fold.
        verdict: over the test rows of all folds together, each answered by the fold that had not
            seen it: scores, rivals, and by how much the model is better, with intervals.
        bundle: trained on every row that is not kept for validation; None with `refit=False`.
    """

    path: Path
    folds: list[Run]
    verdict: Verdict
    bundle: Bundle | None

    def __repr__(self) -> str:
        """Where they lie, how many there are, and what all together say."""
        told = self.verdict.sentence or listed(f"{n} {score}" for n, score in self.scores.items())
        return f"Runs({str(self.path)!r}, {len(self.folds)} folds: {told})"

    @property
    def scores(self) -> Mapping[str, Score]:
        """Over the test rows of all folds together, by name."""
        return self.verdict.scores

    @property
    def report(self) -> Path:
        """The report of the whole, one HTML file; each fold has its own besides."""
        return RunDirectory(self.path).report

    def of_folds(self, score: str, rival: str | None = None) -> np.ndarray:
        """(K,) a score on each fold, the model's or a rival's; NaN where a fold has none."""
        found = []
        for run in self.folds:
            verdict = read_verdict(run.directory)
            beside = verdict.baselines.get(rival, {}) if verdict and rival else run.scores
            found.append(float(beside[score]) if score in beside else float("nan"))
        return np.array(found)

    def spread(self, score: str) -> tuple[float, float, float]:
        """(mean, smallest, largest) of a score over the folds."""
        values = self.of_folds(score)
        return float(values.mean()), float(values.min()), float(values.max())


def cross_validate(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    data: Any = None,
    *,
    refit: bool = True,
    audit: bool = True,
    run_dir: str | Path | None = None,
) -> Runs:
    """Train once per fold of the recipe's split; columns are fitted anew in each.

    The same call again goes on where it was cut.

    Args:
        recipe: with a split of several folds, such as `{kind: kfold, num_folds: 10}`.
        data: as for `fit`.
        refit: whether a last model is trained on the rows of all folds.
        audit: whether the first fold is looked at for what may flatter the scores.
        run_dir: folder of the folds' runs; by default the next free one under `runs/`.

    Raises:
        UsageError: the split has one fold only.
    """
    checked = as_recipe(recipe)
    source = open_source(checked, data)
    with listening(unheard):  # each fold's run tells what it finds
        resolved, _ = resolve(checked, source)
    assert resolved.split is not None
    number = resolved.split.num_assignments
    if number < 2:
        raise UsageError(
            f"split {resolved.split.kind} has one fold; cross-validation needs several. "
            "Take split: {kind: kfold, num_folds: 10}."
        )
    fingerprint = source.fingerprint()
    identity = {"recipe": checked.identity(), "data": fingerprint}
    home = Path(run_dir) if run_dir is not None else _next(source.title, identity)
    said: set[str] = set()

    def run(fold: int | None) -> Run:
        name = "all" if fold is None else f"fold-{fold}"
        directory = claim(home / name, identity | {"fold": fold})
        job = Job(checked, source, fingerprint, directory, fold, audit and fold == 0, said)
        return carry_out(job, judge=fold is not None)

    folds = [run(fold) for fold in range(number)]
    task, answers = pool([(fold.bundle.task, read_answers(fold.directory)) for fold in folds])
    verdict = replace(verdict_on(task, answers, seed=checked.seed), opened=_opened(folds))
    runs = Runs(home, folds, verdict, run(None).bundle if refit else None)
    whole = RunDirectory(home)
    put(whole.scores, to_json(finite(verdict.dump()), indent=1))
    report_folds(runs, task, answers.judged, source)
    return runs


def _next(title: str, identity: Mapping[str, Any]) -> Path:
    """The unfinished folder of this very cross-validation, else the next free one."""
    for number in count(1):
        home = Path("runs") / f"{title}-folds-{number}"
        first = RunDirectory(home / "fold-0")
        facts = {} if first.given_back else first.facts
        whole = RunDirectory(home / "all").finished
        if not facts or (not whole and all(facts.get(k) == v for k, v in identity.items())):
            return home
    raise AssertionError("count does not end")


def _opened(folds: Sequence[Run]) -> int:
    """How often the test part of a fold was opened, at most."""
    verdicts = [read_verdict(fold.directory) for fold in folds]
    return max((verdict.opened for verdict in verdicts if verdict), default=0)
