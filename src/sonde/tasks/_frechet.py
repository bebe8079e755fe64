"""The Fréchet distance of two sets of features, each taken as a normal distribution.

Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter, "GANs Trained by a Two Time-Scale Update Rule
Converge to a Local Nash Equilibrium", 2017, arXiv:1706.08500, eq. 6, after Dowson, Landau, "The
Fréchet distance between multivariate normal distributions", 1982:

    |m - w|^2 + trace(C + D - 2 (C D)^(1/2)).

The features are those of whoever names them, here of a classifier that is named in the recipe, so
values compare only where that classifier is the same.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from sonde.contracts.metric import (
    Arrays,
    Bounds,
    Metric,
)

_FLAT = 1e-10
"""Part of the largest variance below which a direction counts as flat."""


class Moments(NamedTuple):
    """Mean (D,) and covariance (D, D) of features."""

    mean: np.ndarray
    covariance: np.ndarray


def moments(features: np.ndarray, counts: np.ndarray | None = None) -> Moments:
    """Of (N, D) features, each standing there `counts` times; divided by N - 1 as usual."""
    wide = features.astype(np.float64)
    weights = np.ones(len(wide)) if counts is None else counts.astype(np.float64)
    total = weights.sum()
    mean = weights @ wide / total
    centred = wide - mean
    return Moments(mean, (centred * weights[:, None]).T @ centred / (total - 1))


def distance(one: Moments, other: Moments) -> float:
    """The squared distance of eq. 6.

    (C D)^(1/2) has the trace of (C^(1/2) D C^(1/2))^(1/2), which is symmetric, so that its roots
    are those of eigenvalues.
    """
    gap = one.mean - other.mean
    root = _power(one.covariance, 0.5)
    values = np.linalg.eigvalsh(root @ other.covariance @ root)
    cross = np.sqrt(np.maximum(values, 0.0)).sum()
    traces = np.trace(one.covariance) + np.trace(other.covariance)
    return float(max(0.0, gap @ gap + traces - 2 * cross))


def slopes(features: np.ndarray, one: Moments, other: Moments) -> np.ndarray:
    """(N,) what each of N rows of `one` adds to the distance, to first order.

    The derivative by C is 1 - T, where T = C^(-1/2) (C^(1/2) D C^(1/2))^(1/2) C^(-1/2) carries one
    distribution to the other (Dowson, Landau 1982; Knott, Smith, "On the optimal mapping of
    distributions", 1984).
    """
    root, inverse = _power(one.covariance, 0.5), _power(one.covariance, -0.5)
    carried = inverse @ _power(root @ other.covariance @ root, 0.5) @ inverse
    by_covariance = np.eye(len(root)) - carried
    centred = features.astype(np.float64) - one.mean
    bent = np.einsum("nd,de,ne->n", centred, by_covariance, centred)
    shifted = 2 * centred @ (one.mean - other.mean)
    found: np.ndarray = (shifted + bent - bent.mean()) / len(centred)
    return found


class Frechet(Metric):
    """Fréchet distance between features of drawn and of real rows; 0 where they are alike.

    It needs more rows than the features have directions, and falls with their number: compare
    values of equally many rows only.
    """

    kind: ClassVar[str] = "frechet"
    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)
    resamples: ClassVar[int] = 200

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """The distance; NaN of fewer than two rows."""
        if len(truth["features"]) < 2:
            return float("nan")
        drawn, real = moments(predicted["features"], counts), moments(truth["features"], counts)
        return distance(drawn, real)

    def influence(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) what the n-th drawn and the n-th real row add, to first order."""
        drawn, real = moments(predicted["features"]), moments(truth["features"])
        ours = slopes(predicted["features"], drawn, real)
        both: np.ndarray = ours + slopes(truth["features"], real, drawn)
        return both


def _power(matrix: np.ndarray, power: float) -> np.ndarray:
    """A power of a symmetric matrix without negative eigenvalues; flat directions stay flat."""
    values, vectors = np.linalg.eigh(matrix)
    steep = values > _FLAT * max(values[-1], 0.0)
    scaled = np.where(steep, np.where(steep, values, 1.0) ** power, 0.0)
    found: np.ndarray = (vectors * scaled) @ vectors.T
    return found
