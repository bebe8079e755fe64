"""Half a cosine down from 1.

Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2016,
arXiv:1608.03983, equation 5, over one period and without restarts.
"""

from __future__ import annotations

import math

from pydantic import Field

from sonde.contracts.learn import Schedule


class Cosine(Schedule):
    """Falls slowly, then fast, then slowly."""

    final: float = Field(0.0, ge=0, le=1)
    """The factor at the end."""

    def shape(self, progress: float) -> float:
        """From 1 to `final`."""
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2
