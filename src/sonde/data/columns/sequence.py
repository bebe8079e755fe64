"""Series of numbers: measurements one after another, as many as there are.

A series is a list of numbers, or a list of steps of several numbers each; also as a text, such as
`1.5 2 3` or `[[1, 2], [3, 4]]`, or an array. Each number of a step is standardised by the mean and
deviation it has in training rows. A missing number inside a series counts as the mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Several
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PositiveInt

from sonde.contracts.data import Column, Encoded, Guess, Ragged, RowError, Strange
from sonde.core.notice import tell
from sonde.core.port import Port
from sonde.core.spec import Learned
from sonde.data.columns._moments import Moments
from sonde.data.columns._places import cut
from sonde.data.columns._series import Series, as_lists, is_list, read_series
from sonde.data.columns._text import is_numeric, is_text, plain, trimmed

_FARTHEST = 1e30
"""Deviations from the mean beyond which float32 soon overflows."""

_STEPS = 3.0
"""Numbers a text must have on average to be taken for a series."""

_FIRST = 1_000
"""Texts that nearly always tell whether all are series."""

_OTHERS = r"[^-+0-9eE.,;|\s\[\]nulaNo]"
"""Signs that no series has."""


class Sequence(Column):
    """A series of steps, each of as many numbers; an empty one has no step."""

    longest: PositiveInt | None = None
    """The most steps of a series that are read; what comes after is cut, and told."""
    means: Learned[tuple[float, ...]] = (0.0,)
    """Of each number of a step."""
    deviations: Learned[tuple[float, ...]] = (1.0,)
    optional: Learned[bool] = True
    """Whether a training row lacked the series."""

    @property
    def port(self) -> Port:
        """A sequence of steps of so many numbers."""
        return Port("sequence", (None, self._width), optional=self.optional)

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """Mean and deviation of each number of a step, in one pass.

        The first step of training rows says how many numbers a step has.
        """
        moments: list[Moments] = []
        optional, cut_rows, rows = False, 0, 0
        for chunk in chunks:
            series = self._series(chunk)
            optional |= not series.present.all()
            some = np.flatnonzero(series.lengths)
            if not moments and len(some):
                moments = [Moments() for _ in range(series.widths[some[0]])]
            steps = _steps(series, len(moments))[0]
            for moment, numbers in zip(moments, steps.T, strict=True):
                moment.add(numbers[~np.isnan(numbers)])
            rows += len(chunk)
            if self.longest:
                cut_rows += int((series.lengths > self.longest * series.widths).sum())
        if cut_rows:
            tell(
                f"{self.name}: {cut_rows:,} of {rows:,} training series are longer than "
                f"{self.longest:,} steps; what comes after is not read",
                cut=cut_rows,
                of=rows,
            )
        means = tuple(moment.mean for moment in moments) or (0.0,)
        deviations = tuple(moment.deviation for moment in moments) or (1.0,)
        return self.learn(means=means, deviations=deviations, optional=optional)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Standardise the series of a chunk.

        Returns:
            values (M, D) float32 with starts and lengths (N,) int64, and present (N,) bool; what is
            no series, or has steps of another width, comes back as a row error.
        """
        series = self._series(rows)
        steps, lengths, errors = _steps(series, self._width)
        with np.errstate(over="ignore"):
            standard = (steps - np.array(self.means)) / np.array(self.deviations)
        row = np.repeat(np.arange(len(lengths)), lengths)
        far = np.unique(row[(np.abs(standard) > _FARTHEST).any(axis=1)])
        kept = ~np.isin(row, far)
        standard, lengths[far] = standard[kept], 0
        errors += [RowError(int(at), "a series with a number very far from all training rows'",
                            "numbers that are less far") for at in far]  # fmt: skip
        if self.longest is not None:
            standard, lengths = cut(standard, lengths, self.longest)
        values = np.nan_to_num(standard).astype(np.float32)
        starts = np.cumsum(lengths) - lengths
        return Encoded(values, starts, lengths, series.present, sorted(errors))

    def decode(self, arrays: np.ndarray | Ragged) -> list[Any]:
        """Back to the caller's unit: lists of numbers, or of steps where these have several."""
        if isinstance(arrays, Ragged):
            ends = arrays.starts + arrays.lengths
            rows = [arrays.values[a:b] for a, b in zip(arrays.starts, ends, strict=True)]
        else:
            rows = list(arrays)
        numbers = [row.astype(np.float64) * self.deviations + self.means for row in rows]
        return [(row[:, 0] if self._width == 1 else row).tolist() for row in numbers]

    def strange(self, rows: pa.RecordBatch, encoded: Encoded) -> Several[Strange]:
        """Missing where none was, and what is cut."""
        found = super().strange(rows, encoded)
        if self.longest is None:
            return found
        series = self._series(rows)
        long = np.flatnonzero(series.lengths > self.longest * series.widths)
        if not len(long):
            return found
        what = f"are longer than {self.longest:,} steps"
        return (*found, Strange(long, what, "what comes after is not read"))

    def detached(self, raw: pa.Array) -> pa.Array:
        """Arrays and lists of fixed size as plain lists, which a bundle can hold."""
        raw = as_lists(raw)
        if pa.types.is_fixed_size_list(raw.type):
            return raw.cast(pa.list_(raw.type.value_type))
        return raw

    @classmethod
    def guess(cls, sample: pa.Array) -> Guess | None:
        """Claims lists of numbers, rows of numbers in an array, and texts of several numbers."""
        if isinstance(sample.type, pa.FixedShapeTensorType):
            if len(sample.type.shape) > 1:
                return None
            return Guess(0.8, f"series of {sample.type.shape[0]:,} numbers")
        if is_list(sample.type):
            inner = sample.type.value_type
            inner = inner.value_type if is_list(inner) else inner
            return _claim(read_series(sample, name=""), 0.9) if is_numeric(inner) else None
        if not is_text(sample.type):
            return None
        text = trimmed(plain(sample), ()).drop_null()
        if not _likely(text[:_FIRST]) or not _likely(text):
            return None
        return _claim(read_series(sample, name=""), 0.88)

    @classmethod
    def examples(cls) -> list[Self]:
        """All of a series, and its beginning."""
        return [cls(), cls(longest=6)]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Steps of two numbers, none to six of them, some missing."""
        rng = np.random.default_rng(seed)
        steps = [rng.normal(seed, 3, (rng.integers(0, 7), 2)).tolist() for _ in range(rows)]
        known = rng.random(rows) >= 0.1
        series = [some if there else None for some, there in zip(steps, known, strict=True)]
        return pa.array(series, pa.list_(pa.list_(pa.float64())))

    @property
    def _width(self) -> int:
        return len(self.means)

    def _series(self, rows: pa.RecordBatch) -> Series:
        return read_series(rows.column(self.reads[0]), name=self.name)


def _steps(series: Series, width: int) -> tuple[np.ndarray, np.ndarray, list[RowError]]:
    """(M, width) float64 steps, (N,) int64 lengths, and the rows whose steps are of other width."""
    other = np.flatnonzero((series.widths != width) & (series.lengths > 0))
    kept = np.repeat(~np.isin(np.arange(len(series.lengths)), other), series.lengths)
    lengths = series.lengths.copy()
    lengths[other] = 0
    errors = [
        RowError(int(at), f"steps of {series.widths[at]} numbers", f"steps of {width} numbers each")
        for at in other
    ]
    steps = series.numbers[kept].reshape(-1, width) if width else np.empty((0, 0))
    return steps, lengths // max(1, width), [*series.errors, *errors]


def _likely(text: pa.StringArray) -> bool:
    """Whether all texts are several numbers, some of which are not whole: no codes, no days."""
    if not len(text) or pc.any(pc.match_substring_regex(text, _OTHERS)).as_py():
        return False
    if not pc.any(pc.match_substring(text, ".")).as_py():
        return False
    series = read_series(text, name="")
    numbers = series.numbers[~np.isnan(series.numbers)]
    enough = len(numbers) >= _STEPS * len(text)
    return not series.errors and enough and bool((numbers != np.floor(numbers)).any())


def _claim(series: Series, sure: float) -> Guess | None:
    """A claim on series that are all of one width."""
    lengths = (series.lengths // series.widths)[series.lengths > 0]
    widths = np.unique(series.widths[series.lengths > 0])
    if len(widths) != 1:
        return None
    shortest, longest = lengths.min(), lengths.max()
    span = f"{longest:,}" if shortest == longest else f"{shortest:,} to {longest:,}"
    each = f" steps of {widths[0]:,} numbers" if widths[0] > 1 else " numbers"
    absent = int((~series.present).sum())
    missing = f", {absent:,} missing" if absent else ""
    return Guess(sure, f"series of {span}{each}{missing}")
