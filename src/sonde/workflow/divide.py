"""Divide: which rows are for training, validation and test, before anything is learned.

Rows without a target are left out, exact copies never lie on two sides, and columns that give the
target away are refused until the recipe accepts them by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Assignment, Rows, Source, World
from sonde.contracts.recipe import Recipe
from sonde.core.errors import DataError, UnknownColumn, listed, nearest
from sonde.core.notice import tell
from sonde.core.port import is_reserved
from sonde.core.text import to_flow
from sonde.data.copies import copies
from sonde.data.picked import picked
from sonde.data.splits._copies import equal_by_chance, keep_together
from sonde.data.suspects import accepting, suspects

_LOOKED_AT = 20_000
"""Training rows in which it is looked for columns that give the target away."""


def divide(recipe: Recipe, rows: Rows, source: Source, fold: int | None) -> tuple[Assignment, int]:
    """The parts of one fold of a resolved recipe, and how many rows lack a target.

    With the fold None all but the validation rows are to train.

    Raises:
        DataError: the rows cannot be split so.
    """
    if isinstance(source, World):
        none = np.empty(0, np.int64)
        return Assignment(none, none, none), 0
    if not rows.count:
        raise DataError(f"{source.title} has no rows. Give a file with at least a few.")
    assert recipe.split is not None and recipe.columns is not None
    parts = next(islice(recipe.split.folds(rows), fold or 0, None))
    if fold is None:
        both = np.sort(np.concatenate([parts.train, parts.test]))
        parts = Assignment(both, parts.valid, parts.test[:0])
    known = {name: np.ones(rows.count, bool) for name in recipe.task.targets}
    for name in known:
        for reads in recipe.columns[name].reads:
            known[name] &= pc.is_valid(rows.field(reads)).to_numpy(zero_copy_only=False)
    left_out = np.flatnonzero(~recipe.task.usable(known)) if known else np.empty(0, np.int64)
    return _together(recipe, source, parts.without(left_out)), len(left_out)


def _together(recipe: Recipe, source: Source, parts: Assignment) -> Assignment:
    """The parts with all copies of a row on one side; what was done is told."""
    assert recipe.columns is not None and recipe.split is not None
    columns = recipe.columns.values()
    first = copies(source, columns)
    repeated = int((first != np.arange(len(first))).sum())
    if not repeated:
        return parts
    if equal_by_chance(source, columns, first):
        tell(
            f"{repeated:,} rows equal an earlier one in all columns, which so coarse values do by "
            "chance: they are divided like any other rows",
            equal_rows=repeated,
        )
        return parts
    kept, changed = keep_together(parts, first, pinned=recipe.split.pinned)
    if changed and recipe.split.pinned:
        tell(
            f"{changed:,} exact copies of test or validation rows were left out of the other parts",
            copies=changed,
        )
    elif changed:
        tell(
            f"{changed:,} exact copies of other rows were kept on their first row's side",
            copies=changed,
        )
    return kept


def refuse_suspects(recipe: Recipe, source: Source, train: np.ndarray) -> None:
    """No declared input gives the target away, but those that the recipe accepts by name.

    Looked for in training rows alone. Where every input is such a column they are left alone: there
    is nothing else the model could learn from.

    Raises:
        DataError: naming each such column, its figure and what to do.
        UnknownColumn: `accept` names what is no column.
    """
    assert recipe.columns is not None
    columns = recipe.columns
    targets = set(recipe.task.targets)
    beside = {f for n in targets for o in columns[n].leans_on for f in columns[o].reads}
    answers = {f: columns[n].port for n in targets for f in columns[n].reads if f not in beside}
    inputs = {f: None for name in columns if name not in targets for f in columns[name].reads}
    named = [f.name for f in source.fields() if not is_reserved(f.name)]
    _check_accepted(recipe, [*columns, *named])
    accepted = {f for n in recipe.accept for f in (columns[n].reads if n in columns else (n,))}
    asked = [f for f in inputs if f not in accepted]
    own = {f: "an input that reads the target itself" for f in asked if f in answers}
    _refuse(own, recipe.accept)
    if not asked or not answers or not len(train):
        return
    some = train[:: -(-len(train) // _LOOKED_AT)]
    table = pa.Table.from_batches(list(picked(source, list(inputs | answers), some)))
    fields = {f: table.column(f) for f in inputs if f not in answers}
    found: dict[str, str] = {}
    for field, port in answers.items():
        numeric = port.kind == "scalar"
        found |= suspects(fields, table.column(field), name=repr(field), numeric=numeric)
    if set(found) < set(fields):
        _refuse({f: why for f, why in found.items() if f in asked}, recipe.accept)


def _refuse(found: Mapping[str, str], accepted: Sequence[str]) -> None:
    if not found:
        return
    lines = [f"column {field!r}: {why}" for field, why in found.items()]
    wanted = [*accepted, *found]
    is_known, them = ("it is", "it") if len(found) == 1 else ("they are", "them")
    raise DataError(
        "\n       ".join(lines) + "\n       A column that gives the answer away makes a score "
        f"that will not be met again. If {is_known} known before the answer is, add to the recipe  "
        f"accept: {to_flow(wanted)}, or to the command  {accepting(wanted)}; else take {them} out "
        "of the columns."
    )


def _check_accepted(recipe: Recipe, known: Sequence[str]) -> None:
    for name in recipe.accept:
        if name not in known:
            near = nearest(name, known)
            hint = f" Did you mean {near!r}?" if near else ""
            raise UnknownColumn(
                f"the recipe accepts {name!r}, which is no column.{hint} "
                f"Columns: {listed(dict.fromkeys(known))}"
            )
