"""Pictures and texts that stand on two sides of the split, exactly or nearly the same.

Rows that are equal in every column were kept on one side when the split was made; here each column
of pictures and of texts is looked at by itself, whatever the rest of the row says. Where there is
no split yet, any two rows may come to stand on two sides.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column, RowError
from sonde.core.errors import counted
from sonde.data.audit.concern import MOST_PAIRS, Concern
from sonde.data.audit.looked_at import LookedAt, across
from sonde.data.audit.near_pictures import near_pictures
from sonde.data.audit.near_texts import near_texts
from sonde.data.audit.small_pictures import MOST_DECODED, small_pictures
from sonde.data.columns._text import is_text, shortened
from sonde.data.columns.category import Category
from sonde.data.columns.image import Image
from sonde.data.picked import picked

_MOST = 20_000
"""Rows compared; of more, all that are not for training first, then training rows at random."""

_MOST_READ = 100_000
"""Files that are all read to be compared byte by byte, before there is a run that reads them."""

_LONG_TEXT = 30
"""Characters on average from which a text is one of its own, and not a name."""

_WRITTEN = ("category", "sequence")
"""Ports of what may be prose: a text of keywords is a set, and two films may well share them."""

_OWN = 0.5
"""Part of the texts that differ, at least: of fewer, equal ones are a class and no copies."""

_SHOWN = 3
"""Pairs whose files or texts are told."""

_TORN = "Remove them, or keep them together with the split 'group'."
_IF_TORN = (
    "These would leak where a random split put them on two sides: sonde train keeps together only "
    f"rows that are equal in every column, and tells of the others. {_TORN}"
)


def copied_pictures(data: LookedAt) -> Iterator[Concern]:
    """Pictures that are on two sides, as the same file or nearly so."""
    for name, column in data.inputs.items():
        if type(column).detached is Column.detached or column.port.kind != "grid":
            continue
        many = data.early and data.count > _MOST_READ  # equal ones are then near ones, of a sample
        exact = np.empty((0, 2), np.int64) if many else _exact(data, column)
        yield from _told(data, column, exact, "pictures", "the same")
        yield from _near_pictures(data, name, column, {tuple(pair) for pair in exact.tolist()})


def copied_texts(data: LookedAt) -> Iterator[Concern]:
    """Texts that are on two sides, exactly or with a few words changed."""
    for column in _texts(data):
        field = column.reads[0]
        exact = _exact(data, column)
        written = pc.is_valid(data.fields[field]).to_numpy(zero_copy_only=False)
        exact = exact[written[np.searchsorted(data.rows, exact[:, 0])]]  # no text is no copy
        yield from _told(data, column, exact, "texts", "the same")
        chosen, remark = _chosen(data, _MOST)
        chosen = np.intersect1d(chosen, data.rows)
        values = data.fields[field].take(pa.array(np.searchsorted(data.rows, chosen)))
        texts = pc.fill_null(values, "").to_pylist()
        pairs = [p for p in near_texts(texts, data.sides[chosen]) if texts[p[0]] != texts[p[1]]]
        found = chosen[np.array(pairs, np.int64).reshape(-1, 2)]
        yield from _told(data, column, found, "texts", "nearly the same", remark)


def _texts(data: LookedAt) -> Iterator[Column]:
    """Columns of texts; before there is a split, also one for each field of them none reads yet."""
    read = {f for column in data.columns.values() for f in column.reads}
    unread = [f for f in data.fields if f not in read] if data.early else []
    for column in [*data.inputs.values(), *(Category().named(field) for field in unread)]:
        if column.port.kind not in _WRITTEN:
            continue
        if column.reads and _is_prose(data.fields.get(column.reads[0]), column):
            yield column


def _near_pictures(
    data: LookedAt, name: str, column: Column, exact: set[tuple[int, int]]
) -> Iterator[Concern]:
    """Near copies of a column of pictures, or why they cannot be told."""
    if name in data.pictures:
        chosen, remark = _chosen(data, _MOST)
        found = near_pictures((data.pictures[name][row] for row in chosen), data.sides[chosen])
    elif data.early and isinstance(column, Image):
        chosen, remark = _chosen(data, MOST_DECODED)
        unread: list[RowError] = []
        small = small_pictures(data.source, column, chosen, unread)
        found = near_pictures(small, data.sides[chosen])
        yield from _unread(column, unread, remark)
    else:
        return
    if not found.told_apart:
        where = " on different sides" if data.parts else ""
        yield Concern(
            "near copies",
            "note",
            f"{found.unclear:,} pairs of pictures in {name!r}{where} are alike without "
            f"being copies, so near copies cannot be told from them{remark}.",
            "Where pictures come from one sequence, keep it together with the split 'group'.",
        )
        return
    pairs = [pair for pair in chosen[found.pairs].tolist() if tuple(pair) not in exact]
    near = np.array(pairs, np.int64).reshape(-1, 2)
    yield from _told(data, column, near, "pictures", "nearly the same", remark)


def _unread(column: Column, errors: list[RowError], remark: str) -> Iterator[Concern]:
    """The concern over pictures that learning would set aside, if there are any."""
    if not errors:
        return
    first = errors[0]
    yield Concern(
        "unreadable pictures",
        "note",
        f"{counted(len(errors), 'picture')} in {column.name!r} cannot be read{remark}. First: row "
        f"{first.row:,}: got {first.got}, expected {first.expected}.",
        "Mend or remove them: a run sets their rows aside, and ends where they are many.",
        count=len(errors),
    )


def _told(
    data: LookedAt, column: Column, pairs: np.ndarray, things: str, how: str, remark: str = ""
) -> Iterator[Concern]:
    """The concern over (n, 2) pairs of rows on different sides, if there are any."""
    if not len(pairs):
        return
    where = f" on two sides ({across(data.sides[pairs])})" if data.parts else ""
    yield Concern(
        "exact copies" if how == "the same" else "near copies",
        "leak" if data.parts else "doubt",
        f"{column.name!r} has {counted(len(pairs), 'pair')} of {things} that are {how}{where}"
        f"{remark}.",
        _TORN if data.parts else _IF_TORN,
        [(int(one), int(other)) for one, other in pairs[:MOST_PAIRS]],
        len(pairs),
        _examples(data, column.reads[0], pairs[:_SHOWN]),
    )


def _examples(data: LookedAt, field: str, pairs: np.ndarray) -> list[str]:
    """Row numbers of (n, 2) pairs, each with its text or the end of its file's name."""
    rows = np.unique(pairs)
    found = [v for chunk in picked(data.source, [field], rows) for v in chunk.column(0).to_pylist()]
    told = {
        row: f"row {row:,} ({_ending(value)})" if isinstance(value, str) else f"row {row:,}"
        for row, value in zip(rows.tolist(), found, strict=True)
    }
    return [f"{told[one]} and {told[other]}" for one, other in pairs.tolist()]


def _ending(text: str) -> str:
    """A short text whole, the end of a file's name, the beginning of a long text."""
    name = "/".join(text.split("/")[-3:]) if " " not in text else text
    return shortened(" ".join(name.split()), 60)


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


def _chosen(data: LookedAt, most: int) -> tuple[np.ndarray, str]:
    """(n,) ascending rows that are compared, at most `most`, and what is said of the others."""
    from sonde.core.seed import numpy_rng  # it imports torch

    rows = np.flatnonzero(data.sides >= 0)
    if len(rows) <= most:
        return rows, ""
    rng = numpy_rng(0, "audit")
    remark = f", among {most:,} of {len(rows):,} rows"
    if data.parts is None:
        return np.sort(rng.choice(rows, most, replace=False)), remark
    held = rows[data.sides[rows] > 0]
    held = np.sort(rng.choice(held, min(len(held), most // 2), replace=False))
    train = rows[data.sides[rows] == 0]
    train = rng.choice(train, min(len(train), most - len(held)), replace=False)
    return np.sort(np.concatenate([held, train])), remark


def _is_prose(values: pa.Array | None, column: Column) -> bool:
    if values is None or not is_text(values.type) or type(column).detached is not Column.detached:
        return False
    known = values.drop_null()
    if (pc.mean(pc.utf8_length(known)).as_py() or 0.0) < _LONG_TEXT:
        return False
    if pc.mean(pc.match_substring_regex(known, r"\S\s+\S")).as_py() < _OWN:
        return False  # links and codes are alike without being copies
    return len(pc.unique(known)) >= _OWN * len(known)
