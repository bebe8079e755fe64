"""What a data set holds: for each field the kind that claims it most surely, and why.

Every registered column kind is asked. A field that nobody claims, or that would not help a model,
is left out with its reason; naming it in the recipe takes it in all the same. Looking learns
nothing but kinds: what is learned from values is learned later, from training rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as made
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column, Guess, RowError, Source
from sonde.core.errors import DataError, UnknownColumn, listed, nearest
from sonde.core.registry import registry
from sonde.data.columns._text import is_text, plain, shortened, to_numbers

_BULKY_ROWS = 2_000
"""Rows looked at where a field holds pictures or other long values."""

_IDENTIFIED_ROWS = 50
"""Fewer whole numbers may all differ by chance."""

_CODE = 24
"""Characters that a code has at most."""


@dataclass(frozen=True)
class Finding:
    """What is known of a field.

    Attributes:
        kind: the column kind that should read it; None where no kind can.
        reason: why, in words.
        options: what the column should be made with.
        excluded: why it is left out unless the recipe names it; None where it is taken.
        facts: 'type', 'rows' looked at, 'missing', and 'distinct' for single values.
    """

    field: str
    kind: str | None
    reason: str
    options: Mapping[str, Any] = made(default_factory=dict)
    excluded: str | None = None
    facts: Mapping[str, Any] = made(default_factory=dict)


@dataclass(frozen=True)
class Inspection:
    """What is known of a source.

    Attributes:
        rows: how many were looked at.
        complete: whether these are all.
        unread: lines that could not be read as rows.
        duplicates: rows that repeat an earlier one; None where rows hold pictures and the like.
    """

    title: str
    rows: int
    complete: bool
    findings: Sequence[Finding]
    unread: Sequence[RowError] = ()
    duplicates: int | None = None

    def finding(self, name: str) -> Finding:
        """The finding on one field.

        Raises:
            UnknownColumn: there is no such field.
        """
        found = next((item for item in self.findings if item.field == name), None)
        if found is None:
            names = [item.field for item in self.findings]
            near = nearest(name, names)
            hint = f" Did you mean {near!r}?" if near else ""
            raise UnknownColumn(f"{self.title} has no column {name!r}.{hint} "
                                f"Columns: {listed(names)}")  # fmt: skip
        return found


def inspect_source(source: Source, *, rows_at_most: int = 200_000) -> Inspection:
    """Look at a source, at its first rows where it is long.

    Raises:
        StorageError: it cannot be read.
        DataError: it has no rows.
    """
    unread: list[RowError] = []
    said = {item.name: item.kind for item in source.fields() if not item.name.startswith("#")}
    names = list(said)
    kept: dict[str, list[pa.Array]] = {name: [] for name in names}
    rows, complete = 0, True
    for chunk in source.scan(names, unread.append):
        if rows + len(chunk) > rows_at_most:
            chunk, complete = chunk.slice(0, rows_at_most - rows), False
        for name in names:
            bulky = _is_bulky(chunk.schema.field(name).type)
            most = max(0, _BULKY_ROWS - rows) if bulky else len(chunk)
            if most or not kept[name]:
                kept[name].append(chunk.column(name).slice(0, most))
        rows += len(chunk)
        if not complete:
            break
    if not rows:
        raise DataError(f"{source.title} has no rows. Give data with at least one row.")
    whole = {name: pa.chunked_array(parts).combine_chunks() for name, parts in kept.items()}
    findings = [_find(name, values, said[name]) for name, values in whole.items()]
    return Inspection(source.title, rows, complete, findings, unread, _repeated(whole))


def infer_columns(inspection: Inspection, targets: Mapping[str, str]) -> dict[str, Column]:
    """The columns to train with: every field that is not left out, and the targets.

    Args:
        inspection: what is known of the source.
        targets: target field -> the kind its column must have; '' takes the likeliest.

    Raises:
        UnknownColumn: a target is no field.
        DataError: no kind reads a target, or no field is left beside the targets.
    """
    for name in targets:
        inspection.finding(name)
    columns = {}
    for item in inspection.findings:
        wanted = targets.get(item.field)
        if wanted is None and item.excluded:
            continue
        kind = wanted or item.kind
        if kind is None:
            raise DataError(f"column {item.field!r} cannot be a target: {item.excluded}")
        options = item.options if kind == item.kind else {}
        column = Column.parse({"kind": kind, **options}, where=item.field)
        columns[item.field] = column.named(item.field)
    if not columns.keys() - targets.keys():
        reasons = "; ".join(f"{i.field} ({i.excluded})" for i in inspection.findings if i.excluded)
        raise DataError(
            f"{inspection.title} has no column left to learn from beside "
            f"{listed(targets) or 'none'}. Left out: {reasons or 'none'}. "
            "Name columns in the recipe to use them."
        )
    return columns


def render(inspection: Inspection, describe: str) -> str:
    """The terminal text; `describe` is its first line, such as the file, its rows and columns."""
    rows = [(_printable(i.field, 32), i.kind or "-", i.excluded or i.reason, bool(i.excluded))
            for i in inspection.findings]  # fmt: skip
    wide = max((len(name) for name, *_ in rows), default=0)
    lines = [describe]
    for name, kind, reason, left_out in rows:
        head = "left out: " if left_out else ""
        lines.append(f"  {name:<{wide}}   {kind:<10} {head}{_printable(reason, 160)}")
    return "\n".join([*lines, *_remarks(inspection)])


def as_json(inspection: Inspection) -> dict[str, Any]:
    """The same as plain data; of unread lines the first hundred."""
    return {
        "title": inspection.title,
        "rows": inspection.rows,
        "complete": inspection.complete,
        "duplicates": inspection.duplicates,
        "unread_count": len(inspection.unread),
        "unread": [error._asdict() for error in inspection.unread[:100]],
        "fields": [
            {
                "field": item.field,
                "kind": item.kind,
                "reason": item.reason,
                "options": dict(item.options),
                "excluded": item.excluded,
                **item.facts,
            }
            for item in inspection.findings
        ],
    }


def _remarks(inspection: Inspection) -> Iterator[str]:
    if not inspection.complete:
        yield f"Looked at the first {inspection.rows:,} rows."
    if inspection.duplicates:
        yield f"{_counted(inspection.duplicates, 'duplicate row')}."
    unread = [error for error in inspection.unread if not error.harmless]
    if empty := len(inspection.unread) - len(unread):
        yield f"{_counted(empty, 'empty row')}, ignored."
    if unread:
        first = unread[0]
        place = first.place or f"line {first.row}"
        yield (
            f"{_counted(len(unread), 'line')} could not be read as rows. "
            f"First: {place}: got {_printable(repr(first.got), 60)}, "
            f"expected {first.expected}."
        )


def _find(name: str, values: pa.Array, said: str | None) -> Finding:
    """What the source says of a field, else the surest claim, or why it is left out."""
    facts: dict[str, Any] = {
        "type": str(values.type),
        "rows": len(values),
        "missing": pc.sum(pc.is_null(values, nan_is_null=True)).as_py() or 0,
    }
    if not _is_bulky(values.type):
        values = plain(values)
        facts["distinct"] = len(pc.unique(values).drop_null())
    kind, claim = _surest(values)
    if said and kind != said:
        kind, claim = said, Guess(1.0, f"{facts['distinct']:,} values, as the source says")
    reason = claim.reason if claim else _unclaimed(values, facts)
    excluded = _useless(values, facts, claimed=claim is not None)
    if claim is None:
        excluded = excluded or f"{reason}; no column kind reads {_noun(values.type)} yet"
    return Finding(name, kind, reason, claim.options if claim else {}, excluded, facts)


def _surest(values: pa.Array) -> tuple[str | None, Guess | None]:
    """The kind with the largest claim; of equal ones the first by name."""
    kind, best = None, None
    for column in registry("column"):
        assert issubclass(column, Column)
        claim = column.guess(values)
        if claim and (best is None or claim.confidence > best.confidence):
            kind, best = column.kind, claim
    return kind, best


def _useless(values: pa.Array, facts: Mapping[str, Any], *, claimed: bool) -> str | None:
    """Why a field could not help a model, or would only let it learn rows by heart."""
    rows, missing, distinct = facts["rows"], facts["missing"], facts.get("distinct")
    if missing == rows:
        return "empty: every value is missing"
    if distinct == 1 and not missing and rows > 1:
        return f"constant: every value is {shortened(values[0].as_py(), 40)!r}"
    if (
        distinct == rows
        and rows >= _IDENTIFIED_ROWS
        and (_are_whole(values) or (not claimed and _are_codes(values)))
    ):
        return "looks like an identifier: every value differs; name it in the recipe to use it"
    return None


def _are_whole(values: pa.Array) -> bool:
    """Whether all are whole numbers, as numbers or as texts."""
    if not is_text(values.type):
        return bool(pa.types.is_integer(values.type))
    numbers, wrong = to_numbers(values, name="")
    return not wrong.any() and bool((numbers == np.floor(numbers)).all())


def _are_codes(values: pa.Array) -> bool:
    """Whether all are short texts of one word."""
    if not is_text(values.type):
        return False
    longest = pc.max(pc.utf8_length(values)).as_py()
    return longest <= _CODE and not pc.any(pc.match_substring_regex(values, r"\s")).as_py()


def _unclaimed(values: pa.Array, facts: Mapping[str, Any]) -> str:
    if not is_text(values.type):
        return _noun(values.type)
    length = pc.mean(pc.utf8_length(values)).as_py() or 0.0
    return f"text, {facts['distinct']:,} distinct values, {length:.0f} characters on average"


def _noun(kind: pa.DataType) -> str:
    """What a field of this Arrow type holds, in words."""
    if isinstance(kind, pa.FixedShapeTensorType):
        return f"{kind.value_type} arrays of {' x '.join(map(str, kind.shape))}"
    return "text" if is_text(kind) else str(kind)


def _is_bulky(kind: pa.DataType) -> bool:
    """Whether values are bytes, lists or arrays instead of single values."""
    return (
        pa.types.is_nested(kind)
        or isinstance(kind, pa.BaseExtensionType)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def _repeated(fields: Mapping[str, pa.Array]) -> int | None:
    """How many rows repeat an earlier one."""
    if any(_is_bulky(values.type) for values in fields.values()):
        return None
    table = pa.table({name: plain(values) for name, values in fields.items()})
    return int(table.num_rows - table.group_by(table.column_names).aggregate([]).num_rows)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _printable(text: str, most: int) -> str:
    """The text without control characters, which a terminal would obey."""
    return shortened("".join(c if c.isprintable() else repr(c)[1:-1] for c in text), most)
