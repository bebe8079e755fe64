"""A critic: says of pictures, and of what they are said to show, how real they look.

Strided convolutions with leaky ReLU, then one linear layer. Spectral normalisation keeps its
scores from rising steeply (Miyato, Kataoka, Koyama, Yoshida 2018, arXiv:1802.05957); a class is
told by projection (Miyato, Koyama 2018, arXiv:1802.05637), or as further planes of the picture
(Mirza, Osindero, "Conditional Generative Adversarial Nets", 2014, arXiv:1411.1784).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError, listed
from sonde.core.port import RESERVED, PortKind, Ports
from sonde.nets.models._options import Widths, in_words
from sonde.nets.models.dcgan import check_stages

if TYPE_CHECKING:
    from torch import nn


class Critic(Blueprint):
    """Convolutions of stride 2 over each picture, then a linear layer that hears the class."""

    reads: ClassVar[tuple[PortKind, ...]] = ("grid", "category")

    channels: Widths = (64, 128)
    """Of the stages from the picture inwards; each halves its side."""
    kernel_size: int = Field(5, ge=3, le=31)
    """Side of every kernel, in pixels, odd."""
    spectral: bool = True
    """Whether every layer's largest singular value is kept at 1. With  loss: wasserstein  the
    penalty does that work: say false there."""
    told: Literal["projection", "planes"] = "projection"
    """How a class is heard: as a vector that the features are multiplied with, or as planes of
    ones and zeros beside those of the picture."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Both ways to be told, with and without normalisation."""
        return [
            cls(channels=(4, 6)),
            cls(channels=(4,), kernel_size=3, spectral=False, told="planes"),
        ]

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        check_stages(self.channels, self.kernel_size)
        return self

    def describe(self) -> str:
        """`critic 64-128, spectral`."""
        return f"critic {in_words(self.channels)}" + (", spectral" if self.spectral else "")

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """The network for these ports.

        Raises:
            UsageError: there is no picture, or something else than pictures and categories.
        """
        from sonde.nets.assemble import width_of
        from sonde.nets.blocks import dcgan
        from sonde.nets.encoders.category import OneHot
        from sonde.nets.encoders.grid import _fixed

        for name, port in inputs.items():
            if port.kind not in self.reads:
                raise UsageError(
                    f"column {name!r} is a {port.kind}; model critic reads {listed(self.reads)}. "
                    "Leave the column out, or use model: convnet."
                )
        grids = {name: port for name, port in inputs.items() if port.kind == "grid"}
        if not grids:
            raise UsageError(
                f"critic needs a picture, and no input column is one: {listed(inputs)}. "
                "Use model: dense, or declare a column as image."
            )
        classes = {name: port for name, port in inputs.items() if port.kind == "category"}
        planes = OneHot(classes) if classes and self.told == "planes" else None
        more = planes.width if planes else 0
        towers = {}
        for name, port in grids.items():
            channels, *side = _fixed(name, port.shape)
            towers[name] = dcgan.Tower(
                (channels + more, side[0], side[1]),
                self.channels,
                kernel_size=self.kernel_size,
                spectral=self.spectral,
            )
        width = sum(tower.width for tower in towers.values())
        places = {} if planes else {n: port.classes + RESERVED for n, port in classes.items()}
        heads = {
            name: dcgan.Projected(width, width_of(name, port), places, spectral=self.spectral)
            for name, port in outputs.items()
        }
        flat = frozenset(name for name, port in outputs.items() if port.kind == "scalar")
        return dcgan.Critic(towers, planes, heads, flat=flat)
