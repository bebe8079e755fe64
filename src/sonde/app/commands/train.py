"""`sonde train`: from raw data to a judged and sealed model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.app.checks import check_kinds, is_recipe, read_recipe, there
from sonde.app.output import emit, folds_shown, folds_summary, megabytes, score_table
from sonde.core.errors import RecipeError, UsageError
from sonde.core.text import from_yaml

if TYPE_CHECKING:
    from sonde.contracts.recipe import Recipe
    from sonde.core.spec import Spec
    from sonde.workflow.fit import Run


_WITHOUT_RECIPE = {"paradigm.budget": {"epochs": 50}, "paradigm.stop": {"patience": 10}}
"""How long to learn where nobody says, nor the task: until validation rows say it is enough."""


def train(
    path: str,
    /,
    *,
    target: str | None = None,
    task: str | None = None,
    model: str | None = None,
    epochs: float | None = None,
    seed: int | None = None,
    set: tuple[str, ...] = (),  # noqa: A002 - the flag's name
    run_dir: str | None = None,
    no_judge: bool = False,
    no_audit: bool = False,
    debug: bool = False,
    find_learning_rate: bool = False,
    json: bool = False,
) -> None:
    """Train, judge on the test part, seal. The same command again goes on where it was cut.

    Where the recipe's split has several folds, every fold is trained and judged, then a last model
    on the rows of all of them.

    Parameters
    ----------
    path
        A recipe (.yaml), or data: a table (CSV, TSV, also gzip), Parquet, Arrow or JSON rows, one
        file or several by a pattern such as 'sales/*.csv'; arrays (.npz); pictures in a folder,
        zip or tar.gz: one folder a class, or with boxes (VOC, COCO, YOLO, JSON lines, a table) or
        masks beside them, or named by a table; texts: plain (.txt), in a folder or file for each
        label, questions in SQuAD's form, labelled words (.conll), a folder of translations
        (train.en, train.de).
    target
        The column to predict, where the path is data.
    task
        What is to be done with it, where that does not follow from the column: verify, tag, ...
    model
        A blueprint: linear, dense, convnet, ...
    epochs
        Passes over the training rows.
    seed
        Of everything but the split, which has its own.
    set
        Any other option of the recipe by its place, such as `paradigm.batch_size=128`; quote what
        has brackets: `'paradigm.budget={epochs: 20}'`.
    run_dir
        The run's folder; by default the next under `runs/`, or the unfinished one to go on with.
    no_judge
        Leave the test part closed.
    no_audit
        Do not look for leaks: copies and groups on both sides, mixed times, equal inputs.
    debug
        Do not train: check first that this can be learned, and from labels that are right.
    find_learning_rate
        Do not train: try learning rates, suggest one, and draw learning-rate.svg, in the folder
        that `--run-dir` names or in this one.
    json
        Print one JSON object on stdout.
    """
    changes = _changes(set, model=model, epochs=epochs, seed=seed)
    plain = _plain(path, target, task, changes)
    from sonde.contracts.recipe import Recipe
    from sonde.workflow.fit import fit

    recipe = Recipe.parse(plain, where=path if is_recipe(path) else "options")
    if debug or find_learning_rate:
        _try_out(recipe, run_dir, debug=debug, json=json)
        return
    if recipe.split is not None and recipe.split.num_assignments > 1:
        _every_fold(recipe, run_dir, audit=not no_audit, json=json)
        return
    run = fit(recipe, run_dir=run_dir, judge=not no_judge, audit=not no_audit)
    if json:
        emit(summary(run))
    else:
        print(verdict(run))


def _try_out(recipe: Recipe, run_dir: str | None, *, debug: bool, json: bool) -> None:
    """The checks of `--debug`, or the search of `--find-learning-rate`."""
    if debug:
        from sonde.workflow.debug import debug as check

        if json:
            emit(check(recipe).dump())
            return
        found = check(recipe, on_finding=lambda finding: print(finding, flush=True))
        print("\n".join(found.remarks()), end="\n" if found.rows else "")
        return
    from sonde.run.directory import RunDirectory
    from sonde.workflow.learning_rate import find_learning_rate

    rates = find_learning_rate(recipe)
    picture = RunDirectory(Path(run_dir or ".")).rates
    picture.parent.mkdir(parents=True, exist_ok=True)
    rates.save(picture)
    if json:
        emit({"suggestion": rates.suggestion, "picture": str(picture),
              "rates": rates.rates.tolist(), "losses": rates.losses.tolist()})  # fmt: skip
    else:
        print(f"{rates}\npicture: {picture}")


def _every_fold(recipe: Recipe, run_dir: str | None, *, audit: bool, json: bool) -> None:
    """Cross-validation, as Python's `sonde.cross_validate` does it."""
    from sonde.workflow.cross_validate import cross_validate

    runs = cross_validate(recipe, run_dir=run_dir, audit=audit)
    if json:
        emit(folds_summary(runs))
    else:
        print(folds_shown(runs))


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
    golden = len(run.bundle.golden.answers)
    where = [f"report     {run.report}"] if found else []
    where.append(f"model      {run.directory.model}   ({size}, {golden} golden rows, verified)")
    if found is None:
        return "\n".join(["The test part was not opened.", *where])
    table = score_table(f"test, {found.rows:,} rows", {"sonde": found.scores, **found.baselines})
    notes = [f"({name}: {note})" for name, note in found.notes.items()]
    return "\n".join(["", table, *filter(None, [found.sentence]), *notes, *where])


def _changes(places: tuple[str, ...], **flags: Any) -> dict[str, Any]:
    """What flags and `--set` change in the recipe, by dotted place."""
    from sonde.contracts.learn import Budget
    from sonde.contracts.recipe import Recipe

    _check_flag(Budget, "epochs", flags["epochs"])
    _check_flag(Recipe, "seed", flags["seed"])
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
        changes[place] = _value(text, value)
    return changes


def _check_flag(spec: type[Spec], name: str, value: Any) -> None:
    """The spec whose field a flag fills takes its value."""
    if value is None:
        return
    try:
        spec.parse({name: value})
    except RecipeError as error:
        found = dict(error.problems)  # of what the flag leaves open too, which others give
        if name in found:
            raise UsageError(f"--{name}: {found[name]}") from None


def _value(text: str, value: str) -> Any:
    """The value of a `--set`, in whole `text`."""
    try:
        return from_yaml(value, where=text)
    except RecipeError:
        raise UsageError(
            f"--set {text}: got {value!r:.80}, expected a value such as 20, adamw, [64, 64] or "
            "{epochs: 20}. Quote it for the shell:  "
            "--set 'paradigm.budget={epochs: 20}'"
        ) from None


def _plain(
    path: str, target: str | None, task: str | None, changes: dict[str, Any]
) -> dict[str, Any]:
    from sonde.app.begin import DEFAULT_KINDS, begin, with_changes

    if is_recipe(path):
        if target is not None:
            raise UsageError("--target goes with data; a recipe names its own task.target")
        if task is not None:
            raise UsageError("--task goes with data; a recipe names its own task")
        plain = with_changes(read_recipe(path), changes)
        check_kinds(plain)
        return plain
    check_kinds(with_changes({"task": task} if task else {}, changes))
    recipe = begin(there(path), target, task=task, changes=changes)
    told = f", target {', '.join(recipe.task.targets)}" if recipe.task.targets else ""
    assert recipe.source is not None, "begun from a path"
    print(f"source     {path} ({recipe.source.describe()}){told}", file=sys.stderr)
    if recipe.columns is None and any(place.startswith("columns.") for place in changes):
        recipe = _with_columns(recipe, changes)
    usual = recipe.task.learns_by == DEFAULT_KINDS["paradigm"]
    rest = {place: value for place, value in changes.items() if place.partition(".")[0] != "task"}
    return with_changes(recipe.dump(), (_WITHOUT_RECIPE if usual else {}) | rest)


def _with_columns(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with all columns inferred; one may then be changed, and the others stay."""
    from sonde.app.begin import with_changes
    from sonde.contracts.recipe import Recipe
    from sonde.workflow.fit import open_source
    from sonde.workflow.prepare import resolve

    accepted = {place: value for place, value in changes.items() if place == "accept"}
    asked = Recipe.parse(with_changes(recipe.dump(), accepted), where="options")
    resolved, inspection = resolve(asked, open_source(asked, None))
    for item in inspection.findings if inspection is not None else ():
        if item.excluded and not item.suspect and f"columns.{item.field}" not in changes:
            print(f"left out   {item.field}: {item.excluded}", file=sys.stderr)
    return recipe.model_copy(update={"columns": resolved.columns})
