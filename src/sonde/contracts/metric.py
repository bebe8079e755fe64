"""The contract of metrics: a score over a whole set, and what it is given. NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sonde.core.spec import Spec

Arrays = Mapping[str, np.ndarray]
"""Named arrays with the row as first axis: what `read` gives, once it is NumPy."""

Bounds = tuple[float | None, float | None]
"""The least and the greatest score there can be; None where there is no such."""


class Metric(Spec):
    """A score over a whole set, never averaged over batches."""

    family: ClassVar[str] = "metric"
    higher_is_better: ClassVar[bool] = True
    bounds: ClassVar[Bounds] = (None, None)
    meets_bounds: ClassVar[bool] = False
    """True where the truth itself may be a bound, so that intervals must be able to hold it."""
    is_mean: ClassVar[bool] = False
    """True where terms are a number and its weight, and the score rises with their ratio."""
    resamples: ClassVar[int] = 2000
    """How many bootstrap resamples it affords."""
    about: ClassVar[str] = ""
    """The target it scores, where a task has several of them; else empty."""

    @property
    def label(self) -> str:
        """The name it goes by in tables."""
        return self.kind

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray | None:
        """(N, K) float64 per row, where `combine` of their sum is the score; else None.

        With terms, a bootstrap is one matrix product.
        """
        return None

    def sums(
        self, predicted: Arrays, truth: Arrays, units: np.ndarray, count: int
    ) -> np.ndarray | None:
        """(M, K) float64: the terms summed over the rows of each of M units; else None.

        Write this instead of `terms` where counting needs no (N, K) array. `units` (N,) says
        which of `count` units, such as patients, a row belongs to.
        """
        terms = self.terms(predicted, truth)
        if terms is None:
            return None
        return np.stack([np.bincount(units, column, count) for column in terms.T], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., K) sums of terms -> (...) scores."""
        raise NotImplementedError

    def resampled(self, predicted: Arrays, truth: Arrays, counts: np.ndarray) -> np.ndarray:
        """(R,) scores of R resamples, where row n stands `counts[r, n]` times in resample r."""
        return np.array([self.score(predicted, truth, drawn) for drawn in counts])

    def influence(self, predicted: Arrays, truth: Arrays) -> np.ndarray | None:
        """(N,) the score's derivative by the weight of each row; None where there is no formula.

        For a metric without sums: its interval is then found without a single resample.
        """
        return None

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """The score of N rows; `counts` (N,) says how often each row stands in a resample.

        A metric without terms writes this. NaN where it is not defined for these rows.
        """
        terms = self.terms(predicted, truth)
        assert terms is not None, f"{self.kind} has neither terms nor score"
        sums = terms.sum(axis=0) if counts is None else counts @ terms
        return float(self.combine(sums))


@dataclass(frozen=True)
class Score:
    """A score with its 95 % interval over `rows` rows."""

    value: float
    low: float | None = None
    high: float | None = None
    rows: int = 0
    higher_is_better: bool = True

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.4g}"
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"

    def __float__(self) -> float:
        return self.value


Scores = Mapping[str, Score]
