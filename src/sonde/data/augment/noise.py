"""Noise on numbers: every value a little different each time.

Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995, eq. 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field

from sonde.contracts.learn import Augment
from sonde.core.port import PRESENT, Ports

if TYPE_CHECKING:
    import torch

    from sonde.core.batch import Batch


class Noise(Augment):
    """Adds normal noise to numbers and vectors that are present; targets stay."""

    deviation: float = Field(0.1, gt=0)
    """Of the noise, in the standard deviations of the training rows, which numbers are scaled
    by."""

    def apply(self, batch: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """One draw a value."""
        import torch

        from sonde.core.batch import tensor_of  # it imports torch

        moved = dict(batch)
        for name, port in ports.items():
            if port.kind not in ("scalar", "vector") or name not in batch:
                continue
            values = tensor_of(batch, name)
            drawn = torch.randn(values.shape, generator=generator, device=generator.device)
            added = self.deviation * drawn.to(values)
            if PRESENT + name in batch:  # a missing value is its filler, and nothing else
                present = tensor_of(batch, PRESENT + name)
                added = added * present.reshape(-1, *(1,) * (values.ndim - 1))
            moved[name] = values + added
        return moved

    @classmethod
    def examples(cls) -> list[Self]:
        """A tenth of a deviation."""
        return [cls()]
