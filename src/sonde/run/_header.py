"""The header of a safetensors file, read strictly and before anything is allocated.

The format (https://github.com/huggingface/safetensors, "Format"): eight bytes of header length, a
JSON header that gives each tensor its dtype, shape and span, then the spans. We read less than it
allows: no metadata, no holes, no dtype outside a short list.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sonde.core.errors import DamagedBundle, listed
from sonde.core.text import from_json

Layout = Mapping[str, tuple[str, tuple[int, ...]]]
"""Name -> (dtype as safetensors writes it, such as 'F32', shape)."""

ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip
"""The dtypes that are read, and the bytes of one element."""

_MOST_HEADER = 2 * 2**20  # some 20,000 tensors; parsed, JSON takes up to thirty times its size
_MOST_ELEMENTS = 2**40  # no file here holds more, and nothing overflows
_MOST_AXES = 16
_KEYS = {"dtype", "shape", "data_offsets"}


class Span(NamedTuple):
    """Where a tensor lies, in bytes after the header."""

    start: int
    stop: int
    name: str
    dtype: str
    shape: tuple[int, ...]


def check_header(
    data: memoryview, expected: Layout, *, where: str = "weights.safetensors"
) -> list[Span]:
    """The spans of a safetensors file that holds exactly the tensors of `expected`.

    Raises:
        DamagedBundle: saying what is wrong with which tensor; `where` is what it calls the file.
    """
    spans = read_header(data, where=where)
    found = {span.name: (span.dtype, span.shape) for span in spans}
    if missing := sorted(set(expected) - set(found)):
        raise DamagedBundle(f"{where} lacks what the network needs: {listed(missing, 5)}")
    if extra := sorted(set(found) - set(expected)):
        raise DamagedBundle(f"{where} has what the network does not: {listed(extra, 5)}")
    for name, (dtype, shape) in found.items():
        if (dtype, shape) != (expected[name][0], tuple(expected[name][1])):
            raise DamagedBundle(
                f"{where}: {name!r} is {dtype} {shape}, "
                f"the network has {expected[name][0]} {tuple(expected[name][1])}"
            )
    return spans


def read_header(data: memoryview, *, where: str) -> list[Span]:
    """The spans, in the order they lie in the file.

    Raises:
        DamagedBundle: it is no header, or spans do not lie one after another to the file's end.
    """
    if len(data) < 8:
        raise DamagedBundle(f"{where} has {len(data)} bytes, too few for safetensors")
    size = int.from_bytes(data[:8], "little")
    if size > min(_MOST_HEADER, len(data) - 8):
        raise DamagedBundle(
            f"{where} states a header of {size:,} bytes; at most {_MOST_HEADER:,} are read, and "
            f"the file has {len(data) - 8:,}"
        )
    body = data[8 + size :]
    spans = sorted(_spans(data[8 : 8 + size], where))
    _check_contiguous(spans, len(body), where)
    _check_booleans(spans, body, where)
    return spans


def _spans(header: memoryview, where: str) -> list[Span]:
    try:
        entries = from_json(str(header, "utf-8"))
    except ValueError as error:
        raise DamagedBundle(f"the header of {where}: {error}") from None
    if not isinstance(entries, dict):
        raise DamagedBundle(f"the header of {where} is not a JSON object")
    return [_span(name, entry, where) for name, entry in entries.items()]


def _span(name: str, entry: Any, where: str) -> Span:
    """One entry of the header, its numbers checked against one another."""
    place = f"{where}: {name[:60]!r}"
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        raise DamagedBundle(f"{place} must have dtype, shape and data_offsets and nothing else")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise DamagedBundle(f"{place} has dtype {str(dtype)[:20]!r}, known: {listed(ITEM_BYTES)}")
    if not _counts(shape) or len(shape) > _MOST_AXES:
        raise DamagedBundle(f"{place} has a shape that is not a short list of whole numbers")
    if not _counts(offsets) or len(offsets) != 2:
        raise DamagedBundle(f"{place} has data_offsets that are not two whole numbers")
    if math.prod(max(1, axis) for axis in shape) > _MOST_ELEMENTS:
        raise DamagedBundle(f"{place} claims more elements than a file can hold")
    needed = math.prod(shape) * ITEM_BYTES[dtype]
    if offsets[1] - offsets[0] != needed:
        raise DamagedBundle(
            f"{place}, {dtype} {tuple(shape)}, needs {needed:,} bytes, "
            f"its span has {offsets[1] - offsets[0]:,}"
        )
    return Span(offsets[0], offsets[1], name, dtype, tuple(shape))


def _counts(values: Any) -> bool:
    """Whether it is a list of whole numbers from 0 to 2**63; True and 1.0 are none."""
    return isinstance(values, list) and all(type(v) is int and 0 <= v < 2**63 for v in values)


def _check_contiguous(spans: Sequence[Span], size: int, where: str) -> None:
    """Spans in order must fill the `size` bytes after the header, each byte once."""
    end = 0
    for span in spans:
        if span.start != end:
            what = "overlaps what is before it" if span.start < end else "leaves a hole before it"
            raise DamagedBundle(f"{where}: {span.name[:60]!r} {what}, at byte {span.start:,}")
        end = span.stop
    if end != size:
        raise DamagedBundle(f"{where} has {size:,} bytes of tensors, its header lists {end:,}")


def _check_booleans(spans: Sequence[Span], body: memoryview, where: str) -> None:
    """A byte that is neither 0 nor 1 is no boolean: what reads it so may do anything."""
    for span in spans:
        if span.dtype != "BOOL":
            continue
        values = np.frombuffer(body[span.start : span.stop], np.uint8)
        if values.size and values.max() > 1:
            raise DamagedBundle(f"{where}: {span.name[:60]!r} has booleans that are not 0 or 1")
