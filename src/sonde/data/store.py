"""The store: columns encoded once, chunk by chunk, as memory-mapped arrays.

One scan of the source feeds every column that is not stored yet; columns are encoded side by side
in threads, since Arrow, NumPy and Pillow release the interpreter's lock in their inner loops. Each
encoded column lies in a folder of its own, named after all that decides its bytes: the data's
fingerprint, the fitted column, the version of its encoder. Memory is bounded by a few chunks.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column, Encoded, RowError, Source
from sonde.core.errors import UnknownColumn, listed, nearest
from sonde.core.spec import split_arrays
from sonde.core.text import to_json

_ARRAYS = ("values", "starts", "lengths", "present")


def cache_folder() -> Path:
    """Where encoded columns are kept: `SONDE_CACHE`, else the user's cache folder."""
    named = os.environ.get("SONDE_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(named) if named else base / "sonde") / "store"


@dataclass(frozen=True)
class StoredColumn:
    """One column of N rows on disk: dense values (N, ...), or ragged ones with starts, lengths."""

    values: np.ndarray
    starts: np.ndarray | None
    lengths: np.ndarray | None
    present: np.ndarray | None
    errors: tuple[RowError, ...]

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
            near = nearest(name, known)
            hint = f" Did you mean {near!r}?" if near else ""
            raise UnknownColumn(
                f"{source.title} has no column {name!r}.{hint} Columns: {listed(known)}"
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
    learning = {key: names for key, names in groups.items() if columns[names[0]].learns}
    feeds = [_feed([columns[name] for name in names]) for names in learning.values()]
    fields = sorted({f for names in learning.values() for n in names for f in columns[n].reads})
    chunks = (_only(chunk, train) for chunk in _numbered(source, fields)) if feeds else iter(())
    fitted = _fan_out(chunks, feeds)
    out = dict(columns)
    for names, leader in zip(learning.values(), fitted, strict=True):
        values = {f: getattr(leader, f) for f in leader.learned_fields()}
        for name in names:
            out[name] = columns[name].learn(**values | {"name": name})
    return out


def build_store(
    source: Source, columns: Mapping[str, Column], fingerprint: str, *, folder: Path | None = None
) -> dict[str, StoredColumn]:
    """Every column encoded for every row, from the cache where it lies there already."""
    folder = folder or cache_folder()
    places = {name: folder / fingerprint[:20] / _key(col) for name, col in columns.items()}
    missing = {n: columns[n] for n, place in places.items() if not (place / "index.json").exists()}
    if missing:
        _encode(source, missing, places)
    return {name: _open(place) for name, place in places.items()}


def _key(column: Column) -> str:
    """A name for all that decides a column's encoded bytes."""
    plain, arrays = split_arrays(column.dump(learned=True))
    digest = hashlib.sha256(to_json([plain, column.encoder_version]).encode())
    for name in sorted(arrays):
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()[:20]


def _numbered(source: Source, fields: list[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Chunks with the row number of their first row."""
    first = 0
    for chunk in source.scan(fields):
        yield first, chunk
        first += chunk.num_rows


def _only(chunk: tuple[int, pa.RecordBatch], rows: np.ndarray) -> pa.RecordBatch:
    """The rows of a numbered chunk that are among `rows`, which is ascending."""
    first, batch = chunk
    start, stop = np.searchsorted(rows, (first, first + batch.num_rows))
    return batch.take(pa.array(rows[start:stop] - first))


def _feed(members: list[Column]) -> Callable[[Iterable[pa.RecordBatch]], Column]:
    """Fits the first of columns that share on the values of all of them."""
    leader = members[0]

    def renamed(chunk: pa.RecordBatch, member: Column) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([chunk.column(f) for f in member.reads], leader.reads)

    def fit(chunks: Iterable[pa.RecordBatch]) -> Column:
        return leader.fit(renamed(chunk, member) for chunk in chunks for member in members)

    return fit


def _fan_out(
    chunks: Iterator[pa.RecordBatch], feeds: list[Callable[[Iterable[pa.RecordBatch]], Column]]
) -> list[Column]:
    """Gives every consumer the same stream from one pass, a few chunks ahead at most."""
    from queue import Queue

    queues: list[Queue[pa.RecordBatch | None]] = [Queue(maxsize=4) for _ in feeds]

    def stream(queue: Queue[pa.RecordBatch | None]) -> Iterator[pa.RecordBatch]:
        while (chunk := queue.get()) is not None:
            yield chunk

    def consume(feed: Callable[..., Column], queue: Queue[pa.RecordBatch | None]) -> Column:
        left = stream(queue)
        try:
            return feed(left)
        finally:
            for _ in left:  # a consumer that stops early must not block the producer
                pass

    with ThreadPoolExecutor(max_workers=max(1, len(feeds))) as pool:
        jobs = [pool.submit(consume, feed, q) for feed, q in zip(feeds, queues, strict=True)]
        try:
            for chunk in chunks:
                for queue in queues:
                    queue.put(chunk)
        finally:
            for queue in queues:
                queue.put(None)
        return [job.result() for job in jobs]


def _encode(source: Source, columns: Mapping[str, Column], places: Mapping[str, Path]) -> None:
    """Encodes columns beside their places and moves each there when it is whole."""
    writers = {name: _Writer(places[name]) for name in columns}
    fields = sorted({field for column in columns.values() for field in column.reads})
    try:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for first, chunk in _numbered(source, fields):
                encoded = pool.map(lambda column, rows=chunk: column.encode(rows), columns.values())
                for name, part in zip(columns, encoded, strict=True):
                    writers[name].add(part, first)
        for writer in writers.values():
            writer.finish()
    finally:
        for writer in writers.values():
            writer.discard()


class _Writer:
    """Appends chunks of one column to raw files in a temporary folder, then moves it in place."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.draft = place.with_name(f".draft-{uuid.uuid4().hex}")
        self.draft.mkdir(parents=True)
        self.files: dict[str, BinaryIO] = {}
        self.shapes: dict[str, tuple[str, tuple[int, ...], int]] = {}
        self.errors: list[RowError] = []
        self.steps = 0

    def add(self, part: Encoded, first: int) -> None:
        """Append one encoded chunk whose first row has the number `first`."""
        self.errors += [error._replace(row=error.row + first) for error in part.errors]
        starts = None if part.starts is None else part.starts + self.steps
        for name, array in zip(
            _ARRAYS, (part.values, starts, part.lengths, part.present), strict=True
        ):
            if array is not None:
                self._append(name, array)
        self.steps += len(part.values)

    def _append(self, name: str, array: np.ndarray) -> None:
        if name not in self.files:
            self.files[name] = (self.draft / f"{name}.bin").open("wb")
            self.shapes[name] = (array.dtype.str, array.shape[1:], 0)
        kind, shape, count = self.shapes[name]
        assert (array.dtype.str, array.shape[1:]) == (kind, shape), (
            f"{self.place}: {name} changed form"
        )
        self.shapes[name] = (kind, shape, count + len(array))
        self.files[name].write(np.ascontiguousarray(array).data)

    def finish(self) -> None:
        """Write the index last, move the folder in place; another process may have been first."""
        for file in self.files.values():
            file.close()
        errors = [[e.row, str(e.got)[:200], e.expected, e.place] for e in self.errors]
        index = {"arrays": self.shapes, "errors": errors}
        (self.draft / "index.json").write_text(json.dumps(index), encoding="utf-8")
        try:
            self.draft.rename(self.place)
        except OSError:
            if not (self.place / "index.json").exists():
                raise

    def discard(self) -> None:
        """Remove what is left of the draft."""
        for file in self.files.values():
            file.close()
        shutil.rmtree(self.draft, ignore_errors=True)


def _open(place: Path) -> StoredColumn:
    index = json.loads((place / "index.json").read_text(encoding="utf-8"))
    arrays: dict[str, np.ndarray] = {}
    for name, (dtype, shape, count) in index["arrays"].items():
        full = (count, *shape)
        path = place / f"{name}.bin"
        empty = not path.stat().st_size  # an empty file cannot be mapped
        arrays[name] = (
            np.empty(full, dtype) if empty else np.memmap(path, dtype=dtype, mode="r", shape=full)
        )
    errors = tuple(RowError(*error) for error in index["errors"])
    return StoredColumn(
        arrays.get("values", np.empty(0)),
        arrays.get("starts"),
        arrays.get("lengths"),
        arrays.get("present"),
        errors,
    )
