"""Rows of episodes: support sets that callers give, and episodes as test rows name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column
from sonde.contracts.panels import Table
from sonde.contracts.task import Judged
from sonde.core.errors import DataError, UnknownColumn, UsageError, listed
from sonde.core.port import Ports

if TYPE_CHECKING:
    from sonde.core.batch import Batch

_SHOWN = 10
"""Episodes in the report's table."""


class Answering(Protocol):
    """What a task that answers from a support set knows of it."""

    @property
    def target(self) -> str:
        """The column of classes."""

    @property
    def columns(self) -> Mapping[str, Column]:
        """Fitted columns by name."""

    @property
    def inputs(self) -> Ports:
        """What the network receives."""

    @property
    def given(self) -> tuple[str, ...]:
        """The raw fields of the inputs."""


@dataclass(frozen=True)
class Shown:
    """A support set of S rows.

    Attributes:
        batch: the encoded inputs.
        ways: (S,) int64, the place of each row's label.
        labels: in order.
    """

    batch: Batch
    ways: np.ndarray
    labels: tuple[str, ...]


def labels_of(column: Column, rows: pa.RecordBatch) -> tuple[tuple[str, ...], np.ndarray]:
    """The labels of these rows in the column's order, and (N,) int64 the place of each row's.

    The column's own options hold, such as values to merge; what it learned does not.
    """
    fitted = column.unlearned().named(column.name).fit([rows])
    places = np.asarray(fitted.encode(rows).values).astype(np.int64)
    return tuple(fitted.decode(np.arange(fitted.port.classes))), places


def support_rows(
    support: Any, task: Answering, *, what: str = "support", fewest: int = 2
) -> Shown | None:
    """A caller's support set, encoded; None where there is none.

    Args:
        support: rows with their labels, or a path.
        task: knows the columns.
        what: messages call it.
        fewest: classes there must be.

    Raises:
        DataError: a value cannot be read, or a row has no label.
        UsageError: there are too few classes.
    """
    from sonde.data.batches import batch_of

    column = task.columns[task.target]
    rows = rows_of(support, (*task.given, *column.reads), what=what)
    if not len(rows):
        return None
    labels, ways = labels_of(column, rows)
    if (ways >= len(labels)).any():
        raise DataError(
            f"{what} row {int(np.argmax(ways >= len(labels)))} has no {task.target!r}. Say of "
            f"every row of the {what} set which class it is of."
        )
    if len(labels) < fewest:
        raise UsageError(
            f"the support set shows one class ({labels[0]!r}), expected two or more to choose from"
        )
    encoded = {name: task.columns[name].encode(rows) for name in task.inputs}
    for name, part in encoded.items():
        for error in part.errors:
            raise DataError(
                f"{what}, column {name!r}, row {error.row}: got {error.got!r}, expected "
                f"{error.expected}"
            )
    return Shown(batch_of(encoded), ways, labels)


def named_episodes(
    rows: pa.RecordBatch, classes: np.ndarray, *, run: str, role: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(shown, asked) positions of each episode that the rows name, in their order.

    Raises:
        UnknownColumn: the rows lack a field.
        DataError: a row has no role, or an episode asks about a class that it does not show.
    """
    for field in (run, role):
        if field not in rows.schema.names:
            raise UnknownColumn(
                f"published episodes are named by the fields {run!r} and {role!r}, and the rows "
                f"have no {field!r}. Fields: {listed(rows.schema.names)}"
            )
    roles = np.array(rows.column(role).to_pylist(), dtype=object)
    wrong = ~np.isin(roles.astype(str), ["support", "query"])
    if wrong.any():
        raise DataError(
            f"field {role!r}: got {roles[wrong][0]!r}, expected support or query in each of the "
            "test rows"
        )
    runs = rows.column(run)
    found = []
    for name in pc.unique(runs).to_pylist():
        inside = np.array([value == name for value in runs.to_pylist()])
        shown, asked = (np.flatnonzero(inside & (roles == word)) for word in ("support", "query"))
        if not np.isin(classes[asked], classes[shown]).all() or not len(asked):
            raise DataError(
                f"episode {name!r} has {len(shown)} rows to show and {len(asked)} to ask about; "
                "expected some, and each of a class that is shown"
            )
        found.append((shown, asked))
    ways = {len(np.unique(classes[shown])) for shown, _ in found}
    if len(ways) > 1:
        raise DataError(
            f"the published episodes show {listed(map(str, sorted(ways)))} classes, expected "
            "equally many in each"
        )
    return found


def by_episode(judged: Judged, *, drawn: bool) -> Table:
    """The accuracy of the worst episodes; `drawn` where a seed made them, not the test rows."""
    groups = np.zeros(len(judged.rows), np.int64) if judged.groups is None else judged.groups
    right = np.equal(judged.predicted["index"], judged.truth["index"])
    asked = np.bincount(groups)
    share = np.bincount(groups, right) / np.maximum(asked, 1)
    worst = np.argsort(share, kind="stable")[:_SHOWN]
    lines = [(f"{at + 1}", f"{asked[at]:,}", f"{share[at]:.3f}") for at in worst]
    how = "drawn by the task's seed" if drawn else "as the test rows name them"
    spread = f"{len(asked):,} episodes, {how}; their accuracy is {share.mean():.3f} on average"
    deviation = f", with a standard deviation of {share.std(ddof=1):.3f}" if len(asked) > 1 else ""
    return Table(
        "Episodes", ("episode", "queries", "accuracy"), lines, f"{spread}{deviation}. Worst first."
    )


def rows_of(support: Any, fields: tuple[str, ...], *, what: str) -> pa.RecordBatch:
    """The named fields of a support set: rows, a record batch or a path."""
    from sonde.data.rows import as_rows

    if isinstance(support, pa.RecordBatch):
        return support
    fields = tuple(dict.fromkeys(fields))
    if isinstance(support, list | tuple) and not support:
        return pa.RecordBatch.from_pylist([])
    if isinstance(support, str):
        from sonde.data.guess import guess_source

        source = guess_source(support)
        known = {field.name for field in source.fields()}
        absent = [name for name in fields if name not in known]
        if absent:
            raise UnknownColumn(
                f"{what} {support} has no column {absent[0]!r}. Columns: {listed(sorted(known))}"
            )
        chunks = [chunk for chunk in source.scan(list(fields)) if chunk.num_rows]
        if not chunks:
            return pa.RecordBatch.from_pylist([])
        return pa.Table.from_batches(chunks).combine_chunks().to_batches()[0]
    rows, absent = as_rows(support, fields)
    if absent:
        raise DataError(
            f"no row of the {what} set has {absent[0]!r}. A row is such as "
            f"{{{', '.join(f'{name!r}: ...' for name in fields)}}}"
        )
    return rows
