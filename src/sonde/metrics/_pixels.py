"""What scores of masks are made of: for each class, right, said and true pixels of each row.

Judged masks are kept as counts, since pictures differ in size and pixels are many:
predicted["said"], (N, K, K) float64, of the pixels of each true class the part that was said to be
of each class; truth["pixels"], (N, K), the pixels of each true class. Pixels whose truth is void
are in neither. What was said to be nothing is missing from the parts.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.metrics._ratio import ratio


def confusion(predicted: Arrays, truth: Arrays) -> np.ndarray:
    """(N, K, K) float64 pixels by true class and said class."""
    pixels = np.asarray(truth["pixels"], np.float64)
    counts: np.ndarray = np.rint(predicted["said"] * pixels[:, :, None])
    return counts


class PixelCounts(Metric):
    """A score of classes that is made of right, said and true pixels of all pictures together.

    A class that is in no truth and in no answer has no score, and no part in the mean.
    """

    bounds: ClassVar[Bounds] = (0.0, 1.0)

    of: int | None = Field(None, ge=0)
    """The class it looks at; None is the mean over classes."""

    @abstractmethod
    def of_counts(self, right: np.ndarray, said: np.ndarray, true: np.ndarray) -> np.ndarray:
        """The score from counts of any one shape; NaN where it is not defined."""

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 3 K): right, said and true pixels of each class."""
        counts = confusion(predicted, truth)
        right = np.diagonal(counts, axis1=1, axis2=2)
        true = np.asarray(truth["pixels"], np.float64)
        return np.concatenate([right, counts.sum(axis=1), true], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 3 K) counts -> (...) scores."""
        counts = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)  # (3, ..., K)
        if self.of is not None:
            assert self.of < counts.shape[-1], f"there is no class {self.of}"
            return self.of_counts(*counts[..., self.of])
        scores = self.of_counts(*counts)
        defined = ~np.isnan(scores)
        return ratio(np.where(defined, scores, 0.0).sum(axis=-1), defined.sum(axis=-1))

    @classmethod
    def examples(cls) -> list[Self]:
        """The mean, and one class."""
        return [cls(), cls(of=1)]


class PixelShare(Metric):
    """A part of all pixels whose truth is known; NaN where there are none."""

    bounds: ClassVar[Bounds] = (0.0, 1.0)
    is_mean: ClassVar[bool] = True

    @abstractmethod
    def counted(self, right: np.ndarray, known: np.ndarray) -> np.ndarray:
        """(N,) the pixels that count, of (N,) right and known ones."""

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): pixels that count, pixels."""
        right = np.trace(confusion(predicted, truth), axis1=1, axis2=2)
        known = np.asarray(truth["pixels"], np.float64).sum(axis=1)
        return np.stack([self.counted(right, known), known], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        return ratio(sums[..., 0], sums[..., 1])
