"""CutMix: a rectangle of one picture is pasted into another.

Yun, Han, Oh, Chun, Choe, Yoo, "CutMix: Regularization Strategy to Train Strong Classifiers with
Localizable Features", 2019, arXiv:1905.04899, eqs. 1 and 2. They draw one rectangle a batch and
cut it off at the border; we draw one a row, and it lies inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field

from sonde.contracts.learn import Augment
from sonde.core.errors import UsageError

if TYPE_CHECKING:
    import torch

    from sonde.core.batch import Batch


class CutMix(Augment):
    """Pastes a part of another row's pictures; the loss counts both targets by their areas.

    All pictures of a row have the same part replaced; what is no picture stays the row's own. A
    batch is mixed at most once a step; of several that mix, the first in the recipe whose chance
    comes up does.
    """

    alpha: float = Field(1.0, gt=0)
    """Areas come from Beta(alpha, alpha): 1 is every area alike."""
    probability: float = Field(0.5, gt=0, le=1)
    """That a batch is mixed at all."""

    def mix(self, inputs: Batch, targets: Batch, generator: torch.Generator) -> tuple[Batch, Batch]:
        """A partner and a rectangle for each row.

        Raises:
            UsageError: a target has parts of its own, such as a mask: one share is not enough.
        """
        import torch

        from sonde.core.batch import count  # they import torch
        from sonde.data.augment import _boxes, _mix
        from sonde.data.augment._draws import beta

        grids = _mix.grids_in(inputs)
        if not grids or not _mix.is_due(targets, self.probability, generator):
            return inputs, targets
        _refuse_parts(targets)
        rows = count(inputs)
        partner = _mix.partners(rows, generator)
        areas = beta(rows, self.alpha, generator).to(partner.device)
        sizes = {name: (grid.shape[-2], grid.shape[-1]) for name, grid in grids.items()}
        height, width = next(iter(sizes.values()))
        boxes = _boxes.placed(areas, torch.full_like(areas, height / width), (height, width),
                              generator)  # fmt: skip
        mixed = dict(inputs)
        for name, grid in grids.items():
            high, wide = sizes[name]
            scaled = boxes * boxes.new_tensor([high / height, wide / width] * 2)
            pasted = _boxes.inside(scaled, (high, wide)).to(grid.device)[:, None]
            mixed[name] = torch.where(pasted, grid[partner.to(grid.device)], grid)
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / (height * width)
        return mixed, _mix.with_other(targets, partner, 1 - area)

    @classmethod
    def examples(cls) -> list[Self]:
        """As in the paper on CIFAR; always."""
        return [cls(), cls(probability=1.0)]


def _refuse_parts(targets: Batch) -> None:
    from torch import Tensor

    for name, value in targets.items():
        if not isinstance(value, Tensor) or value.ndim > 2:
            raise UsageError(
                f"cutmix pastes parts of pictures, and target {name!r} has parts of its own, which "
                "one share of the loss cannot say. Leave cutmix out, or use mixup."
            )
