"""A mixture of normal distributions over codes, from which rows are drawn.

What codes of real rows are distributed like is seldom N(0, 1), even where a loss asks for it. A
mixture that is fitted once the network has learned draws codes that the decoder knows: Ghosh,
Sajjadi, Vergari, Black, Scholkopf, "From Variational to Deterministic Autoencoders", 2020,
arXiv:1903.12436, section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from sonde.core.spec import Spec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_FULL = 64
"""Widest code whose components have a covariance each; beyond it each number is by itself."""

_LEAST = 1e-4
"""Added to every variance, so that a component of few rows stays a distribution."""

_ROWS_EACH = 5
"""Fewest rows for each component: fewer ask for fewer components."""


class Mixture(Spec):
    """K normal distributions of codes of W numbers: code = mean + factor @ N(0, 1)."""

    shares: tuple[float, ...]
    """(K,) how likely each is."""
    means: tuple[tuple[float, ...], ...]
    """(K, W)"""
    factors: tuple[tuple[tuple[float, ...], ...], ...]
    """(K, W, W) the lower Cholesky factor of each covariance."""

    @classmethod
    def of(cls, codes: np.ndarray, count: int, seed: int) -> Self:
        """Fitted to (N, W) codes by expectation maximisation; fewer than `count` where N is small.

        Args:
            codes: of rows.
            count: how many components are asked for.
            seed: of where it begins.
        """
        from sklearn.mixture import GaussianMixture

        count = max(1, min(count, len(codes) // _ROWS_EACH))
        kind = "full" if codes.shape[1] <= _FULL else "diag"
        fitted = GaussianMixture(count, covariance_type=kind, reg_covar=_LEAST, random_state=seed)
        fitted.fit(codes.astype(np.float64))
        factors = (
            np.linalg.cholesky(fitted.covariances_)
            if kind == "full"
            else np.stack([np.diag(np.sqrt(each)) for each in fitted.covariances_])
        )
        return cls(
            shares=tuple(fitted.weights_.tolist()),
            means=tuple(tuple(row) for row in fitted.means_.tolist()),
            factors=tuple(tuple(tuple(row) for row in each) for each in factors.tolist()),
        )

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, W) float32."""
        import torch

        device = generator.device
        shares = torch.tensor(self.shares, device=device)
        means, factors = (torch.tensor(part, device=device) for part in (self.means, self.factors))
        which = torch.multinomial(shares, count, replacement=True, generator=generator)
        noise = torch.randn((count, means.shape[1], 1), generator=generator, device=device)
        drawn: Tensor = means[which] + (factors[which] @ noise)[..., 0]
        return drawn
