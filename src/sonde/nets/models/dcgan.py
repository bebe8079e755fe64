"""A generator of pictures: noise in, and whatever it is told; a picture out.

    Dcgan(channels=[64, 128])

for pictures of 28x28 begins with 128 channels of 7x7 and doubles their side twice by transposed
convolutions, to 64 channels of 14x14 and then to the picture itself. Any side will do: stages are
rounded up, and the way back gives the very size. Radford, Metz, Chintala 2016, arXiv:1511.06434.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError, listed
from sonde.core.port import PortKind, Ports
from sonde.nets.models._options import Widths, in_words

if TYPE_CHECKING:
    from torch import nn


class Dcgan(Blueprint):
    """Transposed convolutions from noise, and the class if there is one, to a picture."""

    reads: ClassVar[tuple[PortKind, ...]] = ("vector", "category")

    channels: Widths = (64, 128)
    """Of the stages from the picture inwards; each halves its side."""
    kernel_size: int = Field(5, ge=3, le=31)
    """Side of every kernel, in pixels, odd."""
    norm: Literal["batch"] | None = "batch"
    """Between the stages."""

    @classmethod
    def examples(cls) -> list[Self]:
        """None: it gives pictures alone, and contract tests ask for other outputs."""
        return []

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        check_stages(self.channels, self.kernel_size)
        return self

    def describe(self) -> str:
        """`dcgan 64-128`."""
        return f"dcgan {in_words(self.channels)}"

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """The network for these ports.

        Raises:
            UsageError: it is not asked for one picture, or is to read something else than vectors
                and categories.
        """
        from sonde.nets.blocks.dcgan import Drawer, Reads
        from sonde.nets.encoders.category import OneHot
        from sonde.nets.encoders.grid import _fixed

        if [port.kind for port in outputs.values()] != ["grid"]:
            asked = listed(f"{name} ({port.kind})" for name, port in outputs.items())
            raise UsageError(
                f"model dcgan draws one picture and nothing else, but {asked} was asked for. Use "
                "task: generate, or another model."
            )
        lengths = {}
        for name, port in inputs.items():
            if port.kind not in self.reads or (port.kind == "vector" and port.shape[0] is None):
                raise UsageError(
                    f"column {name!r} is a {port.kind}; model dcgan reads vectors of fixed length, "
                    "such as noise, and categories. Leave the column out."
                )
            if port.kind == "vector" and port.shape[0] is not None:
                lengths[name] = port.shape[0]
        classes = {name: port for name, port in inputs.items() if port.kind == "category"}
        ((picture, port),) = outputs.items()
        return Drawer(
            Reads(lengths, OneHot(classes) if classes else None),
            picture,
            _fixed(picture, port.shape),
            self.channels,
            kernel_size=self.kernel_size,
            batch_norm=self.norm == "batch",
        )


def check_stages(channels: tuple[int, ...], kernel_size: int) -> None:
    """Refuse what no strided stages can be made of.

    Raises:
        ValueError: there is no stage, or the kernel has no middle.
    """
    if not channels:
        raise ValueError("got no channels, expected at least one stage, such as [64, 128]")
    if kernel_size % 2 == 0:
        raise ValueError(
            f"got kernel_size {kernel_size}, expected an odd one, so that a picture of any size "
            f"comes out as large as it is. Use {kernel_size + 1}"
        )
