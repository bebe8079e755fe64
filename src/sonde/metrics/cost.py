"""Cost: what the mistakes cost on average, where one is worse than another."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.metrics._mean import RowMean


class Cost(RowMean):
    """The mean cost of a row, in the unit of the cost matrix; the less, the better.

    A row of a class never seen in training costs as much as the worst mistake does.
    """

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[tuple[float | None, float | None]] = (0.0, None)

    costs: tuple[tuple[float, ...], ...] = ()
    """(K, K) by index: rows are true classes, columns are answers. Without it a mistake costs 1."""

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each row's cost."""
        said, true = predicted["index"], truth["index"]
        if not self.costs:
            return np.not_equal(said, true).astype(np.float64)
        matrix = np.array(self.costs, np.float64)
        of_rows: np.ndarray = np.where(true < 0, matrix.max(), matrix[true, said])
        return of_rows

    @classmethod
    def examples(cls) -> list[Self]:
        """Every mistake alike, and one that is worse."""
        return [cls(), cls(costs=((0, 1, 1), (5, 0, 1), (1, 1, 0)))]
