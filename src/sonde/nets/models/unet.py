"""U-Net: a network that answers with a picture as large as the one it is given.

    Unet(channels=[64, 128, 256, 512, 1024], norm="none")     the network of the paper, 31 million
    Unet(channels=[16, 32, 64, 128])                          a small one for two processor cores

Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015,
arXiv:1505.04597. It outlines (a class for each pixel) and restores (a value for each pixel).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import model_validator

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError, listed
from sonde.core.port import Port, PortKind, Ports
from sonde.nets.models._options import Dropout, Widths, in_words

if TYPE_CHECKING:
    from torch import nn


class Unet(Blueprint):
    """Stages down, each at half the size, and the same back up, joined side by side.

    Pictures of any height and width are answered, whatever size it was trained on.
    """

    reads: ClassVar[tuple[PortKind, ...]] = ("grid",)

    channels: Widths = (16, 32, 64, 128)
    """Of each stage; the picture is halved between two of them."""
    residual: bool = False
    """Whether each stage has a way past its two convolutions."""
    norm: Literal["batch", "group", "none"] = "batch"
    """group where few pictures make a batch."""
    stride: Literal[1, 2, 4] = 1
    """By what a picture is made smaller before the first stage, by one convolution; answers are
    interpolated back. 2 costs a quarter, and fine lines suffer."""
    dropout: Dropout = 0.0
    """Probability, while training, that a channel of the lowest stage is left out."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Plain and residual, each norm, smaller from the start."""
        return [
            cls(channels=(4, 6, 8)),
            cls(channels=(4, 6), residual=True, norm="group", stride=2, dropout=0.2),
            cls(channels=(4, 6), norm="none"),
        ]

    @model_validator(mode="after")
    def _has_two_sizes(self) -> Self:
        if len(self.channels) < 2:
            raise ValueError(
                f"got channels {list(self.channels)}, expected two stages or more, such as "
                "channels: [16, 32, 64]"
            )
        return self

    def describe(self) -> str:
        """`unet 16-32-64`, `residual unet 16-32-64 stride 2`."""
        kind = "residual unet" if self.residual else "unet"
        stride = f" stride {self.stride}" if self.stride > 1 else ""
        return f"{kind} {in_words(self.channels)}{stride}"

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """The network for these ports.

        Raises:
            UsageError: an input is no picture, pictures differ in size, or an output is none.
        """
        from torch import nn

        from sonde.nets.blocks.unet import Contraction, Expansion
        from sonde.nets.blocks.unet import Unet as Network

        size = self._size(inputs)
        widths = {name: self._width(name, port, size) for name, port in outputs.items()}
        down = Contraction(
            sum(int(port.shape[0] or 1) for port in inputs.values()),
            self.channels,
            stride=self.stride,
            residual=self.residual,
            norm=self.norm,
            dropout=self.dropout,
        )
        up = Expansion(self.channels, residual=self.residual, norm=self.norm)
        heads = {name: nn.Conv2d(self.channels[0], width, 1) for name, width in widths.items()}
        multiple = self.stride * 2 ** (len(self.channels) - 1)
        return Network(list(inputs), down, up, heads, multiple=multiple)

    def _size(self, inputs: Ports) -> tuple[int, int]:
        """The height and width that all inputs share.

        Raises:
            UsageError: they have none in common, or one is no picture.
        """
        from sonde.nets.encoders.grid import _fixed

        for name, port in inputs.items():
            if port.kind != "grid":
                raise UsageError(
                    f"column {name!r} is a {port.kind}; unet reads pictures alone, since its "
                    "answer is one. Leave the column out of the recipe's columns."
                )
        sizes = {name: _fixed(name, port.shape)[1:] for name, port in inputs.items()}
        if not sizes:
            raise UsageError("unet needs a picture, and no input column is one")
        if len(set(sizes.values())) > 1:
            shown = listed(f"{name} {high} x {wide}" for name, (high, wide) in sizes.items())
            raise UsageError(
                f"unet reads pictures of one size together, got {shown}. Give their columns the "
                "same size, such as size: [256, 256]."
            )
        return next(iter(sizes.values()))

    def _width(self, name: str, port: Port, size: tuple[int, int]) -> int:
        """How many values a pixel of this output has.

        Raises:
            UsageError: it is no picture, or one of another size.
        """
        if port.kind != "grid":
            raise UsageError(
                f"output {name!r} is a {port.kind}; unet answers with pictures. Take a task of "
                "pictures, such as segment, or another model, such as resnet."
            )
        channels, *own = port.shape
        if tuple(own) != size:
            raise UsageError(
                f"output {name!r} is {own[0]} x {own[1]} pixels and what goes in {size[0]} x "
                f"{size[1]}. Give both columns the same size."
            )
        return port.size or channels or 1
