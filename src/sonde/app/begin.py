"""A recipe from a path and a target: what `sonde train table.csv --target price` means."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sonde.contracts.data import Column, Source
from sonde.contracts.recipe import Recipe
from sonde.core.errors import UsageError, listed
from sonde.core.port import is_reserved
from sonde.core.registry import registry
from sonde.data.guess import guess_source
from sonde.data.inspect import inspect_source, target_column
from sonde.data.store import check_fields

DEFAULT_KINDS = {"paradigm": Recipe.model_fields["paradigm"].default}
"""What a recipe that is silent about a place has there, so that options of it can be changed."""

_TASKS = {"scalar": "regression", "category": "classification"}
"""Port kind of a target -> the task that predicts it."""

_TASKS_OF = {"set": "multilabel", "boxes": "detect", "mask": "segment"}
"""Kind of a target's column -> the task that predicts it, where its port does not say enough."""


_ASKED = {
    "image": "Where its pixels are classes, add  --task segment  Where it is what the other "
    "picture should look like, add  --task restore  Else take another target.",
    "text": "Take another target, add --task translate, or write a recipe in which it is a "
    "category, or whose task says texts: translate, answer, write, tag.",
}
"""Kind of a target's column -> what to do where it alone does not say the task."""

_OTHERWISE = "Take another target, or write a recipe in which it is a number or a category."


def begin(
    path: str,
    target: str | None,
    *,
    task: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Recipe:
    """A recipe that names source and task; the rest is inferred later.

    Args:
        path: of the data.
        target: a column, or several with commas between them.
        task: its kind; None for the one that predicts such a target.
        changes: options of the task by dotted place, such as `task.margin`; others are left alone.

    Raises:
        UsageError: there is no target, and more than one column could be it.
        UnknownColumn: the data has no such column.
        UnknownKind: there is no such task.
    """
    own = {place: value for place, value in (changes or {}).items() if _of_task(place)}
    whole = own.get("task", {})
    said: Mapping[str, Any] = {"kind": whole} if isinstance(whole, str) else whole
    if isinstance(said, Mapping):  # else the recipe says what is wrong with it
        own.pop("task", None)
        own = {f"task.{name}": value for name, value in said.items()} | own
    kind, target = task or own.get("task.kind", ""), target or own.get("task.target")
    source = guess_source(path)
    plan = _planned(source, target, kind)
    if "task" not in plan:
        told = own.keys() - {"task.kind", "task.target"}
        plan["task"] = _named_task(source, target, kind, told) if kind else _task(source, target)
    return Recipe.parse(with_changes({"source": source, **plan}, own), where="options")


def _planned(source: Source, target: str | None, kind: str) -> dict[str, Any]:
    """What the data's own form says, unless something else is asked of it."""
    plan = dict(source.plan(target))
    task = plan.get("task", {})
    asked = kind not in ("", task.get("kind")) or target not in (None, task.get("target"))
    return {} if asked else plan


def _of_task(place: str) -> bool:
    return place.partition(".")[0] == "task"


def _task(source: Source, target: str | None) -> dict[str, Any]:
    """The task that predicts the target."""
    known = _columns_of(source)
    names = _named(known, target or _of_pictures(source))
    check_fields(source, names)
    return _task_for(source, names)


def _named_task(
    source: Source, target: str | None, kind: str, told: Collection[str]
) -> dict[str, Any]:
    """A task of this kind, with its target where it has one, and what the one other column is.

    Where nothing else is said of the task, that may also be an option it can do without.

    Args:
        source: the data.
        target: the column that was asked for, where one was.
        kind: of the task.
        told: other options that are given, as `task.margin`.

    Raises:
        UsageError: there is no target, or several columns could be what the task needs besides.
        UnknownColumn: the data has no such column.
    """
    options = registry("task").load(kind).model_fields
    if "target" not in options:
        if target is not None:
            raise UsageError(
                f"--target {target}: the task {kind!r} predicts no column. Leave it out."
            )
        return {"kind": kind}
    known = _columns_of(source)
    name = target or _of_pictures(source) or _suited(source, kind) or _only_target(known)
    check_fields(source, [name])
    named = {"kind": kind, "target": name}
    needed = [option for option, field in options.items() if field.is_required()]
    others = [column for column in known if column != name]
    if len(others) == 1 and len(needed) == 2:  # such as what is translated
        named |= dict.fromkeys([option for option in needed if option != "target"], others[0])
    kinds = {field.name: field.kind for field in source.fields() if field.kind}
    alike = [other for other in others if kinds.get(other) == kinds.get(name, "")]
    open_still = [name for name in needed if name not in named and f"task.{name}" not in told]
    if open_still:
        raise UsageError(
            f"which column is the {open_still[0]} of the task {kind!r}? Add  "
            f"--set task.{open_still[0]}=NAME. Columns: {listed(others, 30)}"
        )
    if not told and "source" in options.keys() - needed and len(alike) == 1:
        named["source"] = alike[0]  # such as the pictures that are to be restored
    return named


def _columns_of(source: Source) -> list[str]:
    return [field.name for field in source.fields() if not is_reserved(field.name)]


def _named(known: list[str], target: str | None) -> list[str]:
    """The targets: one column, or several with commas between them."""
    if target is None:
        return [_only_target(known)]
    parts = [part.strip() for part in target.split(",") if part.strip()]
    return [target] if target in known or len(parts) < 2 else parts


def _of_pictures(source: Source) -> str | None:
    """The one field beside pictures whose kind the source says, such as their boxes."""
    beside = [field.name for field in source.fields() if field.kind in _TASKS_OF]
    return beside[0] if len(beside) == 1 else None


def _suited(source: Source, kind: str) -> str | None:
    """The one field whose kind, as the source says it, is what the task's target is."""
    task: Any = registry("task").load(kind)
    if [name for name, option in task.model_fields.items() if option.is_required()] != ["target"]:
        return None  # what its columns are depends on other options
    told = {field.name: field.kind for field in source.fields() if field.kind}
    suited = [
        name
        for name, own in told.items()
        if task.model_construct(target=name).target_columns().get(name) == own
    ]
    return suited[0] if len(suited) == 1 else None


def _only_target(known: list[str]) -> str:
    """`label` where a folder per class gives it."""
    if "label" in known:
        return "label"
    if known == ["image"]:
        raise UsageError(
            "what is to be learned from pictures without labels? Put those of a class into a "
            "folder of its own, or take --task restore, reconstruct or generate."
        )
    raise UsageError(
        f"which column is to be predicted? Add  --target NAME. Columns: {listed(known, 30)}"
    )


def _task_for(source: Source, names: list[str]) -> dict[str, Any]:
    """One task for each target; side by side where there are several."""
    inspection = inspect_source(source)
    columns = [target_column(inspection.finding(name), "") for name in names]
    tasks = [{"kind": _kind_for(column), "target": column.name} for column in columns]
    return tasks[0] if len(tasks) == 1 else {"kind": "several", "tasks": tasks}


def _kind_for(column: Column) -> str:
    """Classes are classified, numbers regressed; of sets each word is a label, boxes are found.

    Raises:
        UsageError: no task predicts such a column.
    """
    if column.kind in _TASKS_OF:
        return _TASKS_OF[column.kind]
    if column.port.kind not in _TASKS:
        raise UsageError(
            f"target {column.name!r} is a column of kind {column.kind!r}, which no task predicts "
            f"without more being said. {_ASKED.get(column.kind, _OTHERWISE)}"
        )
    return _TASKS[column.port.kind]


def with_changes(plain: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data with dotted places changed: `{"paradigm.budget.epochs": 5}`."""
    out: dict[str, Any] = dict(plain)
    for place, value in changes.items():
        head, _, rest = place.partition(".")
        if not rest:
            out[head] = value
            continue
        inner = out.get(head, DEFAULT_KINDS.get(head))
        inner = {"kind": inner} if isinstance(inner, str) else inner or {}
        if not isinstance(inner, Mapping):
            raise UsageError(
                f"{place!r}: got {head!r} as {inner!r}, which has no options to change"
            )
        out[head] = with_changes(inner, {rest: value})
    return out
