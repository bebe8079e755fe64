"""Fields a caller asks for, checked against those a source has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from sonde.core.errors import DataError, UnknownColumn, listed, nearest
from sonde.core.port import PART, is_reserved


def select(where: str, known: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    """The wanted names in the order asked for; all where None.

    Raises:
        UnknownColumn: naming the nearest one.
    """
    if wanted is None:
        return list(known)
    for name in wanted:
        if name not in known:
            named = [other for other in known if not is_reserved(other)]
            near = nearest(name, named)
            hint = f" Did you mean {near!r}?" if near else ""
            raise UnknownColumn(f"{where} has no column {name!r}.{hint} Columns: {listed(named)}")
    return list(wanted)


def check_names(where: str, names: Sequence[str]) -> None:
    """Nothing, where the names can name columns.

    Raises:
        DataError: a name is blank, stands twice or is reserved.
    """
    blank = [str(i + 1) for i, name in enumerate(names) if not name.strip()]
    if blank:
        raise DataError(
            f"{where}: column {listed(blank)} of {len(names)} has no name. Name it in the first "
            "line, or give `names` in the recipe."
        )
    twice = sorted({name for name in names if names.count(name) > 1}) if _repeats(names) else []
    if twice:
        places = [str(i + 1) for i, name in enumerate(names) if name == twice[0]]
        raise DataError(
            f"{where}: the column name {listed(map(repr, twice))} stands more than once (columns "
            f"{listed(places)}). Rename one, or give `names` in the recipe."
        )
    reserved = [name for name in names if is_reserved(name)]
    if reserved:
        raise DataError(f"{where}: the column name {reserved[0]!r} is reserved. Rename it.")


def with_part(
    columns: dict[str, pa.Array], part: str | None, names: Iterable[str], count: int
) -> pa.RecordBatch:
    """The named columns of `count` rows, and their part where it is asked for."""
    parts = {PART: pa.repeat(part, count)} if part is not None else {}
    every = columns | parts
    return pa.RecordBatch.from_pydict({name: every[name] for name in names})


def _repeats(names: Sequence[str]) -> bool:
    return len(set(names)) < len(names)
