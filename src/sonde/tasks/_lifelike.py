"""Pictures as a named classifier sees them, so that drawn ones can be held against real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from sonde.contracts.task import Predictor
from sonde.core.errors import UsageError, listed

_AT_ONCE = 256


@dataclass(frozen=True)
class Eye:
    """A sealed classifier of pictures, and the field it reads them from."""

    model: Predictor
    field: str

    @classmethod
    def of(cls, path: str, predictor: Predictor) -> Self:
        """The model at `path`, beside the one that is judged.

        Raises:
            StorageError, DamagedBundle: there is none, or it cannot be opened.
            UsageError: it needs something else than a picture.
        """
        model = predictor.beside(path)
        given = model.task.given
        if len(given) != 1:
            raise UsageError(
                f"judge_by {path}: that model is given {listed(given)}, expected one that is given "
                "a picture alone."
            )
        return cls(model, given[0])

    def rows(self, pictures: np.ndarray) -> Iterator[pa.RecordBatch]:
        """(N, H, W) or (N, H, W, 3) uint8 as raw rows, some at once."""
        for start in range(0, len(pictures), _AT_ONCE):
            tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(pictures[start : start + _AT_ONCE])
            yield pa.RecordBatch.from_pydict({self.field: tensor})

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """(N, G) float32: its last hidden layer for each."""
        return np.concatenate([self.model.features(rows) for rows in self.rows(pictures)])

    def says(self, pictures: np.ndarray, target: str) -> list[str]:
        """What it answers for each."""
        task = self.model.task
        answers = (task.answer(self.model.arrays(rows)) for rows in self.rows(pictures))
        return [str(row[target]) for some in answers for row in some]
