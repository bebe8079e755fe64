"""`sonde train`: from raw data to a judged and sealed model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sonde.app.checks import check_kinds, is_recipe, read_recipe, there
from sonde.app.output import emit, megabytes, score_table
from sonde.core.errors import UsageError
from sonde.core.text import from_yaml

if TYPE_CHECKING:
    from sonde.contracts.recipe import Recipe
    from sonde.workflow.fit import Run


_WITHOUT_RECIPE = {"paradigm.budget": {"epochs": 50}, "paradigm.stop": {"patience": 10}}
"""How long to learn where nobody says: until validation rows say it is enough."""


def train(
    path: str,
    /,
    *,
    target: str | None = None,
    model: str | None = None,
    epochs: float | None = None,
    seed: int | None = None,
    set: tuple[str, ...] = (),  # noqa: A002 - the flag's name
    run_dir: str | None = None,
    no_judge: bool = False,
    json: bool = False,
) -> None:
    """Train, judge on the test part, seal. The same command again goes on where it was cut.

    Where the recipe's split has several folds, every fold is trained and judged, then a last model
    on the rows of all of them.

    Parameters
    ----------
    path
        A recipe (.yaml), or data: a table, or a folder of pictures with a folder per class.
    target
        The column to predict, where the path is data.
    model
        A blueprint: linear, dense, convnet, ...
    epochs
        Passes over the training rows.
    seed
        Of everything but the split, which has its own.
    set
        Any other option of the recipe by its place, such as `paradigm.batch_size=128`.
    run_dir
        The run's folder; by default the next under `runs/`, or the unfinished one to go on with.
    no_judge
        Leave the test part closed.
    json
        Print one JSON object on stdout.
    """
    changes = _changes(set, model=model, epochs=epochs, seed=seed)
    plain = _plain(path, target, changes)
    from sonde.contracts.recipe import Recipe
    from sonde.workflow.fit import fit

    recipe = Recipe.parse(plain, where=path)
    if recipe.split is not None and recipe.split.num_assignments > 1:
        _every_fold(recipe, run_dir, json=json)
        return
    run = fit(recipe, run_dir=run_dir, judge=not no_judge)
    if json:
        emit(summary(run))
    else:
        print(verdict(run))


def _every_fold(recipe: Recipe, run_dir: str | None, *, json: bool) -> None:
    """Cross-validation, as Python's `sonde.cross_validate` does it."""
    from sonde.workflow.cross_validate import cross_validate

    runs = cross_validate(recipe, run_dir=run_dir)
    model = runs.path / "all" / "model.sonde"
    spreads = {name: runs.spread(name) for name in runs.scores}
    if json:
        scores = {name: vars(score) for name, score in runs.scores.items()}
        emit({"runs": str(runs.path), "model": str(model), "scores": scores, "spread": spreads})
        return
    first = next(iter(runs.scores.values()))
    print(score_table(f"{len(runs.folds)} folds, {first.rows:,} rows", {"sonde": runs.scores}))
    for name, (mean, low, high) in list(spreads.items())[:3]:
        print(f"{name} over the folds: {mean:.4g}, from {low:.4g} to {high:.4g}")
    print(f"model      {model}   (trained on the rows of all folds)")


def summary(run: Run) -> dict[str, Any]:
    """A finished run as plain data."""
    from sonde.workflow.verdict import read_verdict

    found = read_verdict(run.directory)
    return {
        "run": str(run.path),
        "model": str(run.directory.model),
        "report": str(run.report),
        "verdict": found.dump() if found else None,
    }


def verdict(run: Run) -> str:
    """A finished run for people: scores beside rivals, the plain sentence, where things are."""
    from sonde.workflow.verdict import read_verdict

    found = read_verdict(run.directory)
    size = megabytes(run.directory.model)
    golden = len(run.bundle.golden.rows)
    where = [f"report     {run.report}"] if found else []
    where.append(f"model      {run.directory.model}   ({size}, {golden} golden rows, verified)")
    if found is None:
        return "\n".join(["The test part was not opened.", *where])
    table = score_table(f"test, {found.rows:,} rows", {"sonde": found.scores, **found.baselines})
    notes = [f"({name}: {note})" for name, note in found.notes.items()]
    return "\n".join(["", table, *filter(None, [found.sentence]), *notes, *where])


def _changes(places: tuple[str, ...], **flags: Any) -> dict[str, Any]:
    """What flags and `--set` change in the recipe, by dotted place."""
    homes = {"model": "model", "epochs": "paradigm.budget", "seed": "seed"}
    changes: dict[str, Any] = {
        homes[name]: {"epochs": value} if name == "epochs" else value
        for name, value in flags.items()
        if value is not None
    }
    for text in places:
        place, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"--set {text!r}: expected PLACE=VALUE, such as paradigm.batch_size=64"
            )
        changes[place] = from_yaml(value, where=f"--set {place}")
    return changes


def _plain(path: str, target: str | None, changes: dict[str, Any]) -> dict[str, Any]:
    from sonde.app.begin import begin, with_changes

    if is_recipe(path):
        if target is not None:
            raise UsageError("--target goes with data; a recipe names its own task.target")
        plain = with_changes(read_recipe(path), changes)
        check_kinds(plain)
        return plain
    check_kinds(with_changes({}, changes))
    plain = begin(there(path), target).dump()
    print(f"source     {path}, target {plain['task']['target']}", file=sys.stderr)
    return with_changes(plain, _WITHOUT_RECIPE | changes)
