"""Networks that can say where they looked."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from sonde.core.batch import Batch


@runtime_checkable
class Attending(Protocol):
    """A network that weighs the steps of its input for each step that it says."""

    def attention(self, inputs: Batch) -> Tensor:
        """(B, T, S) in [0, 1], for each of the T steps under `SAID` where it looked; sums of 1."""
