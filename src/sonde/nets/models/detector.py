"""A detector: what is in a picture and where, answered by every cell of a feature pyramid.

    Detector()                                      a ResNet of four stages, levels of 64 channels
    Detector(backbone=Resnet(blocks=[2, 2, 2, 2], channels=[32, 64, 128, 256], stem="imagenet"))

Lin et al., "Feature Pyramid Networks", 2017, arXiv:1612.03144, under the head of Tian, Shen, Chen,
He, "FCOS", 2019, arXiv:1904.01355, without its branch for centerness. Which levels there are, the
task says by its outputs, a grid for each; a level is read from the stage of the backbone that has
its size, and levels beyond the last stage are made by strided convolutions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sonde.contracts.model import Blueprint
from sonde.core.cells import PLACE
from sonde.core.errors import UsageError, listed
from sonde.core.port import Port, PortKind, Ports
from sonde.nets.models._options import Width
from sonde.nets.models._pictures import PictureBlueprint, Staged

if TYPE_CHECKING:
    from torch import nn

_BACKBONE = {
    "kind": "resnet",
    "blocks": [1, 1, 1, 1],
    "channels": [32, 64, 128, 256],
    "stem": "imagenet",
}


class Detector(Blueprint):
    """A backbone of stages, a feature pyramid, and for each level of it a head."""

    reads: ClassVar[tuple[PortKind, ...]] = ("grid",)

    backbone: Blueprint = Field(default=_BACKBONE, validate_default=True)
    """What reads the picture: convnet or resnet, with all their options but dense layers."""
    width: Width = 64
    """Channels of each level of the pyramid."""
    layers: int = Field(2, ge=0, le=16)
    """3x3 convolutions over each level before it says what is there, and as many before where."""
    norm: Literal["batch", "group", "none"] = "batch"
    """After the convolutions of pyramid and heads."""

    @classmethod
    def examples(cls) -> list[Self]:
        """A residual backbone and a plain one."""
        residual = {"kind": "resnet", "blocks": [1, 1, 1], "channels": [4, 6, 8]}
        plain = {"kind": "convnet", "stages": [4, 6, 8], "padding": "same"}
        return [
            cls(backbone=residual, width=8, layers=1),
            cls(backbone=plain, width=6, layers=0, norm="group"),
        ]

    @model_validator(mode="after")
    def _has_stages(self) -> Self:
        if not isinstance(self.backbone, PictureBlueprint):
            raise ValueError(
                f"got backbone {self.backbone.kind!r}, expected one that reads a picture in "
                "stages: resnet or convnet"
            )
        return self

    def describe(self) -> str:
        """`detector 64 wide, resnet-10 32-64-128-256`."""
        return f"detector {self.width} wide, {self.backbone.describe()}"

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """The network whose outputs are (B, K + 4, H, W): K logits, then numbers for the place.

        Raises:
            UsageError: the input is not one picture, an output is no level, or the backbone has no
                stage for one.
        """
        from sonde.nets.blocks.detect import Answering, DetectionNetwork
        from sonde.nets.blocks.pyramid import Pyramid

        picture = _only_picture(inputs)
        assert isinstance(self.backbone, PictureBlueprint)
        staged = self.backbone.in_stages(inputs).towers[0]
        sizes = {name: _size_of(name, port) for name, port in outputs.items()}
        taken, coarser = self._levels(staged, list(sizes.values()))
        pyramid = Pyramid(
            [staged.shapes[at][0] for at in taken], self.width, coarser=coarser, norm=self.norm
        )
        heads = {
            name: Answering(self.width, classes - PLACE, layers=self.layers, norm=self.norm)
            for name, (classes, _, _) in sizes.items()
        }
        return DetectionNetwork(picture, staged.stages[: taken[-1] + 1], taken, pyramid, heads)

    def _levels(self, staged: Staged, sizes: list[tuple[int, int, int]]) -> tuple[list[int], int]:
        """The stages that the pyramid reads, and how many coarser levels it adds.

        Raises:
            UsageError: there is no stage for a level, or levels are not the finest first.
        """
        reached = [shape[1:] for shape in staged.shapes]
        last = {shape: at for at, shape in enumerate(reached)}  # the deepest of those of one size
        taken, coarser = [], 0
        for _, height, width in sizes:
            if not coarser and (height, width) in last:
                taken.append(last[height, width])
                continue
            above = sizes[len(taken) + coarser - 1][1:] if taken else (0, 0)
            if (height, width) != (-(-above[0] // 2), -(-above[1] // 2)):
                raise UsageError(
                    f"a level of {height} x {width} cells is to be answered, and the stages of "
                    f"{self.backbone.describe()} give {listed(_shown(s) for s in reached)}. "
                    "Change the task's strides, or the backbone's stages or its stem."
                )
            coarser += 1
        if taken != sorted(set(taken)):
            raise UsageError("the levels of a detector come the finest first, each once")
        return taken, coarser


def _shown(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))


def _only_picture(inputs: Ports) -> str:
    """The name of the one input.

    Raises:
        UsageError: there are others, or it is no picture.
    """
    if len(inputs) != 1 or next(iter(inputs.values())).kind != "grid":
        given = listed(f"{name} ({port.kind})" for name, port in inputs.items())
        raise UsageError(
            f"detector reads one picture and nothing else, got: {given or 'nothing'}. Leave the "
            "other columns out of the recipe's columns."
        )
    return next(iter(inputs))


def _size_of(name: str, port: Port) -> tuple[int, int, int]:
    """Channels, height and width of a level.

    Raises:
        UsageError: the output is none.
    """
    match port:
        case Port(kind="grid", shape=(int(channels), int(height), int(width))):
            if channels > PLACE and port.size is None:
                return channels, height, width
    raise UsageError(
        f"output {name!r} is {port.in_words()}; a detector gives levels of cells, grids without "
        "classes of their own. Take task: detect, or another model."
    )
