"""A given split: the data already says which rows are for what.

Published sets come with their own test part; numbers compare only where it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Assignment, Rows, Split
from sonde.core.errors import DataError, UnknownColumn, listed
from sonde.core.port import PART
from sonde.data.splits._parts import Fraction, filled, strata, taken

_WORDS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}


class Given(Split):
    """Parts as a field names them: train, valid (val, validation, dev), test, in any case."""

    by: str | None = None
    """The field; None takes what the source's own files say."""
    valid: Fraction = 0.1
    """Fraction of the training rows taken for validation where no row is named so."""
    stratify: str | None = None
    """The field whose values keep their proportion when validation rows are taken."""

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
            values = strata(rows, self.stratify)[train]
            values = np.unique(values, return_inverse=True)[1]
            valid = train[taken(values, self.valid, numpy_rng(self.seed, "split"))]
            train = np.setdiff1d(train, valid)
        made = Assignment(train, valid, test)
        yield filled(made, valid=named or self.valid > 0, test=True)

    @classmethod
    def examples(cls) -> list[Self]:
        """By the source's own parts; by the field 'part', validation rows in proportion."""
        return [cls(), cls(by="part", stratify="label")]

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
        found = [_WORDS.get(word.strip().lower()) for word in words]
        strange = [repr(word) for word, part in zip(words, found, strict=True) if part is None]
        if coded.null_count:
            strange.append(f"nothing ({coded.null_count:,} rows)")
        if strange:
            raise DataError(
                f"field {field!r} names no part: got {listed(strange)}, expected one of "
                f"{', '.join(_WORDS)}. Name another field with `by`, or mend these rows."
            )
        parts: np.ndarray = np.array(found, str)[coded.indices.to_numpy(zero_copy_only=False)]
        return parts
