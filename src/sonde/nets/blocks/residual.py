"""Residual blocks, plain and bottleneck: convolutions beside a way past them.

He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015, arXiv:1512.03385,
figure 5.

Norm and ReLU stand as in the paper. A bottleneck strides in its 3x3 convolution and not, as in the
paper, in the 1x1 before it, which would drop three of four pixels unseen. Without a norm a branch
is scaled down instead: Hayou, Clerico, He, Deligiannidis, Doucet, Rousseau, "Stable ResNet", 2020,
arXiv:2010.12859, the uniform scaling.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

Norm = Literal["batch", "group", "none"]
Shortcut = Literal["projection", "padding", "pool"]

_MOST_GROUPS = 32  # Wu, He, "Group Normalization", 2018, arXiv:1803.08494


class Style(NamedTuple):
    """What all blocks of a network have in common.

    Attributes:
        norm: after each convolution: over the batch, over groups of channels, or none.
        shortcut: where a block changes the shape: a 1x1 convolution (option B of section 3.3);
            every second pixel, with zeros for the new channels (option A); or a 1x1 convolution
            after averaging 2x2 pixels (He et al. 2018, arXiv:1812.01187, ResNet-D).
        scale: what a branch is multiplied with before it is added.
    """

    norm: Norm = "batch"
    shortcut: Shortcut = "projection"
    scale: float = 1.0


_PLAIN = Style()


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(
        self, in_channels: int, channels: int, *, stride: int = 1, style: Style = _PLAIN
    ) -> None:
        super().__init__()
        self.first = ConvNorm(in_channels, channels, kernel_size=3, stride=stride, norm=style.norm)
        self.second = ConvNorm(channels, channels, kernel_size=3, norm=style.norm)
        self.shortcut = shortcut(in_channels, channels, stride, style)
        self.scale = style.scale

    def forward(self, features: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, channels, ceil(H / stride), ceil(W / stride)), float."""
        hidden = functional.relu(self.first(features), inplace=True)
        return _joined(self.second(hidden), self.shortcut(features), self.scale)


class Bottleneck(nn.Module):
    """A 3x3 convolution between two of 1x1, the last of which widens, beside a shortcut."""

    expansion = 4

    def __init__(
        self, in_channels: int, channels: int, *, stride: int = 1, style: Style = _PLAIN
    ) -> None:
        super().__init__()
        wide = channels * self.expansion
        self.first = ConvNorm(in_channels, channels, kernel_size=1, norm=style.norm)
        self.second = ConvNorm(channels, channels, kernel_size=3, stride=stride, norm=style.norm)
        self.third = ConvNorm(channels, wide, kernel_size=1, norm=style.norm)
        self.shortcut = shortcut(in_channels, wide, stride, style)
        self.scale = style.scale

    def forward(self, features: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, 4 * channels, ceil(H / stride), ceil(W / stride)), float."""
        hidden = functional.relu(self.first(features), inplace=True)
        hidden = functional.relu(self.second(hidden), inplace=True)
        return _joined(self.third(hidden), self.shortcut(features), self.scale)


class ConvNorm(nn.Sequential):
    """A convolution that keeps the size at stride 1, then its norm, which takes over the bias."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int,
        stride: int = 1,
        norm: Norm = "batch",
    ) -> None:
        made = _Thinned if kernel_size == 1 and stride > 1 else nn.Conv2d
        convolution = made(
            in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=norm == "none"
        )
        # He, Zhang, Ren, Sun 2015, arXiv:1502.01852, eq. 14
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        super().__init__(convolution)
        if norm == "batch":
            self.append(nn.BatchNorm2d(out_channels))
        elif norm == "group":
            self.append(nn.GroupNorm(math.gcd(_MOST_GROUPS, out_channels), out_channels))


class Averaged(nn.Module):
    """Layers over a grid, then the mean over all places."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, grid: Tensor) -> Tensor:
        """(B, C, H, W) float -> (B, F) float32."""
        # `to`, not `contiguous`, which leaves a grid of one channel as it is: see ConvTower
        hidden: Tensor = self.layers(grid.to(memory_format=torch.channels_last))
        return hidden.float().mean(dim=(2, 3))


class _Thinned(nn.Conv2d):
    """A 1x1 convolution that strides: of the pixels that it looks at, and no others.

    torch 2.13 writes beyond its memory in the backward pass of such a convolution on a processor,
    where channels stand last and are few.
    """

    def forward(self, features: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, ceil(H / stride), ceil(W / stride))."""
        down, across = self.stride
        kept = features[:, :, ::down, ::across]
        return functional.conv2d(kept, self.weight, self.bias)


class ZeroPadded(nn.Module):
    """Every `stride`-th pixel, with zeros for channels that the input does not have."""

    def __init__(self, added: int, *, stride: int) -> None:
        super().__init__()
        self.added, self.stride = added, stride

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C + added, ceil(H / stride), ceil(W / stride)), float."""
        kept = features[:, :, :: self.stride, :: self.stride]
        return functional.pad(kept, (0, 0, 0, 0, 0, self.added))


def stem(in_channels: int, channels: int, *, large: bool, norm: Norm) -> nn.Sequential:
    """What comes before the blocks: table 1 of the paper where `large`, else section 4.2."""
    if not large:
        return nn.Sequential(ConvNorm(in_channels, channels, kernel_size=3, norm=norm), nn.ReLU())
    first = ConvNorm(in_channels, channels, kernel_size=7, stride=2, norm=norm)
    return nn.Sequential(first, nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1))


def shortcut(in_channels: int, out_channels: int, stride: int, style: Style) -> nn.Module:
    """The way past a block's branch."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    if style.shortcut == "padding" and out_channels >= in_channels:
        return ZeroPadded(out_channels - in_channels, stride=stride)
    if style.shortcut == "pool" and stride > 1:
        # an odd last row or column is averaged with what there is of it
        pool = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False)
        return nn.Sequential(
            pool, ConvNorm(in_channels, out_channels, kernel_size=1, norm=style.norm)
        )
    return ConvNorm(in_channels, out_channels, kernel_size=1, stride=stride, norm=style.norm)


def _joined(branch: Tensor, past: Tensor, scale: float) -> Tensor:
    scaled = branch if scale == 1.0 else branch * scale
    return functional.relu(scaled + past, inplace=True)
