"""The learning rate stays as it is."""

from __future__ import annotations

from sonde.contracts.learn import Schedule


class Constant(Schedule):
    """The optimizer's learning rate throughout, after the warm-up if there is one."""

    def shape(self, progress: float) -> float:
        """1 everywhere."""
        return 1.0
