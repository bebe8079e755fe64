"""`sonde inspect`: look at data before anything is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sonde.app.checks import is_recipe, read_recipe, there
from sonde.app.output import emit
from sonde.core.errors import UsageError, counted

if TYPE_CHECKING:
    from sonde.contracts.data import Column, Source, Split
    from sonde.contracts.recipe import Recipe


class _Asked(NamedTuple):
    """What is looked at.

    Attributes:
        target: the field to be predicted, where one is named.
        task: what is to be learned, where the data's form or a recipe says it.
        columns: that are declared, by whoever says the task.
        accept: fields that are taken whatever they look like.
        is_chosen: whether a recipe says all this.
        split: how a recipe divides the rows, where it says so.
    """

    source: Source
    target: str | None
    task: Mapping[str, Any] | None
    columns: Mapping[str, Column] | None = None
    accept: Sequence[str] = ()
    is_chosen: bool = False
    split: Split | None = None


def inspect(path: str, /, *, target: str | None = None, json: bool = False) -> None:
    """Show columns, the kinds they would get and why, what is missing, what is left out.

    Parameters
    ----------
    path
        A table (CSV, TSV, also gzip), Parquet, Arrow or JSON rows, one file or several by a
        pattern such as 'sales/*.csv'; arrays (.npz); a folder, zip or tar.gz of pictures or of
        texts by label, or of translations; plain text, SQuAD's JSON, CoNLL's labelled words. Or a
        recipe: then its data, with its columns and its target.
    target
        The column to predict: columns that give it away are then pointed out.
    json
        Print one JSON object instead.
    """
    from sonde.data.audit.audit import audit_unsplit
    from sonde.data.inspect import inspect_source
    from sonde.data.show import as_json, render

    asked = _of_recipe(path, target) if is_recipe(path) else _of_data(path, target)
    source, target, task = asked.source, asked.target, asked.task
    inspection = inspect_source(source)
    targets = {target: ""} if target else {}
    if target:
        inspection = inspection.beside(targets, asked.accept)
    if asked.columns is not None:
        who = "the recipe" if asked.is_chosen else "the data's form"
        inspection = inspection.declared(asked.columns, targets, who)
    concerns = audit_unsplit(source, inspection, target, asked.split)
    if json:
        audit = [one.dump() for one in concerns]
        emit(as_json(inspection, target) | {"task": task, "audit": audit})
    else:
        head = f"{path}   {counted(inspection.rows, 'row')}, {source.describe()}"
        told = [line for one in concerns for line in (str(one), *(f"  {e}" for e in one.examples))]
        shown = render(inspection, head, target, task, is_chosen=asked.is_chosen)
        print("\n".join([shown, *told]))


def _of_data(path: str, target: str | None) -> _Asked:
    from sonde.contracts.recipe import Recipe
    from sonde.data.guess import guess_source

    source = guess_source(there(path))
    plan = source.plan(target)
    said = Recipe.parse({"source": source, **plan}) if "columns" in plan else None
    return _Asked(source, target, plan.get("task"), said.columns if said else None)


def _of_recipe(path: str, target: str | None) -> _Asked:
    if target is not None:
        raise UsageError("--target goes with data; a recipe names its own task.target")
    plain = read_recipe(path)
    from sonde.contracts.data import World
    from sonde.contracts.recipe import Recipe

    recipe = Recipe.parse(plain, where=path)
    if recipe.source is None:
        raise UsageError(f"{path}: the recipe names no source. Inspect the data itself:  "
                         "sonde inspect PATH")  # fmt: skip
    if isinstance(recipe.source, World):
        raise UsageError(f"{path}: its source is acted in and has no rows, expected one of data")
    task, target = recipe.task.dump(), _field_of(recipe)
    chosen = _Asked(recipe.source, target, task, recipe.columns, recipe.accept, is_chosen=True)
    return chosen._replace(split=recipe.split)


def _field_of(recipe: Recipe) -> str | None:
    """The field that a recipe's only target is read from."""
    if len(recipe.task.targets) != 1:
        return None
    (name,) = recipe.task.targets
    column = (recipe.columns or {}).get(name)
    return column.named(name).reads[0] if column is not None else name
