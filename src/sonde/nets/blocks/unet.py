"""U-Net: pictures read at ever smaller sizes, and answered back up to every pixel.

Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015,
arXiv:1505.04597, figure 1. Convolutions keep the size here (theirs lose a pixel at each border, so
that answers were smaller than pictures), and each is normalised. Residual stages are those of
Zhang, Liu, Wang, "Road Extraction by Deep Residual U-Net", 2017, arXiv:1711.10684, with the blocks
of He et al. 2015.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from sonde.core.batch import Batch, tensor_of
from sonde.nets.blocks.residual import BasicBlock, ConvNorm, Norm, Style
from sonde.nets.encoders.grid import as_float


class Contraction(nn.Module):
    """The way down: each stage at half the size of the one before it.

    Args:
        in_channels: of the grid.
        channels: of the stages.
        stride: by what the first stage's grid is smaller than the picture.
        residual: whether a stage has a way past its two convolutions.
        norm: after each convolution.
        dropout: probability that a channel of the last stage is left out in training.
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        *,
        stride: int = 1,
        residual: bool = False,
        norm: Norm = "batch",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.entry: nn.Module = nn.Identity()
        if stride > 1:
            shrink = nn.Conv2d(in_channels, channels[0], stride, stride)
            self.entry, in_channels = nn.Sequential(shrink, nn.ReLU()), channels[0]
        self.stages = nn.ModuleList(
            stage(given, made, residual=residual, norm=norm)
            for given, made in pairwise([in_channels, *channels])
        )
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, grid: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> (B, channels[i], H / stride / 2^i, ...) of each stage i, in order."""
        hidden = self.entry(grid)
        found: list[Tensor] = []
        for place, layers in enumerate(self.stages):
            hidden = layers(self.pool(hidden) if place else hidden)
            found.append(hidden)
        found[-1] = self.dropout(hidden)
        return found


class Expansion(nn.Module):
    """The way up: doubled in size, joined by what the way down found at that size.

    Args:
        channels: of the stages as `Contraction` has them.
        residual: as there.
        norm: as there.
    """

    def __init__(
        self, channels: Sequence[int], *, residual: bool = False, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        upwards = list(pairwise(reversed(channels)))
        self.doubled = nn.ModuleList(nn.ConvTranspose2d(low, high, 2, 2) for low, high in upwards)
        self.stages = nn.ModuleList(
            stage(2 * high, high, residual=residual, norm=norm) for _, high in upwards
        )

    def forward(self, found: Sequence[Tensor]) -> Tensor:
        """What each stage down gave -> (B, channels[0], H / stride, W / stride)."""
        hidden = found[-1]
        for double, layers, beside in zip(self.doubled, self.stages, found[-2::-1], strict=True):
            hidden = layers(torch.cat([beside, double(hidden)], dim=1))
        return hidden


class Unet(nn.Module):
    """Grids of one size in, grids of the same size out, whatever that size is.

    Args:
        grids: names of the inputs; their channels are read together.
        down: the way down.
        up: the way up.
        heads: by output, from the features of a pixel to its values.
        multiple: sides are filled up to a multiple of this with the border's pixels, and the
            answer is cut to the size that came in.
    """

    def __init__(
        self,
        grids: Sequence[str],
        down: Contraction,
        up: Expansion,
        heads: Mapping[str, nn.Module],
        *,
        multiple: int,
    ) -> None:
        super().__init__()
        self.grids, self.outputs, self.multiple = tuple(grids), tuple(heads), multiple
        self.down, self.up = down, up
        # a list, because a column may have a name that a module cannot, such as "front.left"
        self.heads = nn.ModuleList(heads.values())

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """(B, C, H, W) uint8 or float each -> by output (B, K, H, W), raw."""
        read = [as_float(tensor_of(batch, name)) for name in self.grids]
        grid = torch.cat(read, dim=1) if len(read) > 1 else read[0]
        height, width = grid.shape[-2:]
        grid = functional.pad(
            grid, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate"
        )
        # `to`, not `contiguous`, which leaves a grid of one channel as it is: see ConvTower
        hidden = self.up(self.down(grid.to(memory_format=torch.channels_last)))
        return {
            name: _enlarged(head(hidden), grid)[..., :height, :width]
            for name, head in zip(self.outputs, self.heads, strict=True)
        }


def stage(in_channels: int, channels: int, *, residual: bool, norm: Norm) -> nn.Module:
    """Two 3x3 convolutions with ReLU, or a residual block: (B, C, H, W) -> (B, channels, H, W)."""
    if residual:
        return BasicBlock(in_channels, channels, style=Style(norm))
    layers = nn.Sequential()
    for given in (in_channels, channels):
        layers.append(ConvNorm(given, channels, kernel_size=3, norm=norm))
        layers.append(nn.ReLU(inplace=True))
    return layers


def _enlarged(values: Tensor, grid: Tensor) -> Tensor:
    """Raw values of each pixel of `grid`, between those of a coarser one."""
    if values.shape[-2:] == grid.shape[-2:]:
        return values
    size = list(grid.shape[-2:])
    return functional.interpolate(values.float(), size=size, mode="bilinear", align_corners=False)
