"""A network whose features are directions, so that two rows are as alike as the angle says.

    Embedder(backbone=Resnet(blocks=[1, 1, 1, 1], channels=[16, 32, 64, 128]), width=64)

The features of a network for pictures, mapped to `width` numbers, normalised over the batch, so
that what all rows have in common is no part of an angle (Deng, Guo, Xue, Zafeiriou 2019,
arXiv:1801.07698, end their networks so), and scaled to length 1. Asked for an embedding beside
classes, as the task `verify` does, it gives the cosine between the embedding and a learned
direction of each class, which the task's loss takes a margin off. Asked for classes alone, as by
classification, it gives these cosines times `scale` as their logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self, cast

from pydantic import Field, model_validator

from sonde.contracts.model import Blueprint
from sonde.core.code import CODE, code_port
from sonde.core.errors import UsageError
from sonde.core.port import PortKind, Ports
from sonde.nets.models._options import Dropout, Width
from sonde.nets.models._pictures import PictureBlueprint

if TYPE_CHECKING:
    from torch import nn

    from sonde.nets.encoders._base import Encoder


class Embedder(Blueprint):
    """A convnet, resnet or dense network that ends in a direction of `width` numbers."""

    reads: ClassVar[tuple[PortKind, ...]] = PictureBlueprint.reads

    backbone: Blueprint = Field(default={"kind": "resnet"}, validate_default=True)
    """What reads the pictures: convnet, resnet or dense, with all their options."""
    width: Width = 64
    """Numbers of the embedding, where the task leaves their count open."""
    dropout: Dropout = 0.0
    """Probability, while training, that a feature of the backbone is left out."""
    mirrored: bool = False
    """Whether, outside training, it looks at the mirror image of each picture too and takes the
    mean; train with the augmentation `flip`, so that it knows both."""
    scale: float = Field(16.0, gt=0)
    """What cosines are multiplied with to be logits, where classes alone are asked for; a task that
    asks for the embedding too has a scale of its own."""

    @classmethod
    def examples(cls) -> list[Self]:
        """A plain backbone and a residual one."""
        plain = {"kind": "convnet", "stages": [4, 6], "dense": [8], "padding": "same"}
        residual = {"kind": "resnet", "blocks": [1, 1], "channels": [4, 6], "share": True}
        return [
            cls(backbone=plain, width=5, mirrored=True),
            cls(backbone=residual, width=4, dropout=0.2),
        ]

    @model_validator(mode="after")
    def _reads_pictures(self) -> Self:
        if not set(self.reads) <= set(getattr(self.backbone, "reads", ())):
            raise ValueError(
                f"got backbone {self.backbone.kind!r}, expected one that reads pictures and ends "
                "in features: convnet, resnet or dense"
            )
        return self

    def describe(self) -> str:
        """`embedder 64, resnet-20 16-32-64`."""
        return f"embedder {self.width}, {self.backbone.describe()}"

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """The backbone's features, the embedding, a head for each output.

        Raises:
            UsageError: no input is a picture; an output is neither an embedding nor a class.
        """
        from torch import nn

        from sonde.nets.assemble import Assembled, start_neutral
        from sonde.nets.blocks.directions import Cosines, Direction
        from sonde.nets.encoders.grid import Grid
        from sonde.nets.encoders.mirrored import Mirrored

        width = self._width(outputs)
        inner = self.backbone.build(inputs, {CODE: code_port(None)})
        if not isinstance(inner, Assembled):
            raise UsageError(
                f"backbone {self.backbone.kind!r} gives no features that could be embedded. Take "
                "convnet, resnet or dense."
            )
        last = nn.Linear(inner.features, width, bias=False)  # the norm takes any bias away
        norm = nn.BatchNorm1d(width, affine=False)
        body = nn.Sequential(inner.body, nn.Dropout(self.dropout), last, norm)
        encoders = [cast("Encoder", encoder) for encoder in inner.encoders]
        if self.mirrored:
            grids = [name for name, port in inputs.items() if port.kind == "grid"]
            encoders = [Mirrored(e, grids) if isinstance(e, Grid) else e for e in encoders]
        start_neutral(encoders, body, [])
        scale = self.scale if all(p.kind == "category" for p in outputs.values()) else 1.0
        heads = {
            name: Cosines(width, port.classes, scale=scale) if port.kind == "category"
            else Direction()
            for name, port in outputs.items()
        }  # fmt: skip
        return Assembled(encoders, body, heads, flat=frozenset(), features=width)

    def _width(self, outputs: Ports) -> int:
        """How many numbers the embedding has: as the outputs say, else as the blueprint does."""
        widths = set()
        for name, port in outputs.items():
            if port.kind not in ("category", "vector"):
                raise UsageError(
                    f"output {name!r} is a {port.kind}; an embedder gives an embedding and "
                    "classes. Take model: resnet or convnet, or the task verify."
                )
            if port.kind == "vector" and port.shape[0] is not None:
                widths.add(port.shape[0])
        if len(widths) > 1:
            raise UsageError(
                f"an embedder gives one embedding, and outputs of {sorted(widths)} numbers are "
                "asked for. Take model: resnet or convnet."
            )
        return widths.pop() if widths else self.width
