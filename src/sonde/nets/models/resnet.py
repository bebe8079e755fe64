"""Residual networks over pictures: deep convolutions with a way past every block.

He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015, arXiv:1512.03385.

    Resnet(blocks=[3, 3, 3])                                       ResNet-20 of section 4.2
    Resnet(blocks=[2, 2, 2, 2], channels=[64, 128, 256, 512], stem="imagenet")       ResNet-18
    Resnet(blocks=[3, 4, 6, 3], channels=[64, 128, 256, 512], stem="imagenet",
           block="bottleneck")                                                       ResNet-50

`width` makes every stage wider: Zagoruyko, Komodakis, "Wide Residual Networks", 2016,
arXiv:1605.07146 (theirs put norm and ReLU before the convolutions). Columns of other kinds join
after the pictures' features have been averaged over all places.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from sonde.nets.models._options import MOST_LAYERS, Widths, in_words
from sonde.nets.models._pictures import PictureBlueprint, Staged

if TYPE_CHECKING:
    from torch import nn

_Blocks = Annotated[int, Field(ge=1, le=MOST_LAYERS // 3)]


class Resnet(PictureBlueprint):
    """A stem, stages of residual blocks, the mean over all places; each stage halves the size."""

    blocks: tuple[_Blocks, ...] = Field((3, 3, 3), min_length=1, max_length=16)
    """How many residual blocks each stage has."""
    channels: Widths = (16, 32, 64)
    """Channels of each stage; a bottleneck gives four times as many."""
    width: int = Field(1, ge=1, le=64)
    """By what all channels are multiplied."""
    block: Literal["basic", "bottleneck"] = "basic"
    stem: Literal["cifar", "imagenet"] = "cifar"
    """cifar: one 3x3 convolution; imagenet: 7x7 with stride 2, then 3x3 maximum pooling with
    stride 2, for pictures of 100 pixels a side and more."""
    norm: Literal["batch", "group", "none"] = "batch"
    shortcut: Literal["projection", "padding", "pool"] = "projection"
    """Past a block that changes the shape: a 1x1 convolution; every second pixel and zeros; or a
    1x1 convolution over averages of 2x2 pixels."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Each block, stem, norm and shortcut once."""
        return [
            cls(blocks=(1, 2), channels=(4, 8)),
            cls(
                blocks=(1, 1),
                channels=(4, 6),
                norm="group",
                shortcut="padding",
                dropout=0.5,
                categories="indicators",
            ),
            cls(blocks=(1,), channels=(4,), block="bottleneck", stem="imagenet", dense=(8,)),
            cls(blocks=(1, 1), channels=(2, 3), width=2, norm="none", shortcut="pool", share=True),
        ]

    @model_validator(mode="after")
    def _stages_agree(self) -> Self:
        if len(self.blocks) != len(self.channels):
            raise ValueError(
                f"got blocks for {len(self.blocks)} stages and channels for {len(self.channels)}, "
                "expected as many of both, such as blocks: [3, 3, 3], channels: [16, 32, 64]"
            )
        if sum(self.blocks) > MOST_LAYERS // 3:
            raise ValueError(
                f"got {sum(self.blocks)} blocks, expected at most {MOST_LAYERS // 3} in all"
            )
        return self

    def describe(self) -> str:
        """`resnet-20 16-32-64`, `resnet-50 bottleneck 64-128-256-512`: layers with weights."""
        deep = sum(self.blocks) * (2 if self.block == "basic" else 3) + 2
        kind = "" if self.block == "basic" else " bottleneck"
        return f"resnet-{deep}{kind} {in_words(self._widths)}"

    @property
    def _widths(self) -> tuple[int, ...]:
        return tuple(channels * self.width for channels in self.channels)

    def _tower(self, _: str, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
        """Stem and stages over (C, H, W), and how many features they end in."""
        from torch import nn

        from sonde.nets.blocks.residual import Averaged

        stages, reached = self._layers(shape[0])
        return Averaged(nn.Sequential(*(layer for stage in stages for layer in stage))), reached[-1]

    def staged(self, _: str, shape: tuple[int, int, int]) -> Staged:
        """The stem and the first blocks, then the blocks of each stage; the mean at the end."""
        from torch import nn

        from sonde.nets.blocks.residual import Averaged

        stages, reached = self._layers(shape[0])
        height, width = shape[1:]
        halved = 2 if self.stem == "imagenet" else 0  # by its convolution, and by its pooling
        shapes = []
        for number, channels in enumerate(reached):
            for _halving in range(halved if number == 0 else 1):
                height, width = -(-height // 2), -(-width // 2)
            shapes.append((channels, height, width))
        return Staged([*stages], shapes, Averaged(nn.Sequential()), reached[-1])

    def _layers(self, in_channels: int) -> tuple[list[nn.Sequential], list[int]]:
        """Each stage's layers, the stem's with the first; and how many channels each gives."""
        from torch import nn

        from sonde.nets.blocks import residual

        made = residual.BasicBlock if self.block == "basic" else residual.Bottleneck
        scale = 1 / math.sqrt(sum(self.blocks)) if self.norm == "none" else 1.0
        style = residual.Style(self.norm, self.shortcut, scale)
        first = self._widths[0]
        layers = residual.stem(in_channels, first, large=self.stem == "imagenet", norm=self.norm)
        stages, widths, reached = [], [], first
        for stage, (count, channels) in enumerate(zip(self.blocks, self._widths, strict=True)):
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                layers.append(made(reached, channels, stride=stride, style=style))
                reached = channels * made.expansion
            stages.append(layers)
            widths.append(reached)
            layers = nn.Sequential()
        return stages, widths
