"""The idx format, in which MNIST is published.

Two zero bytes, a type, the number of axes, each axis as a big-endian 32-bit number, then the values
(LeCun, Cortes, Burges, "The MNIST database of handwritten digits", section "File formats").
"""

from __future__ import annotations

import math
from typing import BinaryIO

import numpy as np

from sonde.core.errors import DataError
from sonde.data.sources._files import CHUNK, reading

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def is_idx(head: bytes) -> bool:
    """Whether a file that starts with these 4 bytes is idx."""
    return len(head) >= 4 and head[:2] == b"\0\0" and head[2] in _TYPES and head[3] > 0


def read_idx(path: str, file: BinaryIO) -> np.ndarray:
    """The array of an idx file, in this machine's byte order.

    Nothing is allocated by the header's word alone: it must agree with what is there.

    Raises:
        DataError: the header and the length disagree.
    """
    with reading(path):
        head = file.read(4)
        axes = file.read(4 * head[3])
    if not is_idx(head) or len(axes) < 4 * head[3]:
        raise DataError(f"{path}: not an idx file, or cut short inside its header")
    shape = np.frombuffer(axes, ">u4").tolist()
    dtype = np.dtype(_TYPES[head[2]])
    expected = math.prod(shape) * dtype.itemsize
    data = bytearray()
    with reading(path):
        while len(data) <= expected and (more := file.read(CHUNK)):
            data += more
    if len(data) != expected:
        size = f"only {len(data):,}" if len(data) < expected else "more"
        raise DataError(
            f"{path}: the header says {' x '.join(map(str, shape))} values of {dtype.itemsize} "
            f"bytes, {expected:,} bytes, but {size} follow. Copy the file again."
        )
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
