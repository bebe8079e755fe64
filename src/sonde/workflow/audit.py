"""The audit of a run: looked at once, written down, told, and shown in the report."""

from __future__ import annotations

import numpy as np

from sonde.contracts.panels import Panel, Rowlist, Table
from sonde.core.notice import say, tell
from sonde.core.text import from_json, read_text, to_json
from sonde.data.audit.audit import audit
from sonde.data.audit.concern import Concern
from sonde.data.audit.looked_at import LookedAt
from sonde.run.directory import RunDirectory
from sonde.run.files import replace
from sonde.workflow.prepare import Prepared

_MOST_SHOWN = 12
"""Pairs of a concern that a report shows."""


def audit_run(prepared: Prepared, directory: RunDirectory) -> None:
    """Look for what may flatter the scores, write `audit.json`, and tell it, a line each.

    A run that goes on has looked before.
    """
    if directory.audit.exists():
        return
    pictures = {
        name: prepared.data.store[name].values
        for name, column in prepared.columns.items()
        if column.port.kind == "grid" and prepared.data.store[name].values.dtype == np.uint8
    }
    data = LookedAt(
        prepared.source,
        prepared.columns,
        prepared.recipe.task.targets,
        prepared.recipe.split,
        prepared.parts,
        pictures,
    )
    found = audit(data)
    replace(directory.audit, to_json([concern.dump() for concern in found], indent=1))
    for concern in found:
        (tell if concern.severity == "note" else say)(f"audit: {concern}", concern=concern.kind)


def read_audit(directory: RunDirectory) -> list[Concern] | None:
    """What the audit of a run found; None where there was none."""
    if not directory.audit.exists():
        return None
    return [Concern.parse(plain) for plain in from_json(read_text(directory.audit))]


def audit_panels(directory: RunDirectory) -> list[Panel]:
    """What the report shows of it: the sentences, and pairs of rows side by side."""
    found = read_audit(directory)
    if not found:
        return []
    lines = [(concern.severity, concern.sentence, concern.advice) for concern in found]
    panels: list[Panel] = [Table("Audit", ("", "what was seen", "what to do"), lines)]
    for concern in found:
        shown = concern.pairs[:_MOST_SHOWN]
        if shown:
            rows = [row for pair in shown for row in pair]
            remarks = [f"pair {at // 2 + 1}" for at in range(len(rows))]
            note = f"{len(shown)} of {concern.count:,}" if concern.count > len(shown) else ""
            panels.append(Rowlist(f"Audit: {concern.kind}", rows, remarks, note))
    return panels
