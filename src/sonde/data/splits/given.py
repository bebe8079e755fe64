"""A given split: the data already says which rows are for what.

Published sets come with their own test part; numbers compare only where it is kept. Where a field
holds something else that decides it, such as the number of a picture, `held_out` names its values:

    split: {kind: given, by: number, held_out: [6, 7, 8, 9, 10]}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, model_validator

from sonde.contracts.data import Assignment, Rows, Split
from sonde.core.errors import DataError, UnknownColumn, listed
from sonde.core.port import PART
from sonde.data.parts import PARTS, part_of
from sonde.data.splits._groups import Groups, Sign, before, refuse_too_few
from sonde.data.splits._parts import Fraction, filled, strata, taken

Value = Annotated[str, BeforeValidator(str)]
"""A value of a field as text: YAML reads 6 as a number."""


class Given(Split):
    """Parts as a field names them: train, valid (val, validation, dev), test, in any case."""

    by: str | None = None
    """The field; None takes what the source's own files say."""
    held_out: tuple[Value, ...] = ()
    """Values of the field that make a test row; rows of all other values are then to train."""
    valid: Fraction = 0.1
    """Fraction of the training rows taken for validation where no row is named so."""
    stratify: str | None = None
    """The field whose values keep their proportion when validation rows are taken."""
    groups: str | None = None
    """The field whose equal values stay together when validation rows are taken."""
    up_to: Sign | None = None
    """Of the groups' field only what stands before the last such sign counts."""

    @model_validator(mode="after")
    def _named_by_a_field(self) -> Self:
        if self.held_out and self.by is None:
            raise ValueError("got held_out without `by`, the field whose values they are")
        return self

    @property
    def grouped_by(self) -> str | None:
        """The field of groups, if any."""
        return self.groups

    def groups_of(self, values: pa.Array) -> pa.Array:
        """The values up to the sign."""
        return before(values, self.up_to)

    @property
    def pinned(self) -> bool:
        """The parts were published so."""
        return True

    def folds(self, rows: Rows) -> Iterator[Assignment]:
        """One assignment.

        Raises:
            UnknownColumn: there is no such field.
            DataError: a word that names no part, or a part without rows.
        """
        from sonde.core.seed import numpy_rng  # it imports torch

        parts = self._parts(rows)
        train, valid, test = (np.flatnonzero(parts == p) for p in ("train", "valid", "test"))
        named = len(valid) > 0
        if not named and self.valid > 0 and len(train):
            valid = train[self._validation(rows, train, numpy_rng(self.seed, "split"))]
            train = np.setdiff1d(train, valid, assume_unique=True)
        made = Assignment(train, valid, test)
        yield filled(made, valid=named or self.valid > 0, test=True)

    @classmethod
    def examples(cls) -> list[Self]:
        """By the source's own parts; by the field 'part', in proportion; validation by group."""
        return [
            cls(),
            cls(by="part", stratify="label"),
            cls(groups="group"),
            cls(by="label", held_out=("b",)),
        ]

    def _validation(self, rows: Rows, train: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(n,) positions in `train` that are taken for validation."""
        if self.groups is None:
            values = np.unique(strata(rows, self.stratify)[train], return_inverse=True)[1]
            return taken(values, self.valid, rng)
        groups = Groups.read(rows, self.groups, self.stratify, train, self.up_to)
        refuse_too_few(groups, 2, "rows to train and to valid")
        return groups.rows_of(groups.drawn(self.valid, np.arange(len(groups)), rng))

    def _parts(self, rows: Rows) -> np.ndarray:
        """(N,) part of each row: 'train', 'valid' or 'test'."""
        field = self.by or PART
        try:
            values = rows.field(field)
        except UnknownColumn:
            if self.by:
                raise
            raise DataError(
                "the data does not say which rows are for what. Name the field that does, "
                "{kind: given, by: part}, or use the split 'random' or 'stratified'."
            ) from None
        coded = pc.dictionary_encode(pc.cast(values, pa.string())).combine_chunks()
        words = coded.dictionary.to_pylist()
        found = [self._part(word) for word in words]
        strange = [repr(word) for word, part in zip(words, found, strict=True) if part is None]
        if coded.null_count:
            strange.append(f"nothing ({coded.null_count:,} rows)")
        if strange:
            raise DataError(
                f"field {field!r} names no part: got {listed(strange)}, expected one of "
                f"{', '.join(PARTS)}. Name another field with `by`, or mend these rows."
            )
        absent = [value for value in self.held_out if value not in words]
        if absent:
            raise DataError(
                f"held_out: none of {rows.count:,} rows has "
                f"{listed(map(repr, absent))} in the field {field!r}, which holds "
                f"{listed(map(repr, sorted(words)))}. Take them out, or name another field."
            )
        parts: np.ndarray = np.array(found, str)[coded.indices.to_numpy(zero_copy_only=False)]
        return parts

    def _part(self, word: str) -> str | None:
        if self.held_out:
            return "test" if word in self.held_out else "train"
        return part_of(word)
