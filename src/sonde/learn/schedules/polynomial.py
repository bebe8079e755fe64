"""Falls as a power of what is left of the phase; with power 1 in a straight line.

Liu, Rabinovich, Berg, "ParseNet", 2015, arXiv:1506.04579, section 3.1, after Caffe's policy `poly`.
"""

from __future__ import annotations

from pydantic import Field

from sonde.contracts.learn import Schedule


class Polynomial(Schedule):
    """From 1 to `final`."""

    power: float = Field(1.0, gt=0)
    """Above 1 it falls fast at first, below 1 at the end."""
    final: float = Field(0.0, ge=0, le=1)
    """The factor at the end."""

    def shape(self, progress: float) -> float:
        """What is left, to the power."""
        left: float = (1 - progress) ** self.power
        return self.final + (1 - self.final) * left
