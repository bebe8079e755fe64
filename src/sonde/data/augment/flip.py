"""Flips: pictures as in a mirror.

Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks",
2012, section 4.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field

from sonde.contracts.learn import Augment
from sonde.core.port import Ports

if TYPE_CHECKING:
    import torch

    from sonde.core.batch import Batch


class Flip(Augment):
    """Swaps left and right, or top and bottom, of each grid; what lives in its frame follows.

    Classes and the order of points stay: where a class says left or right, as of lanes, or a point
    does, as of eyes, leave flips out.
    """

    horizontal: float = Field(0.5, ge=0, le=1)
    """Probability that left and right are swapped."""
    vertical: float = Field(0.0, ge=0, le=1)
    """Probability that top and bottom are swapped."""

    def apply(self, batch: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """One draw a row, frame and direction."""
        from sonde.data.augment._draws import chance  # they import torch
        from sonde.data.augment._frames import frames_in, num_rows
        from sonde.data.augment._warp import flipped

        for frame in frames_in(batch, ports):
            for probability, axis in ((self.horizontal, -1), (self.vertical, -2)):
                if probability:
                    rows = chance(num_rows(batch, frame), probability, generator)
                    batch = flipped(batch, frame, rows, axis=axis)
        return batch

    @classmethod
    def examples(cls) -> list[Self]:
        """Left and right; both ways."""
        return [cls(), cls(horizontal=0.5, vertical=0.5)]
