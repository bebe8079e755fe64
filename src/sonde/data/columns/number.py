"""Numbers: prices, ages, readings.

A number is standardised by the mean and deviation of the training rows, after its logarithm where
`scale: log` says so, or bent to a normal distribution (`scale: quantile`). A missing one is encoded
as the mean and marked as not present, so that "unknown" can mean something to the network.

Quantiles of the training rows go with the port as `edges`, for networks that read a number
piecewise: Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in Tabular Deep
Learning", 2022, arXiv:2203.05556, section 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Literal, Self, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column, Encoded, Guess, Ragged, RowError, Strange
from sonde.core.port import Port
from sonde.core.spec import Learned
from sonde.core.text import to_json
from sonde.data.columns._moments import Moments
from sonde.data.columns._scales import Plain, Quantile, Scale, ScaleName, SignedLog, grid
from sonde.data.columns._sketch import Sketch
from sonde.data.columns._strange import MOST_SHOWN, only
from sonde.data.columns._text import (
    Text,
    counted,
    is_numeric,
    is_text,
    plain,
    shortened,
    to_numbers,
    trimmed,
)
from sonde.data.columns._writing import writing_of

_LARGEST = 1e150
"""Beyond it a square overflows float64."""

_FARTHEST = 1e30
"""Deviations from the mean beyond which float32 leaves a network no room to multiply."""

_BEYOND = 0.25
"""Of the training rows' range: how far beyond it a number is strange, and not just the next."""

_AROUND = re.compile(r"[^\d.+-]+")
"""What stands around the digits of a number: units, separators of thousands."""

_MOST_DROPPED = 4
"""Differing texts around digits beyond which the advice to drop them would be a riddle."""

_FEW = 10
"""Whole numbers with so few distinct values may be labels."""

_EDGES = 49
"""Quantiles at most: 48 bins, as many as the paper's authors took for most of its data sets."""

_PADDED = r"^\s*0\d+\s*$"
"""Digits behind a leading zero are a code, such as that of a postal district."""

_READABLE = 0.95
"""Share of a field's texts that must be numbers for the field to be taken for numbers."""


_LOOKED_AT = 500
"""Texts, evenly spread over the field, that tell words from numbers before all are parsed."""


class _Written(TypedDict):
    drop: tuple[str, ...]
    decimal: str
    thousands: str


class Number(Column):
    """A real number, standardised; an empty text is a missing number."""

    drop: tuple[Text, ...] = ()
    """Text to remove before parsing, such as (" sqft", ",")."""
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    """What parts groups of three digits, as in 1,234,567."""
    scale: ScaleName = "standard"
    """'log' for heavy tails: sign(x) * ln(1 + |x|); 'quantile' to a normal distribution."""
    mean: Learned[float] = 0.0
    deviation: Learned[float] = 1.0
    knots: Learned[tuple[float, ...]] = ()
    """Quantiles that `scale: quantile` bends by, in the caller's unit."""
    scores: Learned[tuple[float, ...]] = ()
    """The normal score of each knot."""
    edges: Learned[tuple[float, ...]] = ()
    """Distinct quantiles of the training rows, encoded, ascending; none for a constant column."""
    optional: Learned[bool] = True
    """Whether a training row lacked the number; where none did, networks need no mark for it."""
    span: Learned[tuple[float, ...]] = ()
    """The least and the greatest number of the training rows; () where there was none."""

    @property
    def port(self) -> Port:
        """A scalar."""
        return Port("scalar", optional=self.optional, edges=self.edges)

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """Mean, deviation and a sample for quantiles, in one pass."""
        moments, sketch, optional = Moments(), Sketch(), False
        for chunk in chunks:
            values = self._parse(chunk)[0]
            optional |= bool(np.isnan(values).any())
            values = values[~np.isnan(values)]
            sketch.add(values)
            moments.add(values if self.scale == "quantile" else self._scale.bend(values))
        if self.scale == "quantile":
            bent = Quantile.of(sketch)
            fitted = self.learn(knots=bent.knots, scores=bent.scores, optional=optional)
        else:
            mean, deviation = moments.mean, moments.deviation
            fitted = self.learn(mean=mean, deviation=deviation, optional=optional)
        return fitted.learn(edges=fitted._edges(sketch), span=sketch.span)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Standardise a chunk.

        Returns:
            values (N,) float32 and present (N,) bool; what cannot be read as a number comes back
            as a row error.
        """
        values, errors = self._parse(rows)
        with np.errstate(over="ignore"):
            standard = (self._scale.bend(values) - self.mean) / self.deviation
        far = np.abs(standard) > _FARTHEST
        errors += [
            RowError(int(row), float(values[row]), "a number less far from the training rows' "
                     f"mean {self.mean:.6g}, deviation {self.deviation:.6g}")
            for row in np.flatnonzero(far)
        ]  # fmt: skip
        present = ~np.isnan(standard) & ~far
        standard = np.where(present, standard, 0.0)
        step = grid(self.mean, self.deviation, self._scale)
        snapped = np.rint(standard / step) * step + 0.0  # no negative zeros
        return Encoded(snapped.astype(np.float32), present=present, errors=errors)

    def decode(self, arrays: np.ndarray | Ragged) -> list[float]:
        """From (N,) standardised back to the caller's unit."""
        assert isinstance(arrays, np.ndarray), "numbers are not ragged"
        bent = arrays.astype(np.float64) * self.deviation + self.mean
        numbers: list[float] = self._scale.unbend(bent).tolist()
        return numbers

    def strange(self, rows: pa.RecordBatch, encoded: Encoded) -> Sequence[Strange]:
        """Missing where none was, and far outside the range of the training rows."""
        found = super().strange(rows, encoded)
        if not self.span:
            return found
        (low, high), (first, last) = self._bounds
        likely = np.flatnonzero((encoded.values <= first) | (encoded.values >= last))
        if not len(likely):
            return found
        values = self._parse(only(rows, self.reads[0], likely))[0]  # exact, and nearly always few
        outside = (values < low) | (values > high)
        if not outside.any():
            return found
        shown = tuple(dict.fromkeys(map(counted, values[outside][: MOST_SHOWN + 1].tolist())))
        ends = list(map(counted, self.span))
        span = " to ".join(ends) if ends[0] != ends[1] else f"constant {ends[0]}"
        what = f"lie far outside the training rows' {span}"
        fate = (
            "each counts as the nearest of those"
            if self.scale == "quantile"
            else "nothing was learned about such numbers"
        )
        return (*found, Strange(likely[outside], what, fate, shown))

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
        if is_text(sample.type) and not _likely(sample):
            return _claim_written(sample)
        values, wrong = to_numbers(sample, name="")
        known = values[np.isfinite(values)]
        if not len(known) or len(known) < _READABLE * (len(known) + wrong.sum()):
            return _claim_written(sample) if is_text(sample.type) else None
        if is_text(sample.type) and pc.any(pc.match_substring_regex(sample, _PADDED)).as_py():
            return None
        reason = _range(known, missing=len(values) - len(known) - int(wrong.sum()))
        if wrong.any():
            first = shortened(sample[int(np.flatnonzero(wrong)[0])].as_py(), 20)
            return Guess(0.6, f"{reason}, {wrong.sum():,} not a number, such as {first!r}")
        return Guess(0.5 if _could_be_labels(known) else 0.8, reason)

    @classmethod
    def examples(cls) -> list[Self]:
        """Plain, with text to remove, and on each other scale."""
        return [
            cls(),
            cls(drop=(" sqft", ",")),
            cls(scale="log"),
            cls(scale="quantile"),
        ]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Numbers as a CSV file has them, some missing."""
        rng = np.random.default_rng(seed)
        values = pa.array(rng.normal(40.0, 12.5, rows), mask=rng.random(rows) < 0.1)
        return pc.cast(values, pa.string())

    @property
    def _written(self) -> _Written:
        return {"drop": self.drop, "decimal": self.decimal, "thousands": self.thousands}

    @property
    def _scale(self) -> Scale:
        if self.scale == "log":
            return SignedLog()
        return Quantile(self.knots, self.scores) if self.scale == "quantile" else Plain()

    def _edges(self, sketch: Sketch) -> tuple[float, ...]:
        """Quantiles at equal steps of rank, encoded as any number; what coincides stands once."""
        distinct = np.unique(self._as_encoded(sketch.quantiles(np.linspace(0.0, 1.0, _EDGES))))
        return tuple(distinct.tolist()) if len(distinct) > 1 else ()

    @cached_property
    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """(2,) numbers beyond which one is strange, in the caller's unit and encoded."""
        low, high = self.span
        bounds = np.array([low - _BEYOND * (high - low), high + _BEYOND * (high - low)])
        return bounds, self._as_encoded(bounds)

    def _as_encoded(self, numbers: np.ndarray) -> np.ndarray:
        """(n,) float64 in the caller's unit -> (n,) float32 as any row's number."""
        return self.encode(pa.record_batch([pa.array(numbers)], [self.reads[0]])).values

    def _parse(self, rows: pa.RecordBatch) -> tuple[np.ndarray, list[RowError]]:
        """(N,) float64 with NaN where missing or wrong, and the rows that are not numbers."""
        raw = rows.column(self.reads[0])
        values, wrong = to_numbers(raw, name=self.name, **self._written)
        huge = np.abs(values) > _LARGEST
        errors = [
            RowError(int(row), shortened(raw[int(row)].as_py()), expected)
            for mask, expected in ((wrong, "a number"), (huge, "a finite number below 1e150"))
            for row in np.flatnonzero(mask)
        ]
        return np.where(huge, np.nan, values), errors


def _few(sample: pa.Array) -> pa.Array:
    """Some texts of every region of the field."""
    places = np.unique(np.linspace(0, len(sample) - 1, _LOOKED_AT).astype(np.int64))
    return sample.take(pa.array(places)) if len(sample) > _LOOKED_AT else sample


def _likely(sample: pa.Array) -> bool:
    """Whether half of some texts are numbers as they stand, or nothing can be said."""
    few = trimmed(plain(_few(sample)), ())
    wrong = to_numbers(few, name="")[1]
    return bool(2 * wrong.sum() <= len(few) - few.null_count)


def _claim_written(sample: pa.Array) -> Guess | None:
    """A claim on texts that are numbers with a unit, a decimal comma or parted thousands."""
    few = pc.drop_null(trimmed(plain(_few(sample)), ()))
    if len(few) and writing_of(few) is None:
        return None
    text = trimmed(plain(sample), ())
    found = writing_of(text)
    if found is None:
        return None
    options, unsure = found
    values, wrong = to_numbers(text, name="", **options)
    if wrong.any():
        return None
    known = values[np.isfinite(values)]
    reason = _range(known, missing=text.null_count)
    reason += f", written like {shortened(pc.drop_null(text)[0].as_py(), 20)!r}"
    return Guess(0.5 if _could_be_labels(known) else 0.78, reason, options, unsure)


def _range(known: np.ndarray, *, missing: int) -> str:
    reason = f"{counted(known.min())} to {counted(known.max())}"
    return f"{reason}, {missing:,} missing" if missing else reason


def _could_be_labels(known: np.ndarray) -> bool:
    """Whether they are few whole numbers."""
    return bool((known == np.floor(known)).all()) and len(np.unique(known)) <= _FEW
