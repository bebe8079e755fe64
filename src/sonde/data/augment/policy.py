"""A policy of random changes: each picture gets a few of many, all of one strength.

Cubuk, Zoph, Shlens, Le, "RandAugment: Practical automated data augmentation with a reduced search
space", 2019, arXiv:1909.13719, figure 2. Of their fourteen changes, equalising is left out. All
movements of a picture are done in one, after its colours: so it is sampled anew only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field

from sonde.contracts.learn import Augment
from sonde.core.port import Ports

if TYPE_CHECKING:
    import torch

    from sonde.core.batch import Batch


class Policy(Augment):
    """Draws `changes` of thirteen for each picture: colours, sharpness, turning, shearing, moving.

    Boxes, points and masks follow the movements. Float pictures are taken to lie in [0, 1].
    """

    changes: int = Field(2, ge=1, le=10)
    """How many a picture gets; the same may come twice, and one of them is to change nothing."""
    strength: float = Field(9.0, gt=0, le=30)
    """From 0 to 30, as in the paper: 30 turns by 30 degrees and moves by a third."""

    def apply(self, batch: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """One choice and one sign a row, frame and change."""
        from sonde.data.augment._frames import frames_in  # they import torch
        from sonde.data.augment._policy import played

        for frame in frames_in(batch, ports):
            batch = played(batch, frame, self.changes, self.strength / 30, generator)
        return batch

    @classmethod
    def examples(cls) -> list[Self]:
        """Two changes of nine; three of thirty."""
        return [cls(), cls(changes=3, strength=30)]
