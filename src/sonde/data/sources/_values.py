"""Values from Python as Arrow columns: NumPy and torch arrays, lists, pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.core.errors import DataError, UsageError, listed

ROWS = 4096
"""Rows in a batch of a source that lies in memory."""

_WRITABLE = ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA")  # Pillow's modes that PNG has


def to_numpy(value: Any) -> Any:
    """A torch tensor as its NumPy array; anything else as it is. torch is not imported."""
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def arrow_type(name: str, array: np.ndarray) -> pa.DataType:
    """The type of the column that `from_numpy` makes.

    Raises:
        DataError: Arrow has no such type.
    """
    if _is_plain(array):
        return from_numpy(name, array[:1]).type
    element = np.dtype(np.uint8) if array.dtype == bool else array.dtype
    if element.kind not in "iuf":
        raise DataError(
            f"array {name!r} of shape {array.shape} has dtype {array.dtype}, expected numbers"
        )
    return pa.fixed_shape_tensor(pa.from_numpy_dtype(element.newbyteorder("=")), array.shape[1:])


def from_numpy(name: str, array: np.ndarray) -> pa.Array:
    """An array (N, ...) as a column of N rows.

    (N,) and (N, 1) become a plain column, in which NaN is null; more axes become a tensor of fixed
    shape and NumPy's dtype (truth values as uint8).

    Raises:
        DataError: it has no rows' axis, or a dtype Arrow does not have.
    """
    if array.ndim == 0:
        raise DataError(f"array {name!r} is a single value, expected one per row")
    array = np.asarray(array, array.dtype.newbyteorder("="))
    if _is_plain(array):
        if array.dtype.kind == "O":
            return from_values(name, array.reshape(len(array)).tolist())
        try:
            return pa.array(array.reshape(len(array)), from_pandas=True)
        except pa.ArrowNotImplementedError:
            raise DataError(
                f"array {name!r} has dtype {array.dtype}; expected numbers, truth values or texts"
            ) from None
    kind = arrow_type(name, array)
    if not len(array):
        return pa.ExtensionArray.from_storage(kind, pa.array([], kind.storage_type))
    dense = np.ascontiguousarray(array, np.uint8 if array.dtype == bool else None)
    return pa.FixedShapeTensorArray.from_numpy_ndarray(dense)


def batches(arrays: dict[str, np.ndarray]) -> Iterator[dict[str, pa.Array]]:
    """Arrays of N rows as columns of `ROWS` rows at a time."""
    count = len(next(iter(arrays.values()), ()))
    for start in range(0, count, ROWS):
        yield {n: from_numpy(n, array[start : start + ROWS]) for n, array in arrays.items()}


def from_values(name: str, values: Sequence[Any]) -> pa.Array:
    """A list of values as a column; None and NaN are null.

    Pictures (`to_png`) become bytes. Where numbers, truth values and texts stand side by side, all
    become texts, numbers in their shortest form (3.0 as '3'). A column without values is of texts.

    Raises:
        UsageError: the values have no common type.
        DataError: a text is not valid Unicode.
    """
    cleaned = [_cleaned(name, value) for value in values]
    kinds = {_kind(value) for value in cleaned if value is not None}
    if not kinds:
        return pa.nulls(len(cleaned), pa.string())
    try:
        if len(kinds) == 1:
            return pa.array(cleaned)
    except UnicodeEncodeError as error:
        bad = next(i for i, text in enumerate(cleaned) if text == error.object)
        raise DataError(
            f"column {name!r}, row {bad}: got {error.object!r}, expected valid Unicode"
        ) from None
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        pass  # numbers too large for one type, or nested values that do not agree: told below
    if kinds <= {"number", "truth value", "text"}:
        texts = [value if value is None else canonical(value) for value in cleaned]
        return pa.array(texts, pa.string())
    raise UsageError(f"column {name!r} holds {listed(sorted(kinds))}; expected one kind of value")


def canonical(value: str | bool | float) -> str:
    """A value's one text: 3.0 and 3 are '3', True is 'true'."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    whole = isinstance(value, int) or (abs(value) < 1e15 and value == int(value))
    return str(int(value)) if whole else repr(value)


def to_png(name: str, picture: Any) -> bytes:
    """A picture, losslessly: an array (H, W), (H, W, 3) or (H, W, 4) uint8, or a PIL image.

    Raises:
        UsageError: an array of another shape or dtype.
    """
    from PIL import Image, ImageOps

    if isinstance(picture, np.ndarray):
        shape = picture.shape[:2] if picture.shape[2:] == (1,) else picture.shape
        if picture.dtype != np.uint8 or 0 in shape or shape[2:] not in ((), (3,), (4,)):
            raise UsageError(
                f"column {name!r}: got a picture of shape {picture.shape}, dtype {picture.dtype}; "
                "expected (H, W) or (H, W, 3) of uint8, from 0 to 255"
            )
        picture = Image.fromarray(np.ascontiguousarray(picture.reshape(shape)))
    turned = ImageOps.exif_transpose(picture)
    written = io.BytesIO()
    (turned if turned.mode in _WRITABLE else turned.convert("RGB")).save(written, "PNG")
    return written.getvalue()


def simplified(column: pa.Array) -> pa.Array:
    """A column as the engine reads it: no dictionary, one kind of text, NaN as null.

    Of extension types only tensors of fixed shape stay; others become what they are stored as.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType) and not isinstance(kind, pa.FixedShapeTensorType):
        return simplified(column.storage)
    if pa.types.is_dictionary(kind):
        return simplified(column.dictionary).take(column.indices)
    if pa.types.is_run_end_encoded(kind):
        return simplified(pc.run_end_decode(column))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return column.cast(pa.binary())
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_floating(kind):
        is_nan = pc.is_nan(column)
        return pc.if_else(is_nan, None, column) if pc.any(is_nan).as_py() else column
    return column


def simple_type(kind: pa.DataType) -> pa.DataType:
    """The type of a column of this type once it is simplified."""
    return simplified(pa.nulls(0, kind)).type


def joined(column: pa.ChunkedArray) -> pa.Array:
    """All chunks as one simplified array, copied only where several meet."""
    chunks = [simplified(chunk) for chunk in column.chunks]
    if not chunks:
        return simplified(pa.array([], column.type))
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def _is_plain(array: np.ndarray) -> bool:
    return array.ndim == 1 or array.shape[1:] == (1,)


def _cleaned(name: str, value: Any) -> Any:
    value = to_numpy(value)
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim):
        value = value.item()
    if isinstance(value, float) and value != value:
        return None
    if isinstance(value, PurePath):
        return str(value)
    if _is_picture(value):
        return to_png(name, value)
    return value


def _is_picture(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 1
    return hasattr(value, "getbands")  # a PIL image, without importing PIL for every number


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth value"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, bytes | bytearray | memoryview):
        return "bytes or picture"
    return "text" if isinstance(value, str) else type(value).__name__
