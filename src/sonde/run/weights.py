"""Tensors and arrays as safetensors bytes: the same bytes for the same values, read strictly.

Headers are checked before anything is allocated (`_header.py`), values must be finite. torch is
imported where tensors are asked for: fitted columns are read without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from sonde.core.errors import DamagedBundle, UsageError
from sonde.run._header import Layout, check_header, read_header

if TYPE_CHECKING:
    from torch import Tensor

_FORMAT_NAMES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "float16": "F16",
    "uint32": "U32", "int32": "I32", "float32": "F32", "uint64": "U64", "int64": "I64",
    "float64": "F64",
}  # fmt: skip
_MOST_ARRAYS = 4096


def layout_of(state: Mapping[str, Tensor]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """What a network's state dict expects of a weight file; meta tensors will do."""
    names = _FORMAT_NAMES | {"bfloat16": "BF16"}
    return {
        name: (names[str(tensor.dtype).removeprefix("torch.")], tuple(tensor.shape))
        for name, tensor in state.items()
    }


def load_tensors(
    data: memoryview, expected: Layout, *, where: str = "weights.safetensors"
) -> dict[str, Tensor]:
    """The tensors, on the CPU: exactly those of `expected`, all finite.

    Raises:
        DamagedBundle: saying what is wrong with which tensor.
    """
    import safetensors.torch
    import torch

    check_header(data, expected, where=where)
    try:
        tensors = safetensors.torch.load(bytes(data))
    except SafetensorError as error:
        raise DamagedBundle(f"{where}: {error}") from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise DamagedBundle(f"{where}: {name!r} has values that are not finite")
    return tensors


def load_arrays(data: memoryview, *, where: str = "columns.safetensors") -> dict[str, np.ndarray]:
    """The arrays, at most 4,096 of them, all finite.

    Raises:
        DamagedBundle: saying what is wrong with which array.
    """
    spans = read_header(data, where=where)
    if len(spans) > _MOST_ARRAYS:
        raise DamagedBundle(f"{where} lists {len(spans):,} arrays, at most {_MOST_ARRAYS:,}")
    if any(span.dtype == "BF16" for span in spans):
        raise DamagedBundle(f"{where} has a bfloat16 array, which NumPy does not know")
    try:
        arrays = safetensors.numpy.load(bytes(data))
    except SafetensorError as error:
        raise DamagedBundle(f"{where}: {error}") from None
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise DamagedBundle(f"{where}: {name!r} has values that are not finite")
    return arrays


def dump_tensors(tensors: Mapping[str, Tensor]) -> bytes:
    """Safetensors bytes, whatever the order, device or memory layout of the tensors."""
    import safetensors.torch
    import torch

    copies = {
        name: tensors[name].detach().cpu().clone(memory_format=torch.contiguous_format)
        for name in sorted(tensors)  # clones, because the format refuses tied weights
    }
    return safetensors.torch.save(copies)


def dump_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Safetensors bytes, whatever the order or memory layout of the arrays.

    Raises:
        UsageError: an array holds something else than numbers and booleans.
    """
    for name, array in arrays.items():
        if array.dtype.name not in _FORMAT_NAMES:
            raise UsageError(
                f"array {name!r} holds {array.dtype}, a model file holds numbers and booleans. "
                "Keep texts in a tuple of str."
            )
    return safetensors.numpy.save({name: arrays[name].copy(order="C") for name in sorted(arrays)})
