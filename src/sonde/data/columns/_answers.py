"""Where an answer stands in its context, in characters, from what data sets say of it.

They give the answer's text and where it starts, or where it starts and ends. Some count from a
context that was trimmed since, so that a text stands a few characters beside its place; some write
an answer with other spaces than its context has, or leave words of it out.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

_NEAR = 16
"""Characters beside its place in which an answer is looked for."""

_PAIR = re.compile(r"^[(\[]\s*(\d+)\s*,\s*(\d+)\s*[)\]]$")

Fit = Literal["exact", "moved", "spaced", "other"]
"""How the text at a place compares with the answer: equal; equal at a place nearby, which is taken
instead; equal but for spaces and signs; another one, of which the place counts."""


class Place(NamedTuple):
    """Characters [start, end) of a context."""

    start: int
    end: int
    fit: Fit = "exact"


class Misplaced(NamedTuple):
    """An answer that stands nowhere."""

    got: str
    expected: str


def starts_of(raw: Any) -> list[int] | Place | None:
    """Where answers start, or the first one's start and end; None where it is neither.

    A whole number, one written as text, a list of them, or a pair written as (3, 17).
    """
    if isinstance(raw, str):
        pair = _PAIR.match(raw.strip())
        if pair:
            return Place(int(pair[1]), int(pair[2]))
        return [int(raw)] if raw.strip().isdecimal() else None
    if isinstance(raw, list | tuple):
        return list(raw) if all(isinstance(start, int) for start in raw) else None
    return [int(raw)] if isinstance(raw, int) or (isinstance(raw, float) and raw == raw) else None


def placed(text: str, at: int | Place, context: str | None) -> Place | Misplaced:
    """The characters of an answer, looked up in its context where there is one."""
    if isinstance(at, int):
        at = Place(at, at + len(text))
        if context is None:
            return at
        return _at_its_text(text, at, context)
    if at.start >= at.end or (context is not None and at.end > len(context)):
        within = "" if context is None else f" within the context's {len(context):,}"
        return Misplaced(f"({at.start}, {at.end})", f"a start before an end, characters{within}")
    if context is None or not text or context[at.start : at.end] == text:
        return at
    alike = _bare(context[at.start : at.end]) == _bare(text)
    return Place(at.start, at.end, "spaced" if alike else "other")


def _at_its_text(text: str, at: Place, context: str) -> Place | Misplaced:
    if at.start < 0:
        return Misplaced(str(at.start), "a start from 0 on")
    if context[at.start : at.end] == text:
        return at
    bare = text.strip()
    first = max(0, at.start - _NEAR)
    around = context[first : at.end + _NEAR]
    found = [first + match.start() for match in re.finditer(f"(?={re.escape(bare)})", around)]
    if not bare or not found:
        there = context[at.start : at.end]
        return Misplaced(text[:60], f"the text at character {at.start}, which is {there[:60]!r}")
    start = min(found, key=lambda place: abs(place - at.start))
    return Place(start, start + len(bare), "moved")


def _bare(text: str) -> str:
    """Letters and digits alone, in small letters."""
    return re.sub(r"[\W_]+", "", text).lower()
