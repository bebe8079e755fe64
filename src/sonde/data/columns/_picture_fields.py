"""A field of pictures: what it may hold, and each of them read on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa

from sonde.contracts.data import RowError
from sonde.data._threads import in_order, num_threads
from sonde.data.columns._text import is_text, not_readable, plain, shortened

if TYPE_CHECKING:
    from sonde.data.columns._pictures import Unreadable

TOGETHER = 32
"""Pictures a thread takes at a time where there are many: handing over a small one costs as much
as decoding it."""

T = TypeVar("T")


def raw_of(rows: pa.RecordBatch, field: str, name: str) -> pa.Array:
    """A field of file names, encoded pictures or uint8 arrays, without a dictionary.

    Raises:
        DataError: it holds no pictures at all.
    """
    raw = plain(rows.column(field))
    if isinstance(raw, pa.FixedShapeTensorArray):
        readable = raw.type.value_type == pa.uint8() and is_picture(raw.type.shape)
    else:
        readable = is_text(raw.type) or is_binary(raw.type) or pa.types.is_null(raw.type)
    if not readable:
        raise not_readable(raw, name, "file names, encoded pictures, or uint8 arrays "
                           "(H, W) or (H, W, C) with values in [0, 255]")  # fmt: skip
    return raw


def is_binary(kind: pa.DataType) -> bool:
    """Whether values are bytes."""
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    )


def is_picture(shape: list[int]) -> bool:
    """Whether an array of this shape can be a picture: (H, W) or (H, W, C)."""
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 2, 3, 4))


def pictures_in(raw: pa.Array) -> list[Any]:
    """File names, bytes or arrays, None where missing."""
    if not isinstance(raw, pa.FixedShapeTensorArray):
        values: list[Any] = raw.to_pylist()
        return values
    arrays = iter(tensors_in(raw))
    return [next(arrays) if known else None for known in raw.is_valid().to_pylist()]


def tensors_in(raw: pa.FixedShapeTensorArray) -> np.ndarray:
    """(n, H, W) or (n, H, W, C) uint8 of the rows that are not missing."""
    arrays: np.ndarray = raw.filter(raw.is_valid()).to_numpy_ndarray()
    return arrays


def on_threads(read: Callable[[Any], T], pictures: list[Any]) -> Iterator[T | Unreadable]:
    """What `read` makes of each picture, in order; Pillow decodes without Python's lock.

    Args:
        read: gives what is small, since it is gathered; it may raise `Unreadable`.
        pictures: None where one is missing.
    """
    together = max(1, min(TOGETHER, -(-len(pictures) // num_threads())))

    def read_all(start: int) -> list[T | Unreadable]:
        return list(one_by_one(read, pictures[start : start + together]))

    for found in in_order(read_all, range(0, len(pictures), together)):
        yield from found


def one_by_one(read: Callable[[Any], T], pictures: Iterable[Any]) -> Iterator[T | Unreadable]:
    """The same without threads: never more than one result lies in memory, however large."""
    from sonde.data.columns._pictures import Unreadable

    for picture in pictures:
        if picture is None:
            yield Unreadable("missing")
            continue
        try:
            yield read(picture)
        except Unreadable as problem:
            yield problem


def row_error(row: int, picture: Any, problem: str, what: str = "picture") -> RowError:
    """A row whose picture is missing or cannot be read."""
    if picture is None:
        return RowError(row, None, f"a {what}")
    if isinstance(picture, str):
        return RowError(row, shortened(picture, 200), f"a readable {what} ({problem})", picture)
    size = picture.nbytes if isinstance(picture, np.ndarray) else len(picture)
    return RowError(row, f"a {what} of {size:,} bytes", f"a readable {what} ({problem})")


def detached(raw: pa.Array) -> pa.Array:
    """The bytes of the files that paths name; what is no path stays."""
    if not is_text(raw.type):
        return raw
    files = [None if path is None else Path(path).read_bytes() for path in raw.to_pylist()]
    return pa.array(files, pa.binary())
