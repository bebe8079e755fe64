"""Angles: compass headings, wind directions, phases.

An angle has no mean to be standardised by, and 359 degrees lies beside 1 degree: it is given to the
network as (sine, cosine). What is learned is a histogram of the training angles.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column, Encoded, Ragged, RowError
from sonde.core.port import Port
from sonde.core.spec import Learned

_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
_BINS = 36


class Angle(Column):
    """An angle in degrees, read to a thousandth."""

    histogram: Learned[np.ndarray] = np.zeros(_BINS, np.int64)
    """(36,) int64: how many training rows lie in each ten degrees."""

    @property
    def port(self) -> Port:
        """(sine, cosine)."""
        return Port("vector", (2,))

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """Count the training angles."""
        counts = np.zeros(_BINS, np.int64)
        for chunk in chunks:
            degrees = self._degrees(chunk)[0]
            known = degrees[~np.isnan(degrees)]
            counts += np.bincount((known // (360 / _BINS)).astype(np.int64), minlength=_BINS)
        return self.learn(histogram=counts)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """values (N, 2) float32, zeros where missing; present (N,) bool."""
        degrees, errors = self._degrees(rows)
        present = ~np.isnan(degrees)
        radians = np.radians(np.where(present, degrees, 0.0))
        both = np.stack([np.sin(radians), np.cos(radians)], axis=1).astype(np.float32)
        return Encoded(both * present[:, None], present=present, errors=errors)

    def decode(self, arrays: np.ndarray | Ragged) -> list[float | None]:
        """(N, 2) of any length back to degrees in [0, 360); None where both are zero."""
        assert isinstance(arrays, np.ndarray), "angles are not ragged"
        sines, cosines = arrays.astype(np.float64).T
        degrees = _rounded(np.degrees(np.arctan2(sines, cosines)))
        lengths = np.hypot(sines, cosines)
        return [d if n else None for d, n in zip(degrees.tolist(), lengths.tolist(), strict=True)]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Headings, some beyond a full turn, some missing."""
        rng = np.random.default_rng(seed)
        values = rng.uniform(-720.0, 720.0, rows)
        return pa.array(values, mask=rng.random(rows) < 0.1)

    def _degrees(self, rows: pa.RecordBatch) -> tuple[np.ndarray, list[RowError]]:
        """(N,) float64 in [0, 360), NaN where missing or wrong, and the rows that are wrong."""
        raw = rows.column(self.reads[0])
        numbers = raw
        if not (pa.types.is_floating(raw.type) or pa.types.is_integer(raw.type)):
            text = pc.cast(raw, pa.string())
            readable = pc.match_substring_regex(text, _NUMBER)
            numbers = pc.if_else(readable, pc.utf8_trim_whitespace(text), None)
        degrees = pc.cast(numbers, pa.float64()).to_numpy(zero_copy_only=False).copy()
        degrees[np.isinf(degrees)] = np.nan
        wrong = np.isnan(degrees) & raw.is_valid().to_numpy(zero_copy_only=False)
        errors = [
            RowError(int(row), got=raw[int(row)].as_py(), expected="an angle in degrees")
            for row in np.flatnonzero(wrong)
        ]
        return _rounded(degrees), errors


def _rounded(degrees: np.ndarray) -> np.ndarray:
    """Into [0, 360), to a thousandth: so coarse that float32 sine and cosine give it back."""
    turned: np.ndarray = np.mod(np.round(np.mod(degrees, 360.0), 3), 360.0)
    return turned
