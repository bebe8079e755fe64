"""A split by group: rows with equal values of a field, such as a patient's, stay in one part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Assignment, Rows
from sonde.data.splits._groups import Groups, Sign, before, refuse_too_few
from sonde.data.splits._parts import HoldOut


class Group(HoldOut):
    """Parts of whole groups, drawn at random; fractions are of rows, as nearly as groups allow."""

    by: str
    """The field whose equal values make a group."""
    up_to: Sign | None = None
    """Only what stands before the last such sign counts: of `00012_00003.png` with `_` `00012`."""
    stratify: str | None = None
    """The field whose values keep their proportion in every part, as nearly as groups allow."""

    @property
    def grouped_by(self) -> str | None:
        """The field of groups."""
        return self.by

    def groups_of(self, values: pa.Array) -> pa.Array:
        """The values up to the sign."""
        return before(values, self.up_to)

    @property
    def pinned(self) -> bool:
        """A row belongs with its group."""
        return True

    def folds(self, rows: Rows) -> Iterator[Assignment]:
        """One assignment.

        Raises:
            UnknownColumn: there is no such field.
            DataError: fewer groups than parts, or values of `stratify` that groups decide.
        """
        from sonde.core.seed import numpy_rng  # it imports torch

        groups = Groups.read(rows, self.by, self.stratify, up_to=self.up_to)
        asked = {"valid": self.valid, "test": self.test}
        asked = {part: fraction for part, fraction in asked.items() if fraction > 0}
        refuse_too_few(groups, 1 + len(asked), f"rows to {', '.join(['train', *asked])}")
        rng = numpy_rng(self.seed, "split")
        rest = np.arange(len(groups))
        drawn: dict[str, np.ndarray] = {}
        for part in sorted(asked, key=lambda name: asked[name]):  # the smaller has less choice
            drawn[part] = groups.drawn(asked[part], rest, rng, leave=len(asked) - len(drawn))
            rest = np.setdiff1d(rest, drawn[part], assume_unique=True)
        none = np.empty(0, np.int64)
        valid, test = (groups.rows_of(drawn.get(part, none)) for part in ("valid", "test"))
        yield Assignment(groups.rows_of(rest), valid, test)

    @classmethod
    def examples(cls) -> list[Self]:
        """By the field 'group'; with the field 'label' in proportion."""
        return [cls(by="group"), cls(by="group", stratify="label", valid=0.1, test=0.2)]
