"""Numbers: prices, ages, readings.

A number is standardised by the mean and deviation of the training rows. A missing one is encoded
as the mean and marked as not present, so that "unknown" can mean something to the network.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column, Encoded, Guess, Ragged, RowError
from sonde.core.port import Port
from sonde.core.spec import Learned
from sonde.core.text import to_json
from sonde.data.columns._text import Text, counted, is_numeric, is_text, shortened, to_numbers

_LARGEST = 1e150
"""Beyond it a square overflows float64."""

_FARTHEST = 1e30
"""Deviations from the mean beyond which float32 leaves a network no room to multiply."""

_AROUND = re.compile(r"[^\d.+-]+")
"""What stands around the digits of a number: units, separators of thousands."""

_MOST_DROPPED = 4
"""Differing texts around digits beyond which the advice to drop them would be a riddle."""

_FEW = 10
"""Whole numbers with so few distinct values may be labels."""

_READABLE = 0.95
"""Share of a field's texts that must be numbers for the field to be taken for numbers."""


class Number(Column):
    """A real number, standardised; an empty text is a missing number."""

    drop: tuple[Text, ...] = ()
    """Text to remove before parsing, such as (" sqft", ",")."""
    mean: Learned[float] = 0.0
    deviation: Learned[float] = 1.0
    optional: Learned[bool] = True
    """Whether a training row lacked the number; where none did, networks need no mark for it."""

    @property
    def port(self) -> Port:
        """A scalar."""
        return Port("scalar", optional=self.optional)

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """Mean and deviation in one pass, merged chunk by chunk.

        Chan, Golub, LeVeque, "Algorithms for Computing the Sample Variance", 1983, eq. 2.1.
        """
        count, mean, squares = 0, 0.0, 0.0
        lowest, highest = math.inf, -math.inf
        optional = False
        for chunk in chunks:
            values = self._parse(chunk)[0]
            optional |= bool(np.isnan(values).any())
            values = values[~np.isnan(values)]
            if not len(values):
                continue
            shift, total = float(values.mean()) - mean, count + len(values)
            squares += float(values.var()) * len(values) + shift**2 * count * len(values) / total
            mean += shift * len(values) / total
            count = total
            lowest, highest = min(lowest, values.min()), max(highest, values.max())
        if not lowest < highest:  # rounding gives a constant column a tiny deviation: it stays zero
            mean, squares = float(lowest) if count else 0.0, 0.0
        deviation = math.sqrt(squares / count) if count else 0.0
        return self.learn(mean=mean, deviation=deviation or 1.0, optional=optional)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Standardise a chunk.

        Returns:
            values (N,) float32 and present (N,) bool; what cannot be read as a number comes back
            as a row error.
        """
        values, errors = self._parse(rows)
        with np.errstate(over="ignore"):
            standard = (values - self.mean) / self.deviation
        far = np.abs(standard) > _FARTHEST
        errors += [
            RowError(int(row), float(values[row]), "a number less far from the training rows' "
                     f"mean {self.mean:.6g}, deviation {self.deviation:.6g}")
            for row in np.flatnonzero(far)
        ]  # fmt: skip
        present = ~np.isnan(standard) & ~far
        standard = np.where(present, standard, 0.0)
        snapped = np.rint(standard / self._grid) * self._grid + 0.0  # no negative zeros
        return Encoded(snapped.astype(np.float32), present=present, errors=errors)

    def decode(self, arrays: np.ndarray | Ragged) -> list[float]:
        """From (N,) standardised back to the caller's unit."""
        assert isinstance(arrays, np.ndarray), "numbers are not ragged"
        numbers: list[float] = (arrays.astype(np.float64) * self.deviation + self.mean).tolist()
        return numbers

    def advice(self, errors: Sequence[RowError]) -> str:
        """To drop what stands around the digits, where the rest then is a number."""
        around = {text for e in errors for text in _AROUND.findall(str(e.got))}
        drop = tuple(sorted(around | set(self.drop), key=lambda text: (-len(text), text)))
        got = pa.array([str(e.got) for e in errors], pa.string())
        if not 0 < len(drop) <= _MOST_DROPPED or to_numbers(got, name="", drop=drop)[1].any():
            return super().advice(errors)
        listed = ", ".join(map(to_json, drop))
        return (
            f"Fix them, or add to the recipe's columns  {self.name}: "
            f"{{kind: number, drop: [{listed}]}}"
        )

    @classmethod
    def guess(cls, sample: pa.Array) -> Guess | None:
        """Claims numbers, and texts nearly all of which are numbers."""
        if not (is_numeric(sample.type) or is_text(sample.type)):
            return None
        values, wrong = to_numbers(sample, name="")
        known = values[np.isfinite(values)]
        if not len(known) or len(known) < _READABLE * (len(known) + wrong.sum()):
            return None
        reason = f"{counted(known.min())} to {counted(known.max())}"
        missing = len(values) - len(known) - int(wrong.sum())
        if missing:
            reason += f", {missing:,} missing"
        if wrong.any():
            first = shortened(sample[int(np.flatnonzero(wrong)[0])].as_py(), 20)
            return Guess(0.6, f"{reason}, {wrong.sum():,} not a number, such as {first!r}")
        whole = bool((known == np.floor(known)).all())
        return Guess(0.5 if whole and len(np.unique(known)) <= _FEW else 0.8, reason)

    @classmethod
    def examples(cls) -> list[Self]:
        """Plain, and with text to remove."""
        return [cls(), cls(drop=(" sqft", ","))]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Numbers as a CSV file has them, some missing."""
        rng = np.random.default_rng(seed)
        values = pa.array(rng.normal(40.0, 12.5, rows), mask=rng.random(rows) < 0.1)
        return pc.cast(values, pa.string())

    @property
    def _grid(self) -> float:
        """A power of two that is coarser than what decoding and encoding again can lose.

        Each of their roundings loses at most 2**-53 of the value or of the mean, counted in
        deviations. On such a grid what was decoded is encoded to the same bits again.
        """
        return 2.0 ** (math.frexp(abs(self.mean) / self.deviation + 1.0)[1] - 50)

    def _parse(self, rows: pa.RecordBatch) -> tuple[np.ndarray, list[RowError]]:
        """(N,) float64 with NaN where missing or wrong, and the rows that are not numbers."""
        raw = rows.column(self.reads[0])
        values, wrong = to_numbers(raw, name=self.name, drop=self.drop)
        huge = np.abs(values) > _LARGEST
        errors = [
            RowError(int(row), shortened(raw[int(row)].as_py()), expected)
            for mask, expected in ((wrong, "a number"), (huge, "a finite number below 1e150"))
            for row in np.flatnonzero(mask)
        ]
        return np.where(huge, np.nan, values), errors
