"""Cross-validation: every fold a run of its own, with columns fitted anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from sonde.contracts.recipe import Recipe
from sonde.contracts.task import Judged, Score
from sonde.core.errors import UsageError
from sonde.evaluate.scores import score_all
from sonde.run.bundle import Bundle
from sonde.run.directory import claim
from sonde.run.weights import load_arrays
from sonde.workflow.fit import Job, Run, as_recipe, carry_out, open_source
from sonde.workflow.prepare import resolve


@dataclass(frozen=True)
class Runs:
    """The folds of a cross-validation.

    Attributes:
        path: the folder of the folds' runs.
        folds: one finished run per fold.
        scores: over the test rows of all folds together, each answered by the fold that had not
            seen it, with bootstrap intervals.
        bundle: trained on every row that is not kept for validation; None with `refit=False`.
    """

    path: Path
    folds: list[Run]
    scores: Mapping[str, Score]
    bundle: Bundle | None

    def spread(self, score: str) -> tuple[float, float, float]:
        """(mean, smallest, largest) of a score over the folds."""
        values = np.array([float(run.scores[score]) for run in self.folds])
        return float(values.mean()), float(values.min()), float(values.max())


def cross_validate(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    data: Any = None,
    *,
    refit: bool = True,
    run_dir: str | Path | None = None,
) -> Runs:
    """Train once per fold of the recipe's split; columns are fitted anew in each.

    The same call again goes on where it was cut.

    Args:
        recipe: with a split of several folds, such as `{kind: kfold, num_folds: 10}`.
        data: as for `fit`.
        refit: whether a last model is trained on the rows of all folds.
        run_dir: folder of the folds' runs; by default the next free one under `runs/`.

    Raises:
        UsageError: the split has one fold only.
    """
    checked = as_recipe(recipe)
    source = open_source(checked, data)
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

    def run(fold: int | None) -> Run:
        name = "all" if fold is None else f"fold-{fold}"
        directory = claim(home / name, identity | {"fold": fold})
        job = Job(checked, source, fingerprint, directory, fold)
        return carry_out(job, judge=fold is not None)

    folds = [run(fold) for fold in range(number)]
    first = folds[0].bundle.task
    task, judged = first.pooled([(fold.bundle.task, _judged(fold)) for fold in folds])
    scores = score_all(task, judged, seed=checked.seed)
    return Runs(home, folds, scores, run(None).bundle if refit else None)


def _next(title: str, identity: Mapping[str, Any]) -> Path:
    """The unfinished folder of this very cross-validation, else the next free one."""
    from sonde.run.directory import RunDirectory

    for number in count(1):
        home = Path("runs") / f"{title}-folds-{number}"
        facts = RunDirectory(home / "fold-0").facts
        whole = RunDirectory(home / "all").finished
        if not facts or (not whole and all(facts.get(k) == v for k, v in identity.items())):
            return home
    raise AssertionError("count does not end")


def _judged(run: Run) -> Judged:
    arrays = load_arrays(memoryview((run.path / "judged.safetensors").read_bytes()))
    parts: dict[str, dict[str, np.ndarray]] = {"predicted": {}, "truth": {}}
    for name, array in arrays.items():
        part, _, inner = name.partition("/")
        if inner:
            parts[part][inner] = array
    return Judged(parts["predicted"], parts["truth"], arrays["rows"])
