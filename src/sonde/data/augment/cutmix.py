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
from sonde.core.port import Ports

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sonde.core.batch import Batch


class CutMix(Augment):
    """Pastes a part of another row's pictures; the loss counts both targets by their areas.

    All pictures of a row have the same part replaced; what is no picture stays the row's own. Masks
    get the other's classes where its pixels are, and share nothing (French, Laine, Aila,
    Mackiewicz, Finlayson, 2020, arXiv:1906.01916, section 3.3). A batch is mixed at most once a
    step; of several that mix, the first in the recipe whose chance comes up does.
    """

    alpha: float = Field(1.0, gt=0)
    """Areas come from Beta(alpha, alpha): 1 is every area alike."""
    probability: float = Field(0.5, gt=0, le=1)
    """That a batch is mixed at all."""

    def mix(
        self, inputs: Batch, targets: Batch, ports: Ports, generator: torch.Generator
    ) -> tuple[Batch, Batch]:
        """A partner and a rectangle for each row.

        Raises:
            UsageError: boxes, lines or words stand for parts of a picture, which a cut would part;
                or a target is a picture.
        """
        import torch

        from sonde.core.batch import count  # they import torch
        from sonde.data.augment import _boxes, _mix
        from sonde.data.augment._draws import beta

        grids = _mix.grids_in(inputs)
        if not grids or not _mix.is_due(targets, self.probability, generator):
            return inputs, targets
        masks = _mix.masks_in(targets, ports)
        _mix.refuse_pictures(targets, masks, self.kind)
        _refuse_parts(inputs, targets, ports)
        rows = count(inputs)
        partner = _mix.partners(rows, generator)
        areas = beta(rows, self.alpha, generator).to(partner.device)
        height, width = next(iter(grids.values())).shape[-2:]
        boxes = _boxes.placed(areas, torch.full_like(areas, height / width), (height, width),
                              generator)  # fmt: skip
        parts = boxes / boxes.new_tensor([height, width] * 2)
        mixed, said = dict(inputs), dict(targets)
        mixed |= {name: _pasted(grid, parts, partner) for name, grid in grids.items()}
        said |= {name: _pasted(grid, parts, partner) for name, grid in masks.items()}
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / (height * width)
        return mixed, _mix.with_other(said, partner, 1 - area, both=masks)

    @classmethod
    def examples(cls) -> list[Self]:
        """As in the paper on CIFAR; always."""
        return [cls(), cls(probability=1.0)]


def _pasted(grids: Tensor, parts: Tensor, partner: Tensor) -> Tensor:
    """(B, C, H, W) with the partners' values inside (B, 4) parts of height and width."""
    import torch

    from sonde.data.augment._boxes import inside

    height, width = grids.shape[-2:]
    boxes = parts * parts.new_tensor([height, width] * 2)
    there = inside(boxes.round(), (height, width)).to(grids.device)[:, None]
    return torch.where(there, grids[partner.to(grids.device)], grids)


def _refuse_parts(inputs: Batch, targets: Batch, ports: Ports) -> None:
    """Stop where something would have to be cut that cannot be."""
    from torch import Tensor

    for name, value in (inputs | targets).items():
        placed = name in ports and ports[name].kind == "set" and ports[name].frame is not None
        plain = isinstance(value, Tensor) and (value.ndim < 3 or value.ndim == 4)
        if placed or (name in targets and not plain):
            raise UsageError(
                f"cutmix pastes parts of pictures, and {name!r} has parts of its own, such as "
                "boxes, that a cut would go through. Leave cutmix out, or use mixup."
            )
