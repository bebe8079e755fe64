"""K-fold cross-validation: every row is tested once, by a model that never saw it.

Nested, the rows that are not tested are dealt into inner folds, each of which is the validation
part once: what is chosen by validation rows (when to stop, a threshold, a setting of the recipe) is
then chosen several times for every test part, and the scores tell how much hangs on that choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Assignment, Rows, Split
from sonde.core.errors import DataError
from sonde.data.splits._groups import Groups, Sign, before, refuse_too_few
from sonde.data.splits._parts import Fraction, filled, shuffled_by_stratum, strata, taken


class KFold(Split):
    """As many assignments as folds; sizes of the test parts differ by one row at most."""

    num_folds: int = Field(10, ge=2)
    valid: Fraction = 0.1
    """Fraction of each fold's training rows taken for validation."""
    stratify: str | None = None
    """The field whose values keep their proportion in every part."""
    groups: str | None = None
    """The field whose equal values stay in one part: folds are then equal as groups allow."""
    up_to: Sign | None = None
    """Of the groups' field only what stands before the last such sign counts."""
    inner_folds: int | None = Field(None, ge=2)
    """Each test part stands this many times, with rotating validation parts; `valid` is then the
    size of an inner fold."""

    @property
    def num_assignments(self) -> int:
        """One for each fold, or for each inner fold of each."""
        return self.num_folds * (self.inner_folds or 1)

    @property
    def grouped_by(self) -> str | None:
        """The field of groups, if any."""
        return self.groups

    def groups_of(self, values: pa.Array) -> pa.Array:
        """The values up to the sign."""
        return before(values, self.up_to)

    @property
    def pinned(self) -> bool:
        """A row belongs with its group, where there are groups."""
        return self.groups is not None

    def folds(self, rows: Rows) -> Iterator[Assignment]:
        """One assignment for each fold; nested, the inner folds of a fold follow one another.

        Raises:
            UnknownColumn: there is no such field.
            DataError: fewer rows or groups than folds, a field with too many values, a part
                without rows.
        """
        from sonde.core.seed import numpy_rng  # it imports torch

        deal = self._dealt_groups if self.groups else self._dealt_rows
        everything = np.arange(rows.count)
        fold = deal(rows, everything, self.num_folds, numpy_rng(self.seed, "split"))
        for index in range(self.num_folds):
            rest, test = np.flatnonzero(fold != index), np.flatnonzero(fold == index)
            rng = numpy_rng(self.seed, "split", index)
            for valid in self._validations(rows, rest, rng):
                train = np.setdiff1d(rest, valid, assume_unique=True)
                made = Assignment(train, valid, test)
                yield filled(made, valid=self.valid > 0 or bool(self.inner_folds), test=True)

    @classmethod
    def examples(cls) -> list[Self]:
        """Ten folds; three in proportion to the field 'label'; by 'group'; nested."""
        return [
            cls(),
            cls(num_folds=3, valid=0.2, stratify="label"),
            cls(num_folds=4, groups="group", stratify="label"),
            cls(num_folds=3, inner_folds=2),
        ]

    def _validations(
        self, rows: Rows, rest: np.ndarray, rng: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """(n,) validation rows out of the rows that are not tested: once, or each inner fold."""
        if self.inner_folds:
            deal = self._dealt_groups if self.groups else self._dealt_rows
            inner = deal(rows, rest, self.inner_folds, rng)
            yield from (rest[inner == index] for index in range(self.inner_folds))
        elif self.groups and self.valid > 0:
            groups = Groups.read(rows, self.groups, self.stratify, rest, self.up_to)
            refuse_too_few(groups, 2, "rows to train and to valid")
            share = self.valid
            yield rest[groups.rows_of(groups.drawn(share, np.arange(len(groups)), rng))]
        else:
            values = strata(rows, self.stratify)
            yield rest[taken(values[rest], self.valid, rng)]

    def _dealt_rows(
        self, rows: Rows, among: np.ndarray, num_folds: int, rng: np.random.Generator
    ) -> np.ndarray:
        """(n,) fold of each of some rows; sizes differ by one row at most."""
        if len(among) < num_folds:
            raise DataError(
                f"{len(among):,} rows cannot be divided into {num_folds} folds; "
                f"set num_folds to at most {len(among):,}, or give more rows."
            )
        order = shuffled_by_stratum(strata(rows, self.stratify)[among], rng)
        fold = np.empty(len(among), np.int64)
        fold[order] = np.arange(len(among)) % num_folds  # deals out each stratum like cards
        return fold

    def _dealt_groups(
        self, rows: Rows, among: np.ndarray, num_folds: int, rng: np.random.Generator
    ) -> np.ndarray:
        """(n,) fold of each of some rows, whole groups in each."""
        assert self.groups is not None
        groups = Groups.read(rows, self.groups, self.stratify, among, self.up_to)
        refuse_too_few(groups, num_folds, f"{num_folds} folds")
        fold: np.ndarray = groups.dealt(num_folds, rng)[groups.of]
        return fold
