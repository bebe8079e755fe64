"""The store: columns encoded once, chunk by chunk, as memory-mapped arrays.

One scan of the source feeds every column that is not stored yet; chunks are encoded side by side
in threads. Each encoded column is an entry of the cache, named after all that decides its bytes:
the data's fingerprint, the fitted column, the version of its encoder. Memory is bounded by a few
chunks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column, Encoded, RowError, Source
from sonde.core.errors import UnknownColumn, listed, nearest
from sonde.core.port import is_reserved
from sonde.core.spec import split_arrays
from sonde.core.text import to_json
from sonde.data._threads import in_order
from sonde.data.cache import Draft, Entries, writing

_ARRAYS = ("values", "starts", "lengths", "present")

_SIDE_BY_SIDE = 64
"""Groups of columns fitted in one scan, each by a thread of its own."""

_PIECE, _FIRST_ROWS = 1 << 25, 64
"""Bytes that the rows encoded at once should come to, 32 MiB, and rows to find that out by."""


@dataclass(frozen=True)
class StoredColumn:
    """One column of N rows on disk: dense values (N, ...), or ragged ones with starts, lengths."""

    values: np.ndarray
    starts: np.ndarray | None
    lengths: np.ndarray | None
    present: np.ndarray | None
    errors: tuple[RowError, ...]
    entries: Entries | None = None
    """Keeps what is mapped here from being evicted."""

    @property
    def nbytes(self) -> int:
        """Size of all its arrays in bytes."""
        arrays = (self.values, self.starts, self.lengths, self.present)
        return sum(array.nbytes for array in arrays if array is not None)

    def take(self, rows: np.ndarray) -> Encoded:
        """The rows in the order asked for, as one chunk."""
        present = None if self.present is None else self.present[rows]
        if self.starts is None or self.lengths is None:
            return Encoded(self.values[rows], present=present)
        starts, lengths = self.starts[rows], self.lengths[rows]
        offsets = np.cumsum(lengths) - lengths
        steps = np.arange(lengths.sum()) + np.repeat(starts - offsets, lengths)
        return Encoded(self.values[steps], offsets, lengths, present)


Store = Mapping[str, StoredColumn]


def check_fields(source: Source, wanted: Iterable[str]) -> None:
    """Every wanted field is there.

    Raises:
        UnknownColumn: one is not; names the nearest.
    """
    known = [field.name for field in source.fields()]
    for name in wanted:
        if name not in known:
            named = [other for other in known if not is_reserved(other)]
            near = nearest(name, named)
            hint = f" Did you mean {near!r}?" if near else ""
            raise UnknownColumn(
                f"{source.title} has no column {name!r}.{hint} Columns: {listed(named)}"
            )


def fit_columns(
    source: Source, columns: Mapping[str, Column], train: np.ndarray
) -> dict[str, Column]:
    """Columns fitted on the training rows alone, in one scan.

    Columns that name one `shares` learn from the union of their values and get the same fields.
    """
    groups: dict[str, list[str]] = {}
    for name, column in columns.items():
        groups.setdefault(f"shares {column.shares}" if column.shares else f"own {name}", []).append(
            name
        )
    learning = [names for names in groups.values() if columns[names[0]].learns]
    out = dict(columns)
    for start in range(0, len(learning), _SIDE_BY_SIDE):
        some = learning[start : start + _SIDE_BY_SIDE]
        feeds = [_feed([columns[name] for name in names], train) for names in some]
        fields = sorted({f for names in some for name in names for f in columns[name].reads})
        for names, leader in zip(some, _fan_out(_numbered(source, fields), feeds), strict=True):
            values = {f: getattr(leader, f) for f in leader.learned_fields()}
            for name in names:
                out[name] = columns[name].learn(**values | {"name": name})
    return out


def build_store(
    source: Source, columns: Mapping[str, Column], fingerprint: str, *, folder: Path | None = None
) -> dict[str, StoredColumn]:
    """Every column encoded for every row, from the cache where it lies there already.

    Raises:
        StorageError: the cache cannot be written.
    """
    entries = Entries(fingerprint, folder)
    keys = {name: _key(column) for name, column in columns.items()}
    indices = {name: entries.index(key) for name, key in keys.items()}
    missing = {keys[n]: columns[n] for n, index in indices.items() if index is None}
    if missing:
        with entries.draft() as draft:
            _encode(source, missing, draft)
        indices = {name: entries.index(key) for name, key in keys.items()}
    return {name: _open(entries, keys[name], index) for name, index in indices.items()}


def _key(column: Column) -> str:
    """A name for all that decides a column's encoded bytes."""
    plain, arrays = split_arrays(column.dump(learned=True))
    digest = hashlib.sha256(to_json([plain, column.encoder_version]).encode())
    for name in sorted(arrays):
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()[:20]


_Numbered = tuple[int, pa.RecordBatch]
"""A chunk, and the row number of its first row."""


def _numbered(source: Source, fields: list[str]) -> Iterator[_Numbered]:
    """Chunks with the row number of their first row."""
    first = 0
    for chunk in source.scan(fields):
        yield first, chunk
        first += chunk.num_rows


def _only(chunk: _Numbered, fields: Iterable[str], rows: np.ndarray) -> pa.RecordBatch:
    """Some fields of the rows of a numbered chunk that are among `rows`, which is ascending."""
    first, batch = chunk
    start, stop = np.searchsorted(rows, (first, first + batch.num_rows))
    some = batch.select(list(fields))
    whole = stop - start == batch.num_rows
    return some if whole else some.take(pa.array(rows[start:stop] - first))


def _feed(members: list[Column], train: np.ndarray) -> Callable[[Iterable[_Numbered]], Column]:
    """Fits the first of columns that share on the training values of all of them."""
    leader = members[0]

    def read_by(member: Column, chunk: _Numbered) -> pa.RecordBatch:
        rows = _only(chunk, member.reads, train)
        return pa.RecordBatch.from_arrays(rows.columns, leader.reads)

    def fit(chunks: Iterable[_Numbered]) -> Column:
        return leader.fit(read_by(member, chunk) for chunk in chunks for member in members)

    return fit


def _fan_out(
    chunks: Iterator[_Numbered], feeds: list[Callable[[Iterable[_Numbered]], Column]]
) -> list[Column]:
    """Gives every consumer the same stream from one pass, a few chunks ahead at most."""
    from queue import Queue

    queues: list[Queue[_Numbered | None]] = [Queue(maxsize=4) for _ in feeds]

    def stream(queue: Queue[_Numbered | None]) -> Iterator[_Numbered]:
        while (chunk := queue.get()) is not None:
            yield chunk

    def consume(feed: Callable[..., Column], queue: Queue[_Numbered | None]) -> Column:
        left = stream(queue)
        try:
            return feed(left)
        finally:
            for _ in left:  # a consumer that stops early must not block the producer
                pass

    with ThreadPoolExecutor(max_workers=max(1, len(feeds))) as pool:
        jobs = [
            pool.submit(copy_context().run, consume, feed, queue)  # what it says is heard
            for feed, queue in zip(feeds, queues, strict=True)
        ]
        try:
            for chunk in chunks:
                for queue in queues:
                    queue.put(chunk)
        finally:
            for queue in queues:
                queue.put(None)
        return [job.result() for job in jobs]


def _encode(source: Source, columns: Mapping[str, Column], draft: Draft) -> None:
    """Encodes columns, named by their keys, and puts each in place when it is whole."""
    writers = {key: _Writer(draft.start(key)) for key in columns}
    fields = sorted({field for column in columns.values() for field in column.reads})

    def encoded(chunk: _Numbered) -> tuple[_Numbered, list[Encoded]]:
        return chunk, [column.encode(chunk[1]) for column in columns.values()]

    rows, size = 0, 0

    def at_once() -> int:
        return max(1, _PIECE * rows // max(1, size)) if rows else _FIRST_ROWS

    for (first, chunk), parts in in_order(encoded, _pieces(_numbered(source, fields), at_once)):
        for writer, part in zip(writers.values(), parts, strict=True):
            size += writer.add(part, first)
        rows = first + len(chunk)
    for key, writer in writers.items():
        draft.finish(key, writer.index())


def _pieces(chunks: Iterable[_Numbered], at_once: Callable[[], int]) -> Iterator[_Numbered]:
    """Chunks cut smaller where `at_once` rows are fewer: pictures may be large."""
    for first, chunk in chunks:
        start = 0
        while start < len(chunk):
            piece = chunk.slice(start, at_once())
            yield first + start, piece
            start += len(piece)


class _Writer:
    """Appends chunks of one column to raw files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shapes: dict[str, tuple[str, tuple[int, ...], int]] = {}
        self.errors: list[RowError] = []
        self.steps = 0

    def add(self, part: Encoded, first: int) -> int:
        """Append an encoded chunk whose first row has the number `first`; how many bytes it has."""
        self.errors += [error._replace(row=error.row + first) for error in part.errors]
        starts = None if part.starts is None else part.starts + self.steps
        size = 0
        for name, array in zip(
            _ARRAYS, (part.values, starts, part.lengths, part.present), strict=True
        ):
            if array is not None:
                self._append(name, array)
                size += array.nbytes
        self.steps += len(part.values)
        return size

    def index(self) -> dict[str, Any]:
        """What `_open` needs to know."""
        errors = [[e.row, str(e.got)[:200], e.expected, e.place] for e in self.errors]
        return {"arrays": self.shapes, "errors": errors}

    def _append(self, name: str, array: np.ndarray) -> None:
        form = (array.dtype.str, array.shape[1:])
        kind, shape, count = self.shapes.get(name, (*form, 0))
        assert form == (kind, shape), f"{self.folder}: {name} changed form"
        self.shapes[name] = (kind, shape, count + len(array))
        # opened anew for each chunk: a wide table has more columns than a process may open files
        with writing(self.folder), (self.folder / f"{name}.bin").open("ab") as file:
            file.write(np.ascontiguousarray(array).data)


def _open(entries: Entries, key: str, index: Any) -> StoredColumn:
    arrays: dict[str, np.ndarray] = {}
    for name, (dtype, shape, count) in index["arrays"].items():
        full = (count, *shape)
        path = entries.place(key) / f"{name}.bin"
        empty = not path.stat().st_size  # an empty file cannot be mapped
        arrays[name] = (
            np.empty(full, dtype) if empty else np.memmap(path, dtype=dtype, mode="r", shape=full)
        )
    return StoredColumn(
        arrays.get("values", np.empty(0)),
        arrays.get("starts"),
        arrays.get("lengths"),
        arrays.get("present"),
        tuple(RowError(*error) for error in index["errors"]),
        entries,
    )
