"""What a data set holds: for each field the kind that claims it most surely, and why.

Every registered column kind is asked. A field that nobody claims, that says nothing an earlier one
does not, or that gives a target away, is left out with its reason; naming it in the recipe takes it
in all the same. Looking learns nothing but kinds: what is learned from values is learned later,
from training rows alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as made

import pyarrow as pa

from sonde.contracts.data import Column, RowError, Source
from sonde.core.errors import DataError, UnknownColumn, listed, nearest
from sonde.core.notice import say
from sonde.core.port import is_reserved
from sonde.data._findings import Finding, find, is_bulky
from sonde.data.columns._text import plain
from sonde.data.duplicates import duplicates
from sonde.data.suspects import accepting, suspects

_BULKY_ROWS = 2_000
"""Rows looked at where a field holds pictures or other long values."""


@dataclass(frozen=True)
class Inspection:
    """What is known of a source.

    Attributes:
        rows: how many were looked at.
        complete: whether these are all.
        unread: lines that could not be read as rows.
        duplicates: rows that repeat an earlier one; None where rows hold pictures and the like.
        values: the raw values looked at, by field; of pictures and the like the first of them.
    """

    title: str
    rows: int
    complete: bool
    findings: Sequence[Finding]
    unread: Sequence[RowError] = ()
    duplicates: int | None = None
    values: Mapping[str, pa.Array] = made(default_factory=dict, repr=False)

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

    def declared(
        self, columns: Mapping[str, Column], targets: Collection[str], who: str = "the recipe"
    ) -> Inspection:
        """A copy with the kinds that a recipe declares; fields that it does not name are left out.

        Args:
            columns: by name, as the recipe has them.
            targets: target fields: one that has no column keeps the kind it seems to have.
            who: declares them.
        """
        reads = {name: column.named(name).reads for name, column in columns.items()}
        kinds = {fields[0]: columns[name] for name, fields in reads.items()}
        kept = {field for fields in reads.values() for field in fields} | set(targets)
        return replace(
            self, findings=[_declared(i, kinds.get(i.field), kept, who) for i in self.findings]
        )

    def beside(self, targets: Mapping[str, str], accept: Sequence[str] = ()) -> Inspection:
        """A copy in which fields that seem to give a target away are left out.

        Where nothing would be left to learn from, they are taken, and that is said.

        Args:
            targets: target field -> the kind its column must have; '' for the likeliest.
            accept: fields that are taken whatever they look like.

        Raises:
            UnknownColumn: a target is no field.
        """
        found: dict[str, str] = {}
        singles = {
            item.field: self.values[item.field]
            for item in self.findings
            if item.field not in targets and "distinct" in item.facts
        }
        for name, kind in targets.items():
            kind = kind or self.finding(name).kind or ""
            if name in self.values and "distinct" in self.finding(name).facts:
                numeric = {"number": True, "category": False}.get(kind)
                target = self.values[name]
                found |= suspects(singles, target, name=name, numeric=numeric)
        found = {field: why for field, why in found.items() if field not in accept}
        taken = [i.field for i in self.findings if not i.excluded and i.field not in targets]
        if taken and set(taken) <= found.keys():
            say(f"{self.title}: {listed(taken)} may give {listed(targets)} away, and nothing else "
                "is left to learn from, so that they are used all the same")  # fmt: skip
            found = {field: why for field, why in found.items() if field not in taken}
        return replace(self, findings=[_suspected(i, found.get(i.field)) for i in self.findings])


def inspect_source(source: Source, *, rows_at_most: int = 200_000) -> Inspection:
    """Look at a source, at its first rows where it is long.

    Raises:
        StorageError: it cannot be read.
        DataError: it has no rows.
    """
    unread: list[RowError] = []
    said = {item.name: item.kind for item in source.fields() if not is_reserved(item.name)}
    names = list(said)
    kept: dict[str, list[pa.Array]] = {name: [] for name in names}
    rows, complete = 0, True
    for chunk in source.scan(names, unread.append):
        if rows + len(chunk) > rows_at_most:
            chunk, complete = chunk.slice(0, rows_at_most - rows), False
        for name in names:
            bulky = is_bulky(chunk.schema.field(name).type)
            most = max(0, _BULKY_ROWS - rows) if bulky else len(chunk)
            if most or not kept[name]:
                kept[name].append(chunk.column(name).slice(0, most))
        rows += len(chunk)
        if not complete:
            break
    if not rows:
        raise DataError(f"{source.title} has no rows. Give data with at least one row.")
    whole = {name: pa.chunked_array(parts).combine_chunks() for name, parts in kept.items()}
    findings = _without_duplicates([find(n, v, said[n]) for n, v in whole.items()], whole)
    return Inspection(source.title, rows, complete, findings, unread, _repeated(whole), whole)


def infer_columns(
    inspection: Inspection,
    targets: Mapping[str, str],
    accept: Sequence[str] = (),
    *,
    read: Collection[str] = (),
) -> dict[str, Column]:
    """The columns to train with: every field that is not left out, and the targets.

    Args:
        inspection: what is known of the source.
        targets: target field -> the kind its column must have; '' takes the likeliest.
        accept: what the recipe accepts already, for the words.
        read: those of them that are learned from, such as the text that is translated.

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
        column = target_column(item, wanted) if wanted is not None else _column(item, item.kind)
        if wanted is not None and item.options and column.kind == item.kind:
            say(f"target {item.field!r} is taken for {item.kind}: {item.reason}")
        columns[item.field] = column
    if suspected := [item for item in inspection.findings if item.suspect]:
        told = "; ".join(f"{item.field}: {item.excluded}" for item in suspected)
        named = [*accept, *(item.field for item in suspected)]
        say(f"left out: {told} To use what is known before:  {accepting(named)}")
    if not read and not columns.keys() - targets.keys():
        reasons = "; ".join(f"{i.field} ({i.excluded})" for i in inspection.findings if i.excluded)
        raise DataError(
            f"{inspection.title} has no column left to learn from beside "
            f"{listed(targets) or 'none'}. Left out: {reasons or 'none'}. "
            "Name columns in the recipe to use them."
        )
    return columns


def target_column(item: Finding, kind: str) -> Column:
    """The column for a target: of this kind, or of the likeliest where it is ''.

    Raises:
        DataError: no kind reads it, or there is nothing in it to be learned.
    """
    if not (kind or item.kind) or item.facts.get("distinct", 2) < 2:
        why = item.excluded or f"{item.reason}, expected two values or more"
        raise DataError(f"column {item.field!r} cannot be a target: {why}. Take another target.")
    return _column(item, kind or item.kind)


def _column(item: Finding, kind: str | None) -> Column:
    """A column of the kind, with the options that were found with it."""
    options = item.options if kind == item.kind else {}
    return Column.parse({"kind": kind, **options}, where=item.field).named(item.field)


def _declared(item: Finding, column: Column | None, kept: Collection[str], who: str) -> Finding:
    if column is None:
        left_out = None if item.field in kept else f"{who} does not name it"
        return replace(item, excluded=left_out, suspect=False)
    options = dict(column.dump())
    kind = options.pop("kind")
    seen = item.reason if kind == item.kind else f"as {who} says; {item.reason}"
    excluded = item.excluded if item.suspect else None
    return replace(item, kind=kind, reason=seen, options=options, excluded=excluded)


def _suspected(item: Finding, why: str | None) -> Finding:
    """The finding with a suspicion, which tells more than what it was left out for before."""
    return replace(item, excluded=why, suspect=True) if why else item


def _without_duplicates(
    findings: Sequence[Finding], values: Mapping[str, pa.Array]
) -> list[Finding]:
    """Of fields that are taken and say the same, all but the first are left out."""
    taken = [i.field for i in findings if not i.excluded and "distinct" in i.facts]
    found = duplicates({name: values[name] for name in taken})
    return [replace(i, excluded=found.get(i.field, i.excluded)) for i in findings]


def _repeated(fields: Mapping[str, pa.Array]) -> int | None:
    """How many rows repeat an earlier one."""
    if any(is_bulky(values.type) for values in fields.values()):
        return None
    # by place: Arrow takes a name such as ../x for a path
    table = pa.table({str(i): plain(values) for i, values in enumerate(fields.values())})
    return int(table.num_rows - table.group_by(table.column_names).aggregate([]).num_rows)
