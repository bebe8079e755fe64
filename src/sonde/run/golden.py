"""Golden rows: what a model was asked when it was sealed, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from sonde.contracts.data import Row
from sonde.contracts.metric import Arrays
from sonde.core.errors import DamagedBundle
from sonde.run.archive import Archive

_DTYPES = {
    name: np.dtype(name) for name in ("bool", "uint8", "int32", "int64", "float32", "float64")
}

_MOST_VALUES = 4096
"""Of an array among golden answers: what it was made of stands in the golden arrays."""

_TOLERANCE = 1e-5
"""Largest difference of a golden value, relative to max(1, |value|)."""


@dataclass(frozen=True)
class Golden:
    """Rows and what they were answered with.

    Attributes:
        rows: raw rows as plain data; empty for a task that is given none.
        arrays: what `Task.predict` gave for them.
        answers: what a caller got.
    """

    rows: list[Row] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    answers: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, archive: Archive) -> Self:
        """As a bundle's file holds them.

        Raises:
            DamagedBundle: they cannot be read.
        """
        stored = archive.json("golden.json")
        try:
            arrays = {
                n: np.array(values, _DTYPES[kind]) for n, (kind, values) in stored["arrays"].items()
            }
            return cls(stored["rows"], arrays, stored["answers"])
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedBundle(f"{archive.path}: golden.json cannot be read: {error}") from None

    def plain(self) -> dict[str, Any]:
        """As a bundle's file is to hold them."""
        arrays = {n: [str(a.dtype), a.tolist()] for n, a in self.arrays.items()}
        return {"rows": self.rows, "arrays": arrays, "answers": self.answers}

    def difference(self, now: Arrays) -> str | None:
        """In what the rows are answered otherwise now, or None: decisions alike, numbers nearly."""
        for name, then in self.arrays.items():
            got = now.get(name)
            if got is None or got.shape != then.shape:
                return f"golden rows: {name} has another shape than when it was sealed"
            if not np.issubdtype(then.dtype, np.floating):
                if (got != then).any():
                    return f"golden rows: {int((got != then).sum())} decisions differ in {name}"
                continue
            gap = np.abs(got - then) / np.maximum(1, np.abs(then))
            if not (gap <= _TOLERANCE).all():
                return f"golden rows: {name} differs by {gap.max():.2g}, at most {_TOLERANCE:g}"
        return None


def to_jsonable_answers(answers: list[Row]) -> list[Row]:
    """Answers as plain data: NumPy arrays become lists; of large pictures the size is kept."""
    return [
        {k: _plain(v) if isinstance(v, np.ndarray) else v for k, v in answer.items()}
        for answer in answers
    ]


def _plain(value: np.ndarray) -> Any:
    return value.tolist() if value.size <= _MOST_VALUES else {"shape": list(value.shape)}
