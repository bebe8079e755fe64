"""Random erasing: a part of each picture is hidden, so that no single part decides.

Zhong, Zheng, Kang, Li, Yang, "Random Erasing Data Augmentation", 2017, arXiv:1708.04896,
algorithm 1. Where a rectangle does not fit they draw again; ours is made to fit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from sonde.contracts.learn import Augment
from sonde.core.port import Ports

if TYPE_CHECKING:
    import torch

    from sonde.core.batch import Batch


class Erase(Augment):
    """Fills a rectangle of some pictures. Masks, boxes and points stay: what is hidden is there."""

    probability: float = Field(0.5, gt=0, le=1)
    area: tuple[float, float] = (0.02, 0.4)
    """Smallest and largest part of the picture."""
    aspect: float = Field(0.3, gt=0, le=1)
    """Smallest ratio of the rectangle's shorter side to its longer one."""
    fill: Literal["noise", "zero", "mean"] = "noise"
    """noise: every value drawn anew, up to the brightest; zero; or each picture's mean colour."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not 0 < self.area[0] <= self.area[1] <= 1:
            raise ValueError(f"got area {list(self.area)}, expected such as [0.02, 0.4]")
        return self

    def apply(self, batch: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """One rectangle a row and frame."""
        import torch

        from sonde.core.batch import tensor_of  # they import torch
        from sonde.data.augment import _boxes
        from sonde.data.augment._draws import chance, uniform
        from sonde.data.augment._frames import frames_in, num_rows

        moved = dict(batch)
        bound = -math.log(self.aspect)
        for frame in frames_in(batch, ports):
            rows, size = num_rows(batch, frame), (frame.height, frame.width)
            areas = uniform(rows, *self.area, generator)
            ratios = uniform(rows, -bound, bound, generator).exp()
            boxes = _boxes.placed(areas, ratios, size, generator)
            hidden = (
                _boxes.inside(boxes, size)
                & chance(rows, self.probability, generator)[:, None, None]
            )  # (B, H, W)
            for name in frame.pictures:
                if name != frame.name:  # a second picture of it is what was there
                    continue
                grids = tensor_of(batch, name)
                filling = _boxes.filling(grids, self.fill, generator)
                moved[name] = torch.where(hidden.to(grids.device)[:, None], filling, grids)
        return moved

    @classmethod
    def examples(cls) -> list[Self]:
        """Each filling once."""
        return [cls(), cls(probability=1, fill="zero"), cls(fill="mean", area=(0.1, 0.2))]
