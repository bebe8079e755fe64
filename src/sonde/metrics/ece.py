"""Expected calibration error: how far probabilities lie from what comes true, over ten bins.

Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", 2017, arXiv:1706.04599,
eq. 3, with bins of equally many rows. A plain mean of distances is too large: the noise of a bin of
few rows counts as distance, and a perfectly calibrated model seems not to be. So we take off what
noise of that size adds on average (Kumar, Liang, Ma, "Verified Uncertainty Calibration", 2019,
arXiv:1909.10155, section 5, there for squares). Of the bias of a calibrated model this leaves six
tenths; a distance of two standard errors of its bin comes out about 6 % too small, a larger one
right. Intervals err on the wide side (they hold the truth in 92 to 99 of 100 cases), and reach 0
where the model may be calibrated.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from sonde.contracts.metric import (
    Arrays,
    Bounds,
    Metric,
)
from sonde.metrics._bins import bins_of, sayings
from sonde.metrics._ratio import ratio


class ExpectedCalibrationError(Metric):
    """Mean distance of probabilities from frequencies, less its bias; in [0, 1], 0 is best.

    Two classes: of the probability of class 1. More: of the answer's. A row of a class never seen
    in training counts as not come true. Resamples keep the bins of the rows they are drawn from.
    """

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, 1.0)
    meets_bounds: ClassVar[bool] = True

    bins: int = Field(10, ge=1)

    def sums(self, predicted: Arrays, truth: Arrays, units: np.ndarray, count: int) -> np.ndarray:
        """(M, 3 B) of each bin: its rows, their probabilities, how many came true."""
        said, came_true = sayings(predicted, truth)
        place = units * self.bins + bins_of(said, self.bins)
        return self._of_places(said, came_true, place, count)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 3 B) -> (...)."""
        rows, said, came_true = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
        frequency = np.nan_to_num(ratio(came_true, rows), nan=0.0)
        distance = np.abs(np.nan_to_num(ratio(said, rows), nan=0.0) - frequency)
        noise = np.sqrt(np.nan_to_num(ratio(_spread(came_true, rows), rows), nan=0.0))
        unbiased = np.minimum(distance, 2 * distance - _with_noise(distance, noise))
        mean: np.ndarray = ratio((rows * unbiased).sum(axis=-1), rows.sum(axis=-1))
        clipped: np.ndarray = np.maximum(mean, 0.0)
        return clipped

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """The score of N rows, each standing there `counts` times, in bins of their own."""
        said, came_true = sayings(predicted, truth)
        counts = np.ones(len(said)) if counts is None else counts.astype(np.float64)
        place = bins_of(said, self.bins, counts)
        return float(self.combine(self._of_places(said, came_true, place, 1, counts))[0])

    def _of_places(
        self,
        said: np.ndarray,
        came_true: np.ndarray,
        place: np.ndarray,
        count: int,
        weights: np.ndarray | None = None,
    ) -> np.ndarray:
        """(count, 3 B) sums over the rows of each place, a bin of a unit."""
        ones = np.ones(len(said)) if weights is None else weights
        size = count * self.bins
        parts = [np.bincount(place, ones * part, size) for part in (1.0, said, came_true)]
        sums: np.ndarray = np.stack([part.reshape(count, self.bins) for part in parts], axis=1)
        flat: np.ndarray = sums.reshape(count, 3 * self.bins)
        return flat


def _spread(came_true: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The variance of one row, p (1 - p), from half a success and half a failure more."""
    frequency = (came_true + 0.5) / (rows + 1)
    spread: np.ndarray = frequency * (1 - frequency)
    return spread


def _with_noise(distance: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The mean of |x| for x normal around `distance` with deviation `noise` (folded normal)."""
    from scipy.special import ndtr

    far = np.divide(distance, noise, out=np.full(np.shape(distance), 40.0), where=noise > 0)
    density = np.exp(-0.5 * far**2) * np.sqrt(2 / np.pi)
    mean: np.ndarray = noise * density + distance * (1 - 2 * ndtr(-far))
    return mean
