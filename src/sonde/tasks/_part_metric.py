"""A metric of one of several tasks: it looks at the rows that have that task's target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from sonde.contracts.metric import Arrays, Metric

KNOWN = "#known"
"""Beside the truth of a part: (N,) bool, rows that have its target."""


T = TypeVar("T")


def part_of(arrays: Mapping[str, T], place: int) -> dict[str, T]:
    """What belongs to one part, under the names its own task gave it."""
    prefix = f"{place}:"
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}


def prefixed(arrays: Mapping[str, T], place: int) -> dict[str, T]:
    """The same under names that say whose it is: `1:value`."""
    return {f"{place}:{name}": array for name, array in arrays.items()}


class PartMetric(Metric):
    """Another metric, over the rows of its part; the others have no influence on it."""

    inner: Metric
    place: int
    """Which of the tasks it judges."""
    part: str = ""
    """The name of that task's target."""

    @property
    def label(self) -> str:
        """Its own."""
        return self.inner.label

    @property
    def about(self) -> str:  # type: ignore[override]  # the task's target
        """The target."""
        return self.part

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]  # the inner metric's
        """As the inner metric says."""
        return self.inner.higher_is_better

    @property
    def bounds(self) -> Any:  # type: ignore[override]  # the inner metric's
        """As the inner metric says."""
        return self.inner.bounds

    @property
    def meets_bounds(self) -> bool:  # type: ignore[override]  # the inner metric's
        """As the inner metric says."""
        return self.inner.meets_bounds

    @property
    def is_mean(self) -> bool:  # type: ignore[override]  # the inner metric's
        """As the inner metric says."""
        return self.inner.is_mean

    @property
    def resamples(self) -> int:  # type: ignore[override]  # the inner metric's
        """As the inner metric says."""
        return self.inner.resamples

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray | None:
        """(N, K), zeros where the row has no such target."""
        said, true, known = self._own(predicted, truth)
        terms = self.inner.terms(said, true)
        if terms is None:
            return None
        spread = np.zeros((len(known), terms.shape[1]))
        spread[known] = terms
        return spread

    def sums(
        self, predicted: Arrays, truth: Arrays, units: np.ndarray, count: int
    ) -> np.ndarray | None:
        """(M, K) of each unit."""
        said, true, known = self._own(predicted, truth)
        return self.inner.sums(said, true, units[known], count)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., K) -> (...)."""
        return self.inner.combine(sums)

    def resampled(self, predicted: Arrays, truth: Arrays, counts: np.ndarray) -> np.ndarray:
        """(R,) scores of R resamples."""
        said, true, known = self._own(predicted, truth)
        return self.inner.resampled(said, true, counts[..., known])

    def influence(self, predicted: Arrays, truth: Arrays) -> np.ndarray | None:
        """(N,), zero where the row has no such target."""
        said, true, known = self._own(predicted, truth)
        influence = self.inner.influence(said, true)
        if influence is None:
            return None
        spread = np.zeros(len(known))
        spread[known] = influence
        return spread

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """The score of the rows that have the target."""
        said, true, known = self._own(predicted, truth)
        return self.inner.score(said, true, None if counts is None else counts[known])

    def _own(self, predicted: Arrays, truth: Arrays) -> tuple[Arrays, Arrays, np.ndarray]:
        """Answers and truth of the rows with the target, and (N,) bool, which those are."""
        true = part_of(truth, self.place)
        known = true.pop(KNOWN)
        said = part_of(predicted, self.place)
        if known.all():
            return said, true, known
        return {n: a[known] for n, a in said.items()}, {n: a[known] for n, a in true.items()}, known
