"""VICReg: two views of a row are alike; each number varies; no two numbers say the same.

Bardes, Ponce, LeCun, "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised
Learning", 2022, arXiv:2105.04906, eq. 1 to 6. Nothing is pushed apart, so batches may be smaller
than `contrast` wants them.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import relu

from sonde.contracts.learn import Context, Paradigm, Phase
from sonde.contracts.model import Blueprint
from sonde.learn._views import ViewLearner, ViewSettings

_TINY = 1e-4
"""epsilon of eq. 2."""


class Vicreg(ViewSettings, Paradigm):
    """Learns codes that agree between views, without collapsing to one."""

    projector: Blueprint = Field(
        default={"kind": "dense", "hidden": [256, 256], "norm": "batch"}, validate_default=True
    )
    projection: int = Field(256, ge=2)
    invariance: float = Field(25.0, ge=0)
    """What the squared distance of two views counts for: lambda."""
    variance: float = Field(25.0, ge=0)
    """What a deviation below 1 counts for: mu."""
    covariance: float = Field(1.0, ge=0)
    """What squared covariances count for: nu."""

    def phases(self, context: Context) -> Iterator[Phase]:
        """One phase."""
        yield self.compared(context, VicregLearner)


class VicregLearner(ViewLearner):
    """The three terms over a batch."""

    settings: Vicreg

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """(B,): the terms of the whole batch stand in each of its rows (eq. 6).

        As in the paper's published code, the distance is a mean over the numbers, and the variance
        term the mean of both views.
        """
        asked = self.settings
        apart = invariance(first, second)
        flat = (variance(first) + variance(second)) / 2
        doubled = covariance(first) + covariance(second)
        return asked.invariance * apart + asked.variance * flat + asked.covariance * doubled


def invariance(first: Tensor, second: Tensor) -> Tensor:
    """(B,) mean squared differences of (B, D) and (B, D): eq. 5, over D."""
    return (first - second).square().mean(dim=1)


def variance(points: Tensor) -> Tensor:
    """() by how much the deviations of (B, D) numbers fall short of 1, on average: eq. 1 and 2."""
    deviation = (points.var(dim=0) + _TINY).sqrt()
    return relu(1 - deviation).mean()


def covariance(points: Tensor) -> Tensor:
    """() the sum of squared covariances of different numbers of (B, D), over D: eq. 3 and 4."""
    rows, width = points.shape
    centred = points - points.mean(dim=0)
    matrix = centred.T @ centred / (rows - 1)
    different = ~torch.eye(width, dtype=torch.bool, device=points.device)
    return matrix[different].square().sum() / width
