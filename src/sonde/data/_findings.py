"""What a field is: the kind that claims it most surely, and whether it could help a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column, Guess
from sonde.core.errors import listed
from sonde.core.registry import registry
from sonde.data.columns._text import is_text, plain, shortened, to_numbers

_IDENTIFIED_ROWS = 50
"""Fewer whole numbers may all differ by chance."""

_CODE = 24
"""Characters that a code has at most, unless it is a link."""

_DIFFER = 0.95
"""Share of the rows in which codes must differ to name the row."""

_IDENTIFIER = "looks like an identifier: {}; name it in the recipe to use it"


@dataclass(frozen=True)
class Finding:
    """What is known of a field.

    Attributes:
        kind: the column kind that should read it; None where no kind can.
        reason: why, in words.
        options: what the column should be made with.
        excluded: why it is left out unless the recipe names it; None where it is taken.
        suspect: whether it seems to give a target away: told where it is taken, too.
        facts: 'type', 'rows' looked at, 'missing', and 'distinct' for single values.
    """

    field: str
    kind: str | None
    reason: str
    options: Mapping[str, Any] = made(default_factory=dict)
    excluded: str | None = None
    suspect: bool = False
    facts: Mapping[str, Any] = made(default_factory=dict)


def find(name: str, values: pa.Array, said: str | None) -> Finding:
    """What the source says of a field, else the surest claim, or why it is left out."""
    facts: dict[str, Any] = {
        "type": str(values.type),
        "rows": len(values),
        "missing": pc.sum(pc.is_null(values, nan_is_null=True)).as_py() or 0,
    }
    if not is_bulky(values.type):
        values = plain(values)
        facts["distinct"] = len(pc.unique(values).drop_null())
    kind, claim = _surest(values)
    if said and kind != said:
        seen = claim.reason if claim else _noun(values.type)
        seen = f"{facts['distinct']:,} values" if "distinct" in facts else seen
        kind, claim = said, Guess(1.0, f"{seen}, as the source says")
    reason = claim.reason if claim else _unclaimed(values, facts)
    excluded = _useless(values, facts, kind) or (claim.unsure if claim else None)
    if claim is None:
        excluded = excluded or f"{reason}; {_unread(values.type)}"
    return Finding(name, kind, reason, claim.options if claim else {}, excluded, facts=facts)


def is_bulky(kind: pa.DataType) -> bool:
    """Whether values are bytes, lists or arrays instead of single values."""
    return (
        pa.types.is_nested(kind)
        or isinstance(kind, pa.BaseExtensionType)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def _surest(values: pa.Array) -> tuple[str | None, Guess | None]:
    """The kind with the largest claim; of equal ones the first by name."""
    kind, best = None, None
    for column in registry("column"):
        assert issubclass(column, Column)
        claim = column.guess(values)
        if claim and (best is None or claim.confidence > best.confidence):
            kind, best = column.kind, claim
    return kind, best


def _useless(values: pa.Array, facts: Mapping[str, Any], kind: str | None) -> str | None:
    """Why a field could not help a model, or would only let it learn rows by heart."""
    rows, missing, distinct = facts["rows"], facts["missing"], facts.get("distinct")
    if missing == rows:
        return "empty: every value is missing"
    if distinct == 1 and not missing and rows > 1:
        return f"constant: every value is {shortened(values[0].as_py(), 40)!r}"
    if rows < _IDENTIFIED_ROWS or distinct is None:
        return None
    if kind in ("number", "category") and distinct == rows and _are_whole(values):
        return _IDENTIFIER.format("every value differs")
    if kind is None and distinct >= _DIFFER * rows and _are_codes(values):
        words = "every value differs" if distinct == rows else f"{distinct:,} of {rows:,} differ"
        return _IDENTIFIER.format(words)
    return None


def _are_whole(values: pa.Array) -> bool:
    """Whether all are whole numbers, as numbers or as texts."""
    if not is_text(values.type):
        return bool(pa.types.is_integer(values.type))
    numbers, wrong = to_numbers(values, name="")
    return not wrong.any() and bool((numbers == np.floor(numbers)).all())


def _are_codes(values: pa.Array) -> bool:
    """Whether all are short texts of one word, or links."""
    if not is_text(values.type):
        return False
    if pc.any(pc.match_substring_regex(values, r"\s\S")).as_py():
        return False
    links = pc.all(pc.match_substring_regex(values, "^https?://")).as_py()
    return bool(links or pc.max(pc.utf8_length(values)).as_py() <= _CODE)


def _unclaimed(values: pa.Array, facts: Mapping[str, Any]) -> str:
    if not is_text(values.type):
        return _noun(values.type)
    length = pc.mean(pc.utf8_length(values)).as_py() or 0.0
    return f"text, {facts['distinct']:,} distinct values, {length:.0f} characters on average"


def _unread(kind: pa.DataType) -> str:
    if is_text(kind):
        return "reads neither as language nor as a category: name it in the recipe to use it"
    return f"no column kind reads {_noun(kind)} yet"


def _noun(kind: pa.DataType) -> str:
    """What a field of this Arrow type holds, in words."""
    if isinstance(kind, pa.FixedShapeTensorType):
        return f"{kind.value_type} arrays of {' x '.join(map(str, kind.shape))}"
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        members = [kind.value_type.field(at).name for at in range(kind.value_type.num_fields)]
        return f"lists of objects{f' ({listed(members)})' if members else ''}"
    return "text" if is_text(kind) else str(kind)
