"""Batches: named tensors, and the one ragged thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Union

import numpy as np
import torch
from torch import Tensor

from sonde.core.port import PRESENT, ROW


class Padded(NamedTuple):
    """Every ragged thing: texts, series, boxes.

    Attributes:
        values: (B, T, ...), zeros beyond a row's length.
        lengths: (B,) int64.
    """

    values: Tensor
    lengths: Tensor

    def mask(self) -> Tensor:
        """(B, T) bool, true where a value is real."""
        steps = torch.arange(self.values.shape[1], device=self.values.device)
        return steps < self.lengths[:, None]


Value = Tensor | Padded
Batch = dict[str, Union[Value, "Batch"]]


def mapped(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """A batch of the same form with `change` applied to every tensor."""
    out: Batch = {}
    for name, value in batch.items():
        if isinstance(value, Tensor):
            out[name] = change(value)
        elif isinstance(value, Padded):
            out[name] = Padded(change(value.values), change(value.lengths))
        else:
            out[name] = mapped(value, change)
    return out


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on `device`; from pinned memory the copy does not wait."""
    return mapped(batch, lambda tensor: tensor.to(device, non_blocking=True))


def tensor_of(batch: Mapping[str, Value | Batch], name: str) -> Tensor:
    """The plain tensor `name`; for ports that are never ragged."""
    value = batch[name]
    assert isinstance(value, Tensor), f"{name} is not a plain tensor"
    return value


LENGTHS = "#lengths:"
"""Prefix of the array that says how long the rows of a ragged one are, once it is padded."""


def as_arrays(batch: Mapping[str, Value | Batch]) -> dict[str, np.ndarray]:
    """Tensors as NumPy arrays on the host; ragged ones padded, with their lengths beside them."""
    arrays = {}
    for name, value in batch.items():
        if isinstance(value, Padded):
            arrays[LENGTHS + name] = value.lengths.cpu().numpy()
            value = value.values
        assert isinstance(value, Tensor), f"{name} is a batch of its own"
        arrays[name] = value.detach().cpu().numpy()
    return arrays


def count(batch: Mapping[str, Value | Batch]) -> int:
    """The number of rows B."""
    for value in batch.values():
        if isinstance(value, Tensor):
            return value.shape[0]
        if isinstance(value, Padded):
            return value.lengths.shape[0]
        return count(value)
    return 0


def part(batch: Batch, start: int, stop: int) -> Batch:
    """Rows `start` to `stop` of every tensor: a view, nothing is copied."""
    return mapped(batch, lambda tensor: tensor[start:stop])


def select(batch: Mapping[str, Value | Batch], names: Iterable[str]) -> Batch:
    """The named ports, what says where they are present, and the row numbers."""
    keys = [key for name in names for key in (name, PRESENT + name) if key in batch]
    return {key: batch[key] for key in [*keys, ROW] if key in batch}


def repeated(batch: Batch, times: int) -> Batch:
    """Every row `times` times, each beside its copies; the batch itself where once is enough."""
    if times == 1:
        return batch
    return mapped(batch, lambda tensor: tensor.repeat_interleave(times, dim=0))
