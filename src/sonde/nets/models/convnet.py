"""Convolutions over pictures, then dense layers: the plain network for pictures.

    Convnet(stages=[32, 64, 64], dense=[64])

is the small network of many textbooks: three valid 3x3 convolutions of 32, 64 and 64 channels with
ReLU, 2x2 maximum pooling after the first two, a dense layer of 64 with ReLU. On pictures of 28x28
in grey and ten classes it has 93,322 weights. Columns of other kinds join after the convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from sonde.core.errors import UsageError
from sonde.core.spec import Spec
from sonde.nets.models._options import MOST_LAYERS, Width, Widths, in_words
from sonde.nets.models._pictures import PictureBlueprint, Staged

if TYPE_CHECKING:
    from torch import nn

    from sonde.nets.blocks.conv import ConvLayer


class Stage(Spec):
    """Convolutions at one size of the picture, and the pooling that ends it."""

    channels: Width
    layers: int = Field(1, ge=1, le=MOST_LAYERS)
    pool: int | None = Field(None, ge=1, le=64)
    """Side of the pooled square, in pixels; 1 pools nothing; None is 2, in the last stage 1."""


def _form(value: Any) -> Literal["channels", "stage"]:
    return "stage" if isinstance(value, Mapping | Stage) else "channels"


_StageOrChannels = Annotated[
    Annotated[Width, Tag("channels")] | Annotated[Stage, Tag("stage")], Discriminator(_form)
]


class Convnet(PictureBlueprint):
    """Stages of convolutions with ReLU, each ended by pooling, then dense layers with ReLU."""

    stages: tuple[_StageOrChannels, ...] = Field((32, 64, 64), max_length=MOST_LAYERS)
    """A number of channels, or a mapping with channels, layers and pool, for each stage."""
    dense: Widths = (64,)
    kernel_size: int = Field(3, ge=1, le=63)
    """Side of every kernel, in pixels."""
    padding: Literal["valid", "same"] = "valid"
    """valid: a convolution makes the picture smaller by kernel_size - 1; same: it does not."""
    norm: Literal["batch"] | None = None

    @classmethod
    def examples(cls) -> list[Self]:
        """Both paddings, with and without norm, dropout, dense layers and deep stages."""
        return [
            cls(stages=(4, Stage(channels=6, layers=2, pool=1)), dense=(8,)),
            cls(stages=(4,), dense=(), padding="same", norm="batch", dropout=0.5),
        ]

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        if not self.stages:
            raise ValueError("got no stages, expected at least one, such as stages: [32, 64]")
        layers = sum(stage.layers for stage in self._resolved())
        if layers > MOST_LAYERS:
            raise ValueError(f"got {layers} convolutions, expected at most {MOST_LAYERS}")
        if self.padding == "same" and self.kernel_size % 2 == 0:
            raise ValueError(
                f"got kernel_size {self.kernel_size} with padding same, expected an odd one: an "
                f"even kernel has no middle. Use {self.kernel_size + 1}, or padding: valid"
            )
        return self

    def describe(self) -> str:
        """`convnet 32-64-64 dense 64`; `2x32` is a stage of two convolutions."""
        stages = "-".join(
            f"{stage.layers}x{stage.channels}" if stage.layers > 1 else str(stage.channels)
            for stage in self._resolved()
        )
        return f"convnet {stages}" + (f" dense {in_words(self.dense)}" if self.dense else "")

    def _resolved(self) -> list[Stage]:
        """Every stage in full, its pooling decided."""
        full = [Stage(channels=s) if isinstance(s, int) else s for s in self.stages]
        pools = [2] * (len(full) - 1) + [1]
        return [
            stage.model_copy(update={"pool": stage.pool or pool})
            for stage, pool in zip(full, pools, strict=True)
        ]

    def _tower(self, name: str, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
        """The convolutions over (C, H, W), and how many features they end in."""
        from sonde.nets.blocks.conv import ConvTower

        stages = self._layers(name, shape)
        tower = ConvTower(
            shape[0],
            [layer for layers, _ in stages for layer in layers],
            kernel_size=self.kernel_size,
            padding=self.padding,
            batch_norm=self.norm == "batch",
        )
        return tower, math.prod(stages[-1][1])

    def staged(self, name: str, shape: tuple[int, int, int]) -> Staged:
        """The convolutions of each stage; every value of the last is a feature."""
        from torch import nn

        from sonde.nets.blocks.conv import convolutions

        made = self._layers(name, shape)
        shapes = [after for _, after in made]
        stages: list[nn.Module] = [
            convolutions(
                before[0],
                layers,
                kernel_size=self.kernel_size,
                padding=self.padding,
                batch_norm=self.norm == "batch",
            )
            for before, (layers, _) in zip([shape, *shapes], made, strict=False)
        ]
        return Staged(stages, shapes, nn.Flatten(), math.prod(shapes[-1]))

    def _layers(
        self, name: str, shape: tuple[int, int, int]
    ) -> list[tuple[list[ConvLayer], tuple[int, int, int]]]:
        """Each stage's convolutions, and (C, H, W) of what they give.

        Raises:
            UsageError: nothing is left of the picture.
        """
        from sonde.nets.blocks.conv import ConvLayer

        stages = []
        height, width = shape[1:]
        for number, stage in enumerate(self._resolved(), start=1):
            pool = stage.pool or 1
            pools = [1] * (stage.layers - 1) + [pool]
            added = [ConvLayer(stage.channels, side) for side in pools]
            height, width = self._after(height, added), self._after(width, added)
            if min(height, width) < 1:
                raise UsageError(self._too_small(name, shape, number, (height, width)))
            stages.append((added, (stage.channels, height, width)))
        return stages

    def _after(self, size: int, layers: list[ConvLayer]) -> int:
        """The side of a picture after these layers, in pixels."""
        shrink = self.kernel_size - 1 if self.padding == "valid" else 0
        for layer in layers:
            size = (size - shrink) // layer.pool
        return size

    def _too_small(
        self, name: str, shape: tuple[int, int, int], stage: int, left: tuple[int, int]
    ) -> str:
        height, width = (max(0, side) for side in left)
        way_out = "" if self.padding == "same" else "padding: same, "
        return (
            f"column {name!r}: pictures of {shape[1]}x{shape[2]} pixels are too small for this "
            f"convnet: stage {stage} of {len(self.stages)} would leave {height}x{width}. "
            f"Use {way_out}fewer stages, or larger pictures."
        )
