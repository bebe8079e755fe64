"""A recipe from a path and a target: what `sonde train table.csv --target price` means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sonde.contracts.data import Source
from sonde.contracts.recipe import Recipe
from sonde.core.errors import UsageError, listed
from sonde.data.inspect import infer_columns, inspect_source
from sonde.data.memory import guess_source
from sonde.data.store import check_fields


def begin(path: str, target: str | None, **parts: Any) -> Recipe:
    """A recipe that names source, task and what the caller chose; the rest is inferred later.

    Raises:
        UsageError: there is no target, and more than one column could be it.
        UnknownColumn: the data has no such column.
    """
    source = guess_source(path)
    name = target or _only_target(source)
    check_fields(source, [name])
    task = parts.pop("task", None) or _task_for(source, name)
    plain = {"task": {"kind": task, "target": name}, **{k: v for k, v in parts.items() if v}}
    return Recipe.parse({"source": source, **plain}, where="options")


def _only_target(source: Source) -> str:
    """`label` where a folder per class gives it."""
    names = [field.name for field in source.fields()]
    if "label" in names:
        return "label"
    raise UsageError(
        f"which column is to be predicted? Add  --target NAME. Columns: {listed(names, 30)}"
    )


def _task_for(source: Source, target: str) -> str:
    """Classes are classified, numbers are regressed."""
    column = infer_columns(inspect_source(source), {target: ""})[target]
    return "regression" if column.port.kind == "scalar" else "classification"


def with_changes(plain: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data with dotted places changed: `{"paradigm.budget.epochs": 5}`."""
    out: dict[str, Any] = dict(plain)
    for place, value in changes.items():
        head, _, rest = place.partition(".")
        if not rest:
            out[head] = value
            continue
        inner = out.get(head)
        inner = {"kind": inner} if isinstance(inner, str) else dict(inner or {})
        out[head] = with_changes(inner, {rest: value})
    return out
