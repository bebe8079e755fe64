"""Pictures and texts that stand on two sides of the split, exactly or nearly the same.

Rows that are equal in every column were kept on one side when the split was made; here each column
of pictures and of texts is looked at by itself, whatever the rest of the row says.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column
from sonde.data.audit.concern import MOST_PAIRS, Concern
from sonde.data.audit.looked_at import LookedAt, across
from sonde.data.audit.near_pictures import near_pictures
from sonde.data.audit.near_texts import near_texts
from sonde.data.columns._text import is_text

_MOST = 20_000
"""Rows compared; of more, all that are not for training first, then training rows at random."""

_LONG_TEXT = 30
"""Characters on average from which a text is one of its own, and not a name."""


def copied_pictures(data: LookedAt) -> Iterator[Concern]:
    """Pictures that are on two sides, as the same file or nearly so."""
    for name, column in data.inputs.items():
        if data.parts is None or type(column).detached is Column.detached:
            continue
        exact = _exact(data, column)
        yield from _told(data, name, exact, "pictures", "the same", "exact copies")
        if name in data.pictures:
            yield from _near_pictures(data, name, {tuple(pair) for pair in exact.tolist()})


def copied_texts(data: LookedAt) -> Iterator[Concern]:
    """Texts that are on two sides, exactly or with a few words changed."""
    for name, column in data.inputs.items():
        field = column.reads[0] if column.reads else ""
        if data.parts is None or not _is_prose(data.fields.get(field), column):
            continue
        exact = _exact(data, column)
        written = pc.is_valid(data.fields[field]).to_numpy(zero_copy_only=False)
        exact = exact[written[np.searchsorted(data.rows, exact[:, 0])]]  # no text is no copy
        yield from _told(data, name, exact, "texts", "the same", "exact copies")
        chosen, remark = _chosen(data)
        chosen = np.intersect1d(chosen, data.rows)
        values = data.fields[field].take(pa.array(np.searchsorted(data.rows, chosen)))
        texts = pc.fill_null(values, "").to_pylist()
        pairs = [p for p in near_texts(texts, data.sides[chosen]) if texts[p[0]] != texts[p[1]]]
        found = chosen[np.array(pairs, np.int64).reshape(-1, 2)]
        yield from _told(data, name, found, "texts", "nearly the same", "near copies", remark)


def _near_pictures(data: LookedAt, name: str, exact: set[tuple[int, int]]) -> Iterator[Concern]:
    """Near copies of a column of pictures, or why they cannot be told."""
    chosen, remark = _chosen(data)
    pictures = data.pictures[name]
    found = near_pictures((pictures[row] for row in chosen), data.sides[chosen])
    if not found.told_apart:
        yield Concern(
            "near copies",
            "note",
            f"{found.unclear:,} pairs of pictures in {name!r} on different sides are alike without "
            "being copies, so near copies cannot be told from them.",
            "Where pictures come from one sequence, keep it together with the split 'group'.",
        )
        return
    pairs = [pair for pair in chosen[found.pairs].tolist() if tuple(pair) not in exact]
    near = np.array(pairs, np.int64).reshape(-1, 2)
    yield from _told(data, name, near, "pictures", "nearly the same", "near copies", remark)


def _told(
    data: LookedAt, name: str, pairs: np.ndarray, things: str, how: str, kind: str, remark: str = ""
) -> Iterator[Concern]:
    """The concern over (n, 2) pairs of rows on different sides, if there are any."""
    if not len(pairs):
        return
    sides = across(data.sides[pairs])
    yield Concern(
        kind,
        "leak",
        f"{name!r} has {len(pairs):,} pairs of {things} that are {how} on two sides "
        f"({sides}){remark}.",
        "Remove them, or keep them together with the split 'group'.",
        [(int(one), int(other)) for one, other in pairs[:MOST_PAIRS]],
        len(pairs),
    )


def _exact(data: LookedAt, column: Column) -> np.ndarray:
    """(n, 2) rows on different sides with equal content: each row with the first on another."""
    first = data.first_of([column])
    rows = np.flatnonzero(data.sides >= 0)
    order = rows[np.lexsort((rows, data.sides[rows], first[rows]))]
    _, start = np.unique(first[order], return_index=True)
    leader = np.repeat(order[start], np.diff(start, append=len(order)))
    torn = data.sides[order] != data.sides[leader]
    pairs: np.ndarray = np.sort(np.stack([leader[torn], order[torn]], axis=1), axis=1)
    return pairs


def _chosen(data: LookedAt) -> tuple[np.ndarray, str]:
    """(n,) ascending rows that are compared, at most `MOST`, and what is said of the others."""
    from sonde.core.seed import numpy_rng  # it imports torch

    rows = np.flatnonzero(data.sides >= 0)
    if len(rows) <= _MOST:
        return rows, ""
    rng = numpy_rng(0, "audit")
    held = rows[data.sides[rows] > 0]
    held = np.sort(rng.choice(held, min(len(held), _MOST // 2), replace=False))
    train = rows[data.sides[rows] == 0]
    train = rng.choice(train, min(len(train), _MOST - len(held)), replace=False)
    return np.sort(np.concatenate([held, train])), f", among {_MOST:,} of {len(rows):,} rows"


def _is_prose(values: pa.Array | None, column: Column) -> bool:
    if values is None or not is_text(values.type) or type(column).detached is not Column.detached:
        return False
    return bool((pc.mean(pc.utf8_length(values)).as_py() or 0.0) >= _LONG_TEXT)
