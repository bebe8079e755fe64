"""Arrays: .npy, .npz and idx files, a row along the first axis.

source:
  kind: arrays
  root: mnist
  train: {image: train-images-idx3-ubyte.gz, label: train-labels-idx1-ubyte.gz}
  test: {image: t10k-images-idx3-ubyte.gz, label: t10k-labels-idx1-ubyte.gz}
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import Annotated, Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError, Source
from sonde.core.errors import DataError, listed
from sonde.core.port import PART
from sonde.data.sources._fields import check_names, select, with_part
from sonde.data.sources._files import hash_file, join
from sonde.data.sources._load import load_array, split_key
from sonde.data.sources._values import arrow_type, batches

Places = Annotated[dict[str, str], Field(min_length=1)]
"""Field name -> 'file.npy', 'file.npz:key' or an idx file, packed with gzip or not."""


class Arrays(Source):
    """Arrays in files. (N,) and (N, 1) are plain columns, more axes a tensor per row."""

    train: Places
    valid: Places | None = None
    """Arrays of validation rows, of the same names; with it or `test` the reserved field `#part`
    is added."""
    test: Places | None = None
    """Arrays of test rows."""
    root: str = ""
    """The folder the files lie in."""

    @classmethod
    def examples(cls) -> list[Self]:
        """None: without files there is nothing a contract test can read."""
        return []

    @property
    def title(self) -> str:
        """The folder's name, or else that of the first file."""
        first = PurePath(split_key(next(iter(self.train.values())))[0])
        return PurePath(self.root).name or first.name.partition(".")[0]

    def fields(self) -> Sequence[RawField]:
        """A field per array, and `#part` where there are several parts."""
        arrays = self._arrays["train"]
        types = {name: arrow_type(name, array) for name, array in arrays.items()}
        return [RawField(name, types.get(name, pa.string())) for name in self._names]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of train, then valid, then test; no row of an array can be unreadable."""
        wanted = select(self.title, self._names, fields)
        for part, arrays in self._arrays.items():
            of = part if len(self._parts) > 1 else None
            for columns in batches(arrays):
                yield with_part(columns, of, wanted, len(next(iter(columns.values()))))

    def fingerprint(self) -> str:
        """SHA-256 over which array is which and the files' bytes."""
        digest = hashlib.sha256()
        for part, places in self._parts.items():
            for name, place in places.items():
                path, key = split_key(self._at(place))
                digest.update(f"{part}\0{name}\0{key or ''}\0".encode())
                hash_file(path, digest)
        return digest.hexdigest()

    @property
    def _parts(self) -> dict[str, dict[str, str]]:
        parts = {"train": self.train, "valid": self.valid, "test": self.test}
        return {part: places for part, places in parts.items() if places is not None}

    @property
    def _names(self) -> list[str]:
        return [*self.train, *([PART] if len(self._parts) > 1 else [])]

    def _at(self, place: str) -> str:
        return join(self.root, place)

    @cached_property
    def _arrays(self) -> dict[str, dict[str, np.ndarray]]:
        """Part -> name -> array: lengths agree inside a part, shapes and dtypes between parts."""
        check_names(self.title, list(self.train))
        loaded: dict[str, dict[str, np.ndarray]] = {}
        for part, places in self._parts.items():
            if set(places) != set(self.train):
                raise DataError(
                    f"{self.title}: {part} names the arrays {listed(places)}, train "
                    f"{listed(self.train)}; expected the same names"
                )
            loaded[part] = {name: load_array(self._at(places[name])) for name in self.train}
            _check_lengths(f"{self.title}, {part}", loaded[part])
            _check_alike(f"{self.title}, {part}", loaded["train"], loaded[part])
        return loaded


def _check_lengths(where: str, arrays: Mapping[str, np.ndarray]) -> None:
    single = [name for name, array in arrays.items() if not array.ndim]
    if single:
        raise DataError(f"{where}: {single[0]!r} is a single value, expected one per row")
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) > 1 or lengths == {0}:
        shown = ", ".join(f"{name} {len(array):,}" for name, array in arrays.items())
        raise DataError(f"{where}: expected arrays of one length above 0, got {shown} rows")


def _check_alike(
    where: str, first: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]
) -> None:
    for name, array in other.items():
        wanted, got = first[name].shape[1:], array.shape[1:]
        if wanted != got or arrow_type(name, first[name]) != arrow_type(name, array):
            raise DataError(
                f"{where}: {name!r} has rows of shape {got}, {array.dtype}; those of train have "
                f"{wanted}, {first[name].dtype}. Save all parts with one shape and type."
            )
