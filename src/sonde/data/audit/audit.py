"""The audit: what in the data may make a score better than it deserves, before anything is trained.

It looks and tells; it changes nothing. Every check is bounded: plain fields at 100,000 rows, near
copies among 20,000 (pictures that have first to be decoded: 5,000), and what was left out is said.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Assignment, Column, Source, Split, World
from sonde.core.errors import SondeError
from sonde.core.notice import say
from sonde.core.port import PART
from sonde.data._findings import is_bulky
from sonde.data.audit.concern import Concern
from sonde.data.audit.equal_inputs import contradictory_labels
from sonde.data.audit.fields import answers_in_names, groups_on_both_sides, time_is_mixed
from sonde.data.audit.flat_pictures import flat_pictures
from sonde.data.audit.kin import kin_on_both_sides
from sonde.data.audit.looked_at import LookedAt
from sonde.data.audit.near_copies import copied_pictures, copied_texts
from sonde.data.inspect import Inspection
from sonde.data.memory import Memory
from sonde.data.source_rows import SourceRows
from sonde.data.splits.given import Given

_CHECKS = (
    copied_pictures,
    copied_texts,
    groups_on_both_sides,
    kin_on_both_sides,
    time_is_mixed,
    answers_in_names,
    contradictory_labels,
    flat_pictures,
)

_GRAVITY = ("leak", "doubt", "note")


def audit_unsplit(
    source: Source, inspection: Inspection, target: str | None, split: Split | None = None
) -> list[Concern]:
    """What can be seen before anything is learned, with the columns that would be taken.

    Where nobody says how rows are divided, and files say which rows are to test, that is the split
    that is looked at.

    Args:
        source: of the rows.
        inspection: of the source.
        target: the field to be predicted, where one is named.
        split: as a recipe says it; its first fold is looked at.
    """
    columns = {
        item.field: Column.parse({"kind": item.kind, **item.options}).named(item.field)
        for item in inspection.findings
        if item.kind is not None and (item.field == target or not item.excluded)
    }
    targets = (target,) if target in columns else ()
    parts = _own_parts(source) if split is None else _divided(split, source)
    split = (split or Given()) if parts else None
    seen = source if parts else _in_memory(source, inspection)
    return audit(LookedAt(seen, columns, targets, split, parts, early=True))


def _divided(split: Split, source: Source) -> Assignment | None:
    """The first fold, of a recipe that is still being written; why it cannot be made is told."""
    try:
        return next(iter(split.folds(SourceRows(source))))
    except SondeError as error:
        say(f"the recipe's split cannot be made: {error}")
        return None


def _in_memory(source: Source, inspection: Inspection) -> Source:
    """What was read whole for the inspection is not read again; the source itself of the rest."""
    fields = source.fields()
    plain = all(f.kind is None and f.name != PART and not is_bulky(f.type) for f in fields)
    if not (plain and inspection.complete):
        return source
    return Memory.of(pa.table(list(inspection.values.values()), names=list(inspection.values)))


def _own_parts(source: Source) -> Assignment | None:
    """The parts that the source's own files say, where there are rows to test among them."""
    if all(field.name != PART for field in source.fields()):
        return None
    values = [chunk.column(0).to_pylist() for chunk in source.scan([PART])]
    said = np.array([value for chunk in values for value in chunk], str)
    parts = Assignment(*(np.flatnonzero(said == name) for name in ("train", "valid", "test")))
    return parts if len(parts.train) and len(parts.test) else None


def audit(data: LookedAt) -> list[Concern]:
    """Every concern, the gravest first; what needs a split is left out where there is none."""
    if isinstance(data.source, World):
        return []
    found = [concern for check in _CHECKS for concern in check(data)]
    return sorted(found, key=lambda concern: _GRAVITY.index(concern.severity))
