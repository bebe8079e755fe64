"""The audit: what in the data may make a score better than it deserves, before anything is trained.

It looks and tells; it changes nothing. Every check is bounded: plain fields at 100,000 rows, near
copies among 20,000, and what was left out is said.
"""

from __future__ import annotations

from sonde.contracts.data import Column, Source, World
from sonde.data.audit.concern import Concern
from sonde.data.audit.equal_inputs import contradictory_labels
from sonde.data.audit.fields import answers_in_names, groups_on_both_sides, time_is_mixed
from sonde.data.audit.looked_at import LookedAt
from sonde.data.audit.near_copies import copied_pictures, copied_texts
from sonde.data.inspect import Inspection

_CHECKS = (
    copied_pictures,
    copied_texts,
    groups_on_both_sides,
    time_is_mixed,
    answers_in_names,
    contradictory_labels,
)

_GRAVITY = ("leak", "doubt", "note")


def audit_unsplit(source: Source, inspection: Inspection, target: str | None) -> list[Concern]:
    """What can be seen before anything is divided, with the columns that would be taken."""
    columns = {
        item.field: Column.parse({"kind": item.kind, **item.options}).named(item.field)
        for item in inspection.findings
        if item.kind is not None and (item.field == target or not item.excluded)
    }
    return audit(LookedAt(source, columns, (target,) if target in columns else ()))


def audit(data: LookedAt) -> list[Concern]:
    """Every concern, the gravest first; what needs a split is left out where there is none."""
    if isinstance(data.source, World):
        return []
    found = [concern for check in _CHECKS for concern in check(data)]
    return sorted(found, key=lambda concern: _GRAVITY.index(concern.severity))
