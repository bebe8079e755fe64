"""Dense detection: a backbone in stages, a pyramid over it, and an answer in every cell of it.

Each cell of each level says what is there and where its borders are, without anchors: Tian, Shen,
Chen, He, "FCOS: Fully Convolutional One-Stage Object Detection", 2019, arXiv:1904.01355, figure 2.
A level has a head of its own, so that norms over the batch see cells of one scale only; there is no
branch for centerness, since the task teaches a class's score to be the quality of its box.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, tensor_of
from sonde.core.cells import PLACE
from sonde.nets.blocks.pyramid import Pyramid
from sonde.nets.blocks.residual import ConvNorm, Norm
from sonde.nets.encoders.grid import as_float

_RARE = 0.01
"""Probability of any class in any cell at the start: Lin et al. 2017, section 4.1."""


class Answering(nn.Module):
    """One level's head: convolutions for what there is, and others for where it is.

    Args:
        width: channels of the level.
        classes: K.
        layers: convolutions in each of the two branches.
        norm: after each.
    """

    def __init__(self, width: int, classes: int, *, layers: int, norm: Norm) -> None:
        super().__init__()
        self.what = nn.Sequential(_branch(width, layers, norm), nn.Conv2d(width, classes, 1))
        self.where = nn.Sequential(_branch(width, layers, norm), nn.Conv2d(width, PLACE, 1))
        with torch.no_grad():
            for last, bias in ((self.what[-1], -math.log(1 / _RARE - 1)), (self.where[-1], 0.0)):
                assert isinstance(last, nn.Conv2d) and last.bias is not None
                last.weight.normal_(std=0.01)
                last.bias.fill_(bias)

    def forward(self, level: Tensor) -> Tensor:
        """(B, width, H, W) -> (B, K + 4, H, W) float32."""
        return torch.cat([self.what(level), self.where(level)], dim=1).float()


class DetectionNetwork(nn.Module):
    """A picture -> what each cell of each level says.

    Args:
        picture: the input's name.
        stages: of the backbone, each from the grid that the one before gives.
        taken: which of them, counted from 0, the pyramid reads.
        pyramid: over these.
        heads: by output, one for each level, the finest first.
    """

    def __init__(
        self,
        picture: str,
        stages: Sequence[nn.Module],
        taken: Sequence[int],
        pyramid: Pyramid,
        heads: Mapping[str, nn.Module],
    ) -> None:
        super().__init__()
        self.picture = picture
        self.stages = nn.ModuleList(stages)
        self.taken = tuple(taken)
        self.pyramid = pyramid
        self.heads = nn.ModuleList(heads.values())
        self.outputs = tuple(heads)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """B rows -> (B, K + 4, H, W) float32 for each level."""
        hidden = as_float(tensor_of(batch, self.picture))
        hidden = hidden.to(memory_format=torch.channels_last)  # see ConvTower
        grids = []
        for place, stage in enumerate(self.stages):
            hidden = stage(hidden)
            if place in self.taken:
                grids.append(hidden)
        answered = zip(self.outputs, self.heads, self.pyramid(grids), strict=True)
        return {name: head(level) for name, head, level in answered}


def _branch(width: int, layers: int, norm: Norm) -> nn.Sequential:
    made = nn.Sequential()
    for _ in range(layers):
        made += nn.Sequential(ConvNorm(width, width, kernel_size=3, norm=norm), nn.ReLU())
    return made
