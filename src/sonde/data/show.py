"""An inspection for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sonde.core.errors import counted
from sonde.data.columns._text import shortened
from sonde.data.inspect import Inspection
from sonde.data.likely import likely_targets
from sonde.data.suspects import accepting


def render(
    inspection: Inspection,
    describe: str,
    target: str | None = None,
    task: Mapping[str, Any] | None = None,
    *,
    is_chosen: bool = False,
) -> str:
    """The terminal text.

    Args:
        inspection: what is known.
        describe: the first line, such as the file, its rows and columns.
        target: the field to be predicted; None has the likely one pointed at, or asks which it is.
        task: what the data's own form says is to be learned; then nothing is asked.
        is_chosen: whether a recipe says so, not the form.
    """
    who = "The recipe" if is_chosen else "Without a recipe"
    suits = task is not None and (is_chosen or target in (None, task.get("target")))
    told = [f"{who}: {_in_words(task)}."] if task and suits else []
    likely = [] if target or told else likely_targets(inspection)
    wide = max((len(_printable(i.field, 32)) for i in inspection.findings), default=0)
    lines = [describe]
    for item in inspection.findings:
        words = _printable(item.excluded or item.reason, 160)
        if item.suspect:
            words = f"! {words} left out"
        elif item.field == target:
            words = f"{item.reason}   <- target"
        elif item.excluded:
            words = f"left out: {words}"
        if [item.field] == likely:
            words += f"   <- target?  --target {_printable(item.field, 32)}"
        lines.append(f"  {_printable(item.field, 32):<{wide}}   {item.kind or '-':<10} {words}")
    asked = [] if target or told or len(likely) == 1 else [_which(likely)]
    return "\n".join([*lines, *_remarks(inspection), *told, *asked])


def as_json(inspection: Inspection, target: str | None = None) -> dict[str, Any]:
    """The same as plain data; of unread lines the first hundred."""
    return {
        "title": inspection.title,
        "rows": inspection.rows,
        "complete": inspection.complete,
        "duplicates": inspection.duplicates,
        "likely_targets": [] if target else likely_targets(inspection),
        "unread_count": len(inspection.unread),
        "unread": [error._asdict() for error in inspection.unread[:100]],
        "fields": [
            {
                "field": item.field,
                "kind": item.kind,
                "reason": item.reason,
                "options": dict(item.options),
                "excluded": item.excluded,
                "suspect": item.suspect,
                **item.facts,
            }
            for item in inspection.findings
        ],
    }


def _in_words(task: Mapping[str, Any]) -> str:
    """`task write`, `task answer, target answers`."""
    target = f", target {_printable(task['target'], 32)}" if "target" in task else ""
    return f"task {task['kind']}{target}"


def _which(likely: Sequence[str]) -> str:
    """The question where nothing says surely which field is to be predicted."""
    candidates = f" Candidates: {', '.join(_printable(f, 32) for f in likely)}." if likely else ""
    return f"Which column is to be predicted?{candidates}  --target NAME"


def _remarks(inspection: Inspection) -> Iterator[str]:
    if not inspection.complete:
        yield f"Looked at the first {counted(inspection.rows, 'row')}."
    if inspection.duplicates:
        yield f"{counted(inspection.duplicates, 'duplicate row')}."
    unread = [error for error in inspection.unread if not error.harmless]
    if empty := len(inspection.unread) - len(unread):
        yield f"{counted(empty, 'empty row')}, ignored."
    if unread:
        first = unread[0]
        place = first.place or f"line {first.row}"
        yield (
            f"{counted(len(unread), 'line')} could not be read as rows. "
            f"First: {place}: got {_printable(repr(first.got), 60)}, "
            f"expected {first.expected}."
        )
    if accepted := [i.field for i in inspection.findings if i.suspect]:
        yield (
            "A column marked ! is used where it is known before the answer is:  "
            f"{accepting(accepted)}"
        )


def _printable(text: str, most: int) -> str:
    """The text without control characters, which a terminal would obey."""
    return shortened("".join(c if c.isprintable() else repr(c)[1:-1] for c in text), most)
