"""Half a cosine down from 1, once or again and again.

Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts", 2016,
arXiv:1608.03983, equation 5; all our cycles have the same length.
"""

from __future__ import annotations

import math

from pydantic import Field

from sonde.contracts.learn import Schedule


class Cosine(Schedule):
    """Falls slowly, then fast, then slowly."""

    final: float = Field(0.0, ge=0, le=1)
    """The factor at the end of each cycle."""
    cycles: int = Field(1, ge=1)
    """How often it starts anew from 1."""

    @property
    def ends(self) -> tuple[float, ...]:
        """Where the cycles end."""
        return tuple(cycle / self.cycles for cycle in range(1, self.cycles + 1))

    def shape(self, progress: float) -> float:
        """From 1 to `final`, in each cycle."""
        place = progress * self.cycles % 1.0 if progress < 1 else 1.0
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * place)) / 2
