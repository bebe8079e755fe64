"""Copies: which rows say the same as an earlier one, so that no split puts both on its two sides.

Every value is hashed to 64 bits, many at a time, and a row to a mixture of its values' hashes.
Rows of one hash are then read again and compared value by value, so the answer is exact however
the hash may err. Memory is 16 bytes a row and a few chunks.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column, Source
from sonde.core.errors import DataError
from sonde.data._threads import in_order

_AT_ONCE = 1 << 27
"""Bytes of raw values compared at once: 128 MiB."""

_FILES = 64
"""Rows whose files are read at once."""

_LONG = 64
"""Bytes beyond which a value is hashed by itself and not with its neighbours, word by word."""

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio, as in splitmix64
_HALF = np.uint64(32)
_NULL = np.uint64(0x5851F42D4C957F2D)
_MASKS = np.array([(1 << 8 * kept) - 1 for kept in range(9)], np.uint64)
"""What keeps the first 0 to 8 bytes of a little-endian word."""

_BULK = 1 << 16
"""Rows hashed at once."""

_SHARDS = 4
"""Parts that hashes are divided into, by their first two bits, to be sorted side by side."""


def copies(source: Source, columns: Iterable[Column]) -> np.ndarray:
    """The first row that says the same as each row, in every raw field these columns read.

    Values are equal where they are written alike: '3' and '3.0' differ as texts. Missing equals
    missing. A field of files, such as pictures, is compared by what stands in the files
    (`Column.detached`); a file that cannot be read, by its name.

    Returns:
        (N,) int64 row numbers; a row's own number where no earlier row is equal to it.
    """
    readers = {field: column for column in columns for field in column.reads}
    if not readers:
        some = [field.name for field in source.fields()][:1]
        return np.arange(sum(chunk.num_rows for chunk in source.scan(some)), dtype=np.int64)
    hashes, row_bytes = _hashed(source, readers)
    first = np.arange(len(hashes), dtype=np.int64)
    rows = first
    at_once = max(1, int(_AT_ONCE / max(1.0, row_bytes)) // 2)
    while len(pairs := _pairs(hashes, rows)):
        for start in range(0, len(pairs), at_once):
            earlier, later = pairs[start : start + at_once].T
            equal = _equal(source, readers, earlier, later)
            first[later[equal]] = earlier[equal]
        leaders, members = pairs.T
        rows = np.sort(members[first[members] != leaders])  # one hash, but other values
    return first


def _hashed(source: Source, readers: Mapping[str, Column]) -> tuple[np.ndarray, float]:
    """(N,) uint64 hash of each row, and how many bytes a row has on average."""

    def hashed(rows: pa.RecordBatch) -> tuple[np.ndarray, int]:
        values = _values(rows, readers)
        return reduce(_mixed, map(_hash, values)), sum(array.nbytes for array in values)

    found = list(in_order(hashed, _pieces(source, readers)))
    hashes = np.concatenate([some for some, _ in found]) if found else np.empty(0, np.uint64)
    return hashes, sum(size for _, size in found) / max(1, len(hashes))


def _pieces(source: Source, readers: Mapping[str, Column]) -> Iterator[pa.RecordBatch]:
    """Few rows at once where their files have to be read."""
    at_once = _FILES if any(map(_points_at_files, readers.values())) else _BULK
    for chunk in source.scan(list(readers)):
        for start in range(0, chunk.num_rows, at_once):
            yield chunk.slice(start, at_once)


def _pairs(hashes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n, 2) each of the ascending rows that shares its hash with an earlier one, and the first."""
    shared = _shared(hashes[rows])
    if not len(shared):
        return np.empty((0, 2), np.int64)
    sharing = pc.is_in(pa.array(hashes[rows]), value_set=pa.array(shared))
    rows = rows[sharing.to_numpy(zero_copy_only=False)]
    rows = rows[np.argsort(hashes[rows], kind="stable")]
    is_first = np.append(True, hashes[rows][1:] != hashes[rows][:-1])
    leaders = np.repeat(rows[is_first], np.diff(np.flatnonzero(is_first), append=len(rows)))
    pairs: np.ndarray = np.stack([leaders, rows], axis=1)[~is_first]
    return pairs


def _shared(hashes: np.ndarray) -> np.ndarray:
    """(n,) uint64: the hashes that come more than once."""
    shard_of = (hashes >> np.uint64(62)).astype(np.uint8)

    def shared(shard: int) -> np.ndarray:
        ordered = np.sort(hashes[shard_of == shard])
        repeated: np.ndarray = ordered[1:][ordered[1:] == ordered[:-1]]
        return repeated

    return np.concatenate(list(in_order(shared, range(_SHARDS))))


def _equal(
    source: Source, readers: Mapping[str, Column], earlier: np.ndarray, later: np.ndarray
) -> np.ndarray:
    """(n,) bool: whether row earlier[i] says the same as row later[i]."""
    rows = np.sort(np.concatenate([earlier, later]))
    rows = rows[np.append(True, rows[1:] > rows[:-1])]
    one, other = (pa.array(np.searchsorted(rows, side)) for side in (earlier, later))
    same = np.ones(len(earlier), bool)
    for column in zip(*_picked(source, readers, rows), strict=True):
        values = pa.concat_arrays(column)
        left, right = values.take(one), values.take(other)
        both_null = pc.and_(pc.is_null(left), pc.is_null(right))
        alike = pc.or_(pc.fill_null(pc.equal(left, right), False), both_null)
        same &= alike.to_numpy(zero_copy_only=False)
    return same


def _picked(
    source: Source, readers: Mapping[str, Column], rows: np.ndarray
) -> Iterator[list[pa.Array]]:
    """The values of some ascending rows, a chunk at a time."""
    first = 0
    for chunk in source.scan(list(readers)):
        start, stop = np.searchsorted(rows, (first, first + chunk.num_rows))
        if start < stop:
            yield _values(chunk.take(pa.array(rows[start:stop] - first)), readers)
        first += chunk.num_rows


def _values(chunk: pa.RecordBatch, readers: Mapping[str, Column]) -> list[pa.Array]:
    """Each field as an array of numbers, texts or bytes that can be hashed and compared."""
    return [_simple(_content(chunk.column(name), column)) for name, column in readers.items()]


def _points_at_files(column: Column) -> bool:
    return type(column).detached is not Column.detached


def _content(raw: pa.Array, column: Column) -> pa.Array:
    """What a field's files hold, where it names files; else the field itself."""
    if not _points_at_files(column):
        return raw
    try:
        return column.detached(raw)
    except (OSError, DataError):
        return raw if len(raw) < 2 else _by_row(raw, column)


def _by_row(raw: pa.Array, column: Column) -> pa.Array:
    """The same where some file cannot be read: that row keeps its name."""
    values = [_content(raw.slice(row, 1), column)[0].as_py() for row in range(len(raw))]
    return pa.array([v.encode() if isinstance(v, str) else v for v in values], pa.binary())


def _simple(raw: pa.Array) -> pa.Array:
    """Equal values as equal int64 or equal bytes, null as null."""
    kind = raw.type
    if isinstance(kind, pa.FixedShapeTensorType):
        return _bytes_of(raw.storage)
    if isinstance(kind, pa.BaseExtensionType):
        return _simple(raw.storage)
    if pa.types.is_dictionary(kind):
        return _simple(raw.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return raw.cast(pa.binary())
    if pa.types.is_floating(kind):
        numbers = pc.cast(raw, pa.float64())
        numbers = pc.if_else(pc.is_nan(numbers), None, pc.add(numbers, 0.0))  # no negative zero
        return numbers.view(pa.int64())
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return pc.cast(raw, pa.int64(), safe=False)
    if pa.types.is_temporal(kind) and kind.bit_width == 64:
        return raw.view(pa.int64())
    try:
        return pc.cast(pc.cast(raw, pa.string()), pa.binary())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        written = [None if value is None else repr(value).encode() for value in raw.to_pylist()]
        return pa.array(written, pa.binary())


def _bytes_of(arrays: pa.FixedSizeListArray) -> pa.Array:
    """(n,) arrays of one shape as their bytes."""
    size = arrays.type.list_size
    flat = arrays.values.slice(arrays.offset * size, len(arrays) * size)
    numbers = np.ascontiguousarray(flat.to_numpy(zero_copy_only=False))
    offsets = np.arange(len(arrays) + 1, dtype=np.int64) * (numbers.itemsize * size)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(numbers)]
    made = pa.Array.from_buffers(pa.large_binary(), len(arrays), buffers)
    return pc.if_else(arrays.is_valid(), made, None) if arrays.null_count else made


def _hash(values: pa.Array) -> np.ndarray:
    """(n,) uint64 of what `_simple` gives."""
    if pa.types.is_integer(values.type):
        numbers = pc.fill_null(values, 0).to_numpy(zero_copy_only=False).view(np.uint64)
        hashes = _mixed(np.zeros(1, np.uint64), numbers)
    else:
        hashes = _hash_bytes(values)
    if values.null_count:
        hashes[pc.is_null(values).to_numpy(zero_copy_only=False)] = _NULL
    return hashes


def _hash_bytes(values: pa.Array) -> np.ndarray:
    """(n,) uint64: a word of eight bytes of every value at once, then of all that are longer."""
    kind = np.int64 if pa.types.is_large_binary(values.type) else np.int32
    _, ends, data = values.buffers()
    bounds = np.frombuffer(ends, kind)[values.offset : values.offset + len(values) + 1]
    begin, end = int(bounds[0]), int(bounds[-1])
    padded = np.zeros(end - begin + 8, np.uint8)  # so that the last word ends inside
    if data is not None:
        padded[:-8] = np.frombuffer(data, np.uint8)[begin:end]
    starts, lengths = bounds[:-1] - bounds[0], np.diff(bounds)
    words = np.ndarray(len(padded) - 7, "<u8", padded, strides=(1,))  # one at every byte
    hashes = _mixed(_word(words, starts, lengths), lengths.astype(np.uint64))
    longer = np.flatnonzero((lengths > 8) & (lengths <= _LONG))
    done = 8
    while len(longer):
        left = lengths[longer] - done
        hashes[longer] = _mixed(hashes[longer], _word(words, starts[longer] + done, left))
        longer, done = longer[left > 8], done + 8
    for row in np.flatnonzero(lengths > _LONG):
        value = padded[starts[row] : starts[row] + lengths[row]]
        digest = hashlib.blake2b(value.tobytes(), digest_size=8).digest()
        hashes[row] = int.from_bytes(digest, sys.byteorder)
    return hashes


def _word(words: np.ndarray, starts: np.ndarray, left: np.ndarray) -> np.ndarray:
    """(n,) uint64: the next eight bytes of each value, zeros beyond its end."""
    word: np.ndarray = words.take(starts) & _MASKS.take(left, mode="clip")
    return word


def _mixed(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) uint64: one hash of two, in which the order of the two matters."""
    mixed: np.ndarray = hashes * _ODD
    mixed ^= mixed >> _HALF
    mixed = (mixed ^ others) * _ODD
    mixed ^= mixed >> _HALF
    return mixed
