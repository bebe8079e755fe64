"""What a regression costs while it is learned, row by row, in standard deviations of the target.

Which number is best depends on the loss: the mean for squared and Poisson loss, the median for the
absolute one, a quantile for its own, something between mean and median for Huber's, and for the
relative one the median in which a row weighs as much as its value is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sonde.contracts.data import Column
from sonde.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

_HIGHEST_LOG = 30.0
"""Beyond e^30 times the mean a rate is no answer, but it must stay a number."""

_ROUNDING = 1e-6
"""Values nearer to zero than this part of the usual one are zeros that were encoded and decoded."""


def absolute(said: Tensor, true: Tensor) -> Tensor:
    """(B,) |said - true|."""
    return (said - true).abs()


def huber(said: Tensor, true: Tensor, delta: float) -> Tensor:
    """(B,) squared near the truth, straight beyond `delta`.

    Huber, "Robust Estimation of a Location Parameter", 1964, section 4; twice what is written
    there, so that near the truth it is the squared error.
    """
    from torch.nn.functional import huber_loss

    return 2 * huber_loss(said, true, reduction="none", delta=delta)


def pinball(said: Tensor, true: Tensor, quantiles: Sequence[float]) -> Tensor:
    """(B,) the mean of the quantiles' losses: Koenker, Bassett, "Regression Quantiles", 1978.

    Args:
        said: (B, Q).
        true: (B,).
        quantiles: Q levels in (0, 1).
    """
    short = true[:, None] - said
    level = said.new_tensor(quantiles)
    return (level * short).maximum((level - 1) * short).mean(dim=1)


class Counts(NamedTuple):
    """How standardised values and counts belong together: count = value * deviation + mean.

    A network then answers with the logarithm of the rate over the mean of the training rows, so
    that it begins at that mean whatever the unit is.
    """

    mean: float
    deviation: float

    def loss(self, log_ratio: Tensor, standardised: Tensor) -> Tensor:
        """(B,) negative log likelihood of a Poisson distribution, over the mean; constants dropped.

        Of a count below zero there is none: the row's loss is not a number, which stops training.
        """
        ratio = (standardised * self.deviation + self.mean) / self.mean
        losses = log_ratio.exp() - ratio * log_ratio
        return losses.where(ratio > -1e-3, float("nan"))

    def standardised(self, log_ratio: Tensor) -> Tensor:
        """(B,) the rate as the target column encodes it."""
        rate = self.mean * log_ratio.clamp(max=_HIGHEST_LOG).exp()
        return (rate - self.mean) / self.deviation

    @classmethod
    def of(cls, column: Column) -> Counts:
        """From the fitted target column.

        Raises:
            UsageError: its values are not evenly scaled.
            DataError: training rows hold values below zero, or nothing but zeros.
        """
        mean, next_one, after = column.decode(np.array([0.0, 1.0, 2.0]))
        if abs(after - 2 * next_one + mean) > 1e-6 * (abs(mean) + abs(after)):
            raise UsageError(
                "objective: poisson has a logarithm of its own and needs counts as they are, and "
                f"column {column.name!r} bends them. Take scale: standard for it, or another "
                "objective."
            )
        least = column.decode(np.array(column.port.edges[:1] or (0.0,)))[0]
        if least < -1e-6 * mean or mean <= 0:  # decoding rounds
            raise DataError(
                f"objective: poisson needs counts; column {column.name!r} has values from "
                f"{least:.6g}, with mean {mean:.6g}, among the training rows. Take another "
                "objective."
            )
        return cls(mean, next_one - mean)


class Parts(NamedTuple):
    """How standardised values and the caller's unit belong together, for errors as parts of truth.

    Attributes:
        mean: of what is standardised: the value, or its signed logarithm sign(x) ln(1 + |x|).
        deviation: of the same.
        bent: whether it is the logarithm.
        zero: values nearer to zero count as zeros.
    """

    mean: float
    deviation: float
    bent: bool
    zero: float

    def values(self, standardised: Tensor) -> Tensor:
        """(B,) in the caller's unit."""
        found = standardised * self.deviation + self.mean
        return found.sign() * found.abs().clamp(max=_HIGHEST_LOG).expm1() if self.bent else found

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """(N,) float32 from the caller's unit."""
        found = np.copysign(np.log1p(np.abs(values)), values) if self.bent else values
        encoded: np.ndarray = ((found - self.mean) / self.deviation).astype(np.float32)
        return encoded

    def loss(self, said: Tensor, true: Tensor) -> Tensor:
        """(B,) |said - true| / |true|, both standardised; 0 where the truth is 0, as in `mape`."""
        true = self.values(true)
        defined = true.abs() > self.zero
        return ((self.values(said) - true) / true.where(defined, 1.0)).abs() * defined

    def weights(self, values: np.ndarray) -> np.ndarray:
        """(N,) what a row's absolute error counts: 1 / |value|, 0 for zeros."""
        size = np.abs(values)
        parts: np.ndarray = np.divide(1.0, size, out=np.zeros_like(size), where=size > self.zero)
        return parts

    @classmethod
    def of(cls, column: Column) -> Parts:
        """From the fitted target column.

        Raises:
            UsageError: it is scaled by quantiles, which have no formula to learn through.
        """
        found = np.asarray(column.decode(np.array([0.0, 1.0, 2.0])), np.float64)
        for bent, bases in ((False, found), (True, np.copysign(np.log1p(np.abs(found)), found))):
            mean, next_one, after = bases.tolist()
            if abs(after - 2 * next_one + mean) <= 1e-6 * (abs(mean) + abs(after)):
                zero = _ROUNDING * (abs(mean) + abs(next_one - mean))
                return cls(mean, next_one - mean, bent, zero)
        raise UsageError(
            f"objective: relative cannot learn through the quantiles that scale column "
            f"{column.name!r}. Take scale: log or scale: standard for it, or another objective."
        )
