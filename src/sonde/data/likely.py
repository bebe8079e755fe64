"""Which fields a person is likely to want predicted, where nobody has said."""

from __future__ import annotations

import re

from sonde.data._findings import Finding
from sonde.data.inspect import Inspection

_NAMES = frozenset({
    "target", "label", "class", "y", "outcome", "response", "result", "survived", "default",
    "churn", "churned", "fraud", "fraudulent", "diagnosis", "species", "quality", "price", "sales",
    "score", "rating", "income", "salary", "cnt", "count", "value", "grade", "status", "approved",
    "converted", "clicked", "disease", "risk",
})  # fmt: skip
"""Words that name what is asked for, in the data sets people learn and work with."""

_MOST = 5
_FEW_CLASSES = 20

_IN_PICTURES = ("boxes", "mask")
"""Kinds that are hardly there for another reason."""

_ENOUGH, _LEAD = 2, 2
"""What must speak for a field, and how much more than for any other for it to be the one."""


def likely_targets(inspection: Inspection) -> list[str]:
    """At most five fields, the likeliest first; none where nothing speaks for any.

    One alone is what is surely meant. Where several are named alike, such as the sales of each
    region and of all, only a person knows, and all of them are given.
    """
    if len(inside := [i.field for i in inspection.findings if i.kind in _IN_PICTURES]) == 1:
        return inside
    items = [i for i in inspection.findings if i.kind in ("number", "category") and not i.excluded]
    last = inspection.findings[-1].field if inspection.findings else ""
    marks = {item.field: _mark(item, last=item.field == last) for item in items}
    ranked = sorted((f for f in marks if marks[f] >= _ENOUGH), key=lambda field: -marks[field])
    if len(ranked) > 1 and marks[ranked[0]] - marks[ranked[1]] >= _LEAD:
        return ranked[:1]
    return ranked[:_MOST]


def _mark(item: Finding, *, last: bool) -> int:
    """How much speaks for a field: its name above all, then its place, then few classes."""
    tokens = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", item.field).lower())
    named = 2 * bool(tokens and (tokens[-1] in _NAMES or tokens[0] in _NAMES))
    few = item.kind == "category" and 2 <= item.facts.get("distinct", 0) <= _FEW_CLASSES
    return named + last + (last and few) - 2 * bool(item.facts["missing"])
