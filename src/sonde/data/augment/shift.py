"""Shifts: pictures moved by whole pixels, as if the camera had pointed a little aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field

from sonde.contracts.learn import Augment
from sonde.core.port import Ports

if TYPE_CHECKING:
    import torch

    from sonde.core.batch import Batch


class Shift(Augment):
    """Moves each grid by up to `most` pixels along x and y; zeros come in from the border.

    What lives in a grid's frame moves with it, and may then lie beyond the border.
    """

    most: int = Field(ge=1)
    """Largest offset, in pixels."""

    def apply(self, batch: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """One draw a row and frame, every offset equally likely."""
        from sonde.data.augment._frames import frames_in, random_windows  # they import torch

        for frame in frames_in(batch, ports):
            own = (frame.height, frame.width)
            batch = random_windows(batch, frame, own, padding=self.most, generator=generator)
        return batch

    @classmethod
    def examples(cls) -> list[Self]:
        """By up to two pixels."""
        return [cls(most=2)]
