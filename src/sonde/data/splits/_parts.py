"""What splits share: which rows a part gets, whether in proportion, whether any at all."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from sonde.contracts.data import Assignment, Rows, Split
from sonde.core.errors import DataError, counted

Fraction = Annotated[float, Field(ge=0, lt=1)]
"""A part of the rows, in [0, 1); of 0 the part is left empty."""

_FEW, _ROWS_A_VALUE = 20, 5
"""More distinct values than the first need so many rows each on average."""


class HoldOut(Split):
    """A split into three parts of given size, once."""

    valid: Fraction = 0.15
    test: Fraction = 0.15

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> Self:
        if self.valid + self.test >= 1:
            raise ValueError(
                f"valid {self.valid:g} and test {self.test:g} leave no rows to train on; "
                "their sum must be below 1"
            )
        return self

    def divided(self, strata: np.ndarray, rng: np.random.Generator) -> Assignment:
        """Three parts of the rows of (N,) strata.

        Raises:
            DataError: a part that was asked for gets no row.
        """
        free = np.ones(len(strata), bool)
        test = taken(strata, self.test, rng)
        free[test] = False
        rest = np.flatnonzero(free)
        share = self.valid * len(strata) / max(1, len(rest))  # so that rounding sees all rows
        valid = rest[taken(strata[rest], share, rng)]
        free[valid] = False
        made = Assignment(np.flatnonzero(free), valid, test)
        return filled(made, valid=self.valid > 0, test=self.test > 0)


def strata(rows: Rows, by: str | None) -> np.ndarray:
    """(N,) int64 stratum of each row: the place of its value, missing being a value too.

    Raises:
        UnknownColumn: there is no such field.
        DataError: the field has no values to stratify by, or nearly one for every row.
    """
    if by is None:
        return np.zeros(rows.count, np.int64)
    values = rows.field(by)
    try:
        coded = pc.dictionary_encode(values).combine_chunks()
    except pa.ArrowNotImplementedError:
        raise DataError(
            f"cannot stratify by {by!r}, a field of type {values.type}. "
            "Use the split 'random', or stratify by a field of labels."
        ) from None
    distinct = len(coded.dictionary)
    if distinct > max(_FEW, rows.count / _ROWS_A_VALUE):
        raise DataError(
            f"cannot stratify by {by!r}: {distinct:,} distinct values in {rows.count:,} rows "
            f"are too many, expected at least {_ROWS_A_VALUE} rows a value on average. "
            "Use the split 'random', or stratify by a field of labels."
        )
    indices: np.ndarray = pc.fill_null(coded.indices, distinct).to_numpy(zero_copy_only=False)
    return indices.astype(np.int64)


def taken(strata: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Ascending positions drawn without replacement, `fraction` of all and of each stratum.

    What rounding leaves over goes to the strata with the largest remainders. A stratum never
    gives its last row, so that a class of one row can still be learned.
    """
    counts = np.bincount(strata)
    wanted = counts * fraction
    most = np.maximum(counts - 1, 0)
    quota = np.minimum(np.floor(wanted).astype(np.int64), most)
    left = round(len(strata) * fraction) - quota.sum()
    if left > 0:
        by_remainder = np.argsort(quota - wanted, kind="stable")
        open_strata = by_remainder[(quota < most)[by_remainder]]
        quota[open_strata[:left]] += 1
    order, by_stratum = _shuffled(strata, rng)
    jumps = np.cumsum(counts - quota) - (counts - quota)  # over what earlier strata keep
    first = np.arange(quota.sum()) + np.repeat(jumps, quota)
    drawn = np.zeros(len(strata), bool)
    drawn[order[by_stratum[first]]] = True
    return np.flatnonzero(drawn)


def shuffled_by_stratum(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N,) positions, stratum after stratum, in random order inside each."""
    order, by_stratum = _shuffled(strata, rng)
    shuffled: np.ndarray = order[by_stratum]
    return shuffled


def _shuffled(strata: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(N,) positions in random order, and (N,) places in it, stratum after stratum."""
    order = rng.permutation(len(strata))
    if len(strata):  # in 16 bits or fewer NumPy sorts by radix, in a twentieth of the time
        strata = strata.astype(np.min_scalar_type(strata.max()))
    return order, np.argsort(strata[order], kind="stable")


def filled(made: Assignment, *, valid: bool, test: bool) -> Assignment:
    """The assignment itself, where the training part and the parts asked for have rows.

    Raises:
        DataError: with the number of rows in each part.
    """
    if not len(made.train) or (valid and not len(made.valid)) or (test and not len(made.test)):
        raise DataError(
            f"this split gives {counted(len(made.train), 'row')} to train, {len(made.valid):,} to "
            f"valid, {len(made.test):,} to test; expected at least one in each. "
            "Give larger fractions, more rows, or set the fraction of a part you can do without "
            "to 0."
        )
    return made
