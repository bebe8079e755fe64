"""Crops: a random window of each picture.

He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015, arXiv:1512.03385,
section 4.2: 4 pixels padded on each side, a 32 x 32 crop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, PositiveInt

from sonde.contracts.learn import Augment
from sonde.core.errors import UsageError
from sonde.core.port import Ports

if TYPE_CHECKING:
    import torch

    from sonde.core.batch import Batch


class Crop(Augment):
    """Takes a random window of each zero-padded grid; what lives in its frame moves with it.

    Boxes and points may then lie beyond the border. A window of another size than the grid needs
    a network that takes any size, since rows to predict are not cropped.
    """

    size: tuple[PositiveInt, PositiveInt]
    """Height and width of the window, in pixels."""
    padding: int = Field(0, ge=0)
    """Zeros added on every side, in pixels."""

    def apply(self, batch: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """One draw a row and frame, every window equally likely.

        Raises:
            UsageError: a window is larger than the padded grid.
        """
        from sonde.data.augment._frames import frames_in, random_windows  # they import torch

        for frame in frames_in(batch, ports):
            height, width = (n + 2 * self.padding for n in (frame.height, frame.width))
            if self.size[0] > height or self.size[1] > width:
                raise UsageError(
                    f"a crop of {self.size[0]} x {self.size[1]} does not fit into "
                    f"{frame.grids[0]!r}, {height} x {width} with its padding. "
                    "Make the size smaller or the padding larger."
                )
            batch = random_windows(
                batch, frame, self.size, padding=self.padding, generator=generator
            )
        return batch

    @classmethod
    def examples(cls) -> list[Self]:
        """The size of the contract tests' grids, padded by two pixels."""
        return [cls(size=(8, 8), padding=2)]
