"""Affine maps: pictures turned, scaled, sheared and moved in one go.

Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to visual
document analysis", 2003, section 2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from sonde.contracts.learn import Augment
from sonde.core.port import Ports

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sonde.core.batch import Batch


class Affine(Augment):
    """Turns, scales, shears and moves each grid around its middle; zeros come in from outside.

    What lives in its frame follows; a box becomes the smallest upright one around its corners.
    """

    degrees: float = Field(0.0, ge=0, le=180)
    """Largest angle of a rotation, either way."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest factor; as often below its middle as above, on a logarithmic scale."""
    shear: float = Field(0.0, ge=0, lt=90)
    """Largest angle, in degrees, by which upright lines are tilted, either way."""
    translate: float = Field(0.0, ge=0, le=1)
    """Largest offset along x and y, as a part of the width and height."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        low, high = self.scale
        if not 0 < low <= high:
            raise ValueError(f"got scale {list(self.scale)}, expected such as [0.8, 1.25]")
        if self == type(self).model_construct():
            raise ValueError(
                "got an affine map that changes nothing; give degrees, scale, shear or translate"
            )
        return self

    def apply(self, batch: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """One draw a row and frame."""
        from sonde.data.augment import _warp  # they import torch
        from sonde.data.augment._frames import frames_in, num_rows

        for frame in frames_in(batch, ports):
            linear, parts = self._drawn(num_rows(batch, frame), generator)
            offset = parts * parts.new_tensor([frame.width, frame.height])
            maps = _warp.around_middle(linear, offset, frame)
            batch = _warp.warped(batch, frame, maps)
        return batch

    @classmethod
    def examples(cls) -> list[Self]:
        """Each of the four by itself; all of them."""
        return [
            cls(degrees=10),
            cls(scale=(0.8, 1.25)),
            cls(shear=10),
            cls(translate=0.1),
            cls(degrees=5, scale=(0.9, 1.1), shear=5, translate=0.05),
        ]

    def _drawn(self, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(B, 2, 2) linear maps, and (B, 2) offsets as parts of width and height."""
        import torch

        from sonde.data.augment._draws import uniform
        from sonde.data.augment._warp import rotation

        turn, tilt = math.radians(self.degrees), math.radians(self.shear)
        low, high = (math.log(factor) for factor in self.scale)
        linear = rotation(uniform(rows, -turn, turn, generator))
        sheared = torch.eye(2, device=generator.device).repeat(rows, 1, 1)
        sheared[:, 0, 1] = uniform(rows, -tilt, tilt, generator).tan()
        factors = uniform(rows, low, high, generator).exp()[:, None, None]
        x, y = (uniform(rows, -self.translate, self.translate, generator) for _ in range(2))
        return linear @ sheared * factors, torch.stack([x, y], dim=1)
