"""Mixup: each row becomes a weighted mean of two.

Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", 2017,
arXiv:1710.09412, eq. 1. They draw one weight a batch, we one a row.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Self

from pydantic import Field

from sonde.contracts.learn import Augment
from sonde.core.port import Ports

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sonde.core.batch import Batch


class Mixup(Augment):
    """Averages pictures and numbers of two rows; the loss counts both targets by their shares.

    What has no mean (categories, texts, masks, sets, marks of what is missing) stays that of the
    row with the larger share. Of masks and boxes that are targets the loss counts both, each by
    its row's share. A batch is mixed at most once a step; of several that mix, the first in the
    recipe whose chance comes up does.
    """

    alpha: float = Field(0.2, gt=0)
    """Shares come from Beta(alpha, alpha): small is mostly one row, 1 is every mean alike."""
    probability: float = Field(1.0, gt=0, le=1)
    """That a batch is mixed at all."""

    def mix(
        self, inputs: Batch, targets: Batch, ports: Ports, generator: torch.Generator
    ) -> tuple[Batch, Batch]:
        """A partner and a share for each row.

        Raises:
            UsageError: a target is a picture.
        """
        from sonde.core.batch import count  # they import torch
        from sonde.data.augment import _mix
        from sonde.data.augment._colours import changed
        from sonde.data.augment._draws import beta

        if not _mix.is_due(targets, self.probability, generator):
            return inputs, targets
        _mix.refuse_pictures(targets, _mix.masks_in(targets, ports), self.kind)
        rows = count(inputs)
        partner = _mix.partners(rows, generator)
        share = beta(rows, self.alpha, generator).to(partner.device)
        share = share.maximum(1 - share)  # the row's own is the larger: categories stay with it
        mixed = dict(inputs)
        classes = _mix.masks_in(inputs, ports)
        for name, value in (_mix.grids_in(inputs) | _mix.numbers_in(inputs)).items():
            if name in classes:
                continue
            own = share.to(value.device).reshape(-1, *(1,) * (value.ndim - 1))
            other = value[partner.to(value.device)]
            mixed[name] = changed(value, partial(_averaged, other=other, share=own))
        return mixed, _mix.with_other(targets, partner, share)

    @classmethod
    def examples(cls) -> list[Self]:
        """As in the paper on ImageNet; every other batch, all shares alike."""
        return [cls(), cls(alpha=1.0, probability=0.5)]


def _averaged(value: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return share * value + (1 - share) * other
