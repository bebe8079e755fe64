"""Kin: rows that share a value which few rows have, and are answered more alike than by chance.

A game sold on several platforms, a flat let several times: no field need be called an id for a
model to know a test row from its kin among the training rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from sonde.data._alone import as_numbers
from sonde.data.audit.alike import told_alike
from sonde.data.audit.concern import Concern
from sonde.data.audit.fields import says_whose, torn_groups
from sonde.data.audit.looked_at import LookedAt
from sonde.data.columns._text import is_text, to_text

_MOST_ROWS = 10
"""Rows a value has on average at most: of more it is a category."""


def kin_on_both_sides(data: LookedAt) -> Iterator[Concern]:
    """Fields of words that recur in few rows each, where these rows have like targets."""
    if data.split is not None and data.split.grouped_by is not None:
        return
    for name in _recurring(data):
        for target in data.targets:
            told = told_alike(data, data.fields[name], target)
            if told is None:
                continue
            how = f"split: {{kind: group, by: {name}}}"
            where = f"have one {name!r}, and {told}"
            advice = f"Where the model will meet others, keep them together: {how}."
            yield from torn_groups(data, to_text(data.fields[name], name=name), where, advice)
            break


def _recurring(data: LookedAt) -> Iterator[str]:
    """Fields of words with many values of few rows, which no name gives away as an id."""
    read = {f: column for column in data.columns.values() for f in column.reads}
    for name, values in data.fields.items():
        if name in data.target_fields or not is_text(values.type) or says_whose(name):
            continue
        if name in read and read[name].port.kind not in ("category", "sequence"):
            continue
        known = len(values) - values.null_count
        if len(values.unique()) * _MOST_ROWS >= known and as_numbers(values) is None:
            yield name
