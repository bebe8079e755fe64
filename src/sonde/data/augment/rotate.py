"""Rotations: pictures turned a little, as if the camera had been tilted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

from pydantic import Field

from sonde.contracts.learn import Augment
from sonde.core.port import Ports

if TYPE_CHECKING:
    import torch

    from sonde.core.batch import Batch


class Rotate(Augment):
    """Turns each grid around its middle; zeros come in at the corners.

    What lives in its frame follows; a box becomes the smallest upright one around its corners.
    """

    degrees: float = Field(15.0, gt=0, le=180)
    """Largest angle, either way; every angle up to it is equally likely."""

    def apply(self, batch: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """One draw a row and frame."""
        from sonde.data.augment import _warp  # they import torch
        from sonde.data.augment._draws import uniform
        from sonde.data.augment._frames import frames_in, num_rows

        most = math.radians(self.degrees)
        for frame in frames_in(batch, ports):
            angles = uniform(num_rows(batch, frame), -most, most, generator)
            linear = _warp.rotation(angles)
            maps = _warp.around_middle(linear, linear.new_zeros(len(linear), 2), frame)
            batch = _warp.warped(batch, frame, maps)
        return batch

    @classmethod
    def examples(cls) -> list[Self]:
        """A little; all around."""
        return [cls(), cls(degrees=180)]
