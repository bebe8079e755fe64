"""A hidden layer of cosine similarities.

Luo, Zhan, Wang, Yang, "Cosine Normalization", 2017, arXiv:1702.05870, eq. 4: a unit answers with
the cosine between its input and its weights, so that no input is too large for it. We multiply by
`scale`, without which the heads would see little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from sonde.contracts.model import Blueprint
from sonde.core.port import PortKind, Ports

if TYPE_CHECKING:
    from torch import nn


class CosineNet(Blueprint):
    """One hidden layer of `width` cosines."""

    reads: ClassVar[tuple[PortKind, ...]] = ("scalar", "category", "vector")

    width: int = Field(32, ge=1, le=65_536)
    scale: float = Field(4.0, gt=0)

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """Encoders, the cosines, a linear head for each output."""
        from sonde.nets.assemble import assemble
        from sonde.nets.encoders import category, scalar, vector
        from sonde_outsider._cosines import Cosines

        return assemble(
            inputs,
            outputs,
            encoders={
                "scalar": scalar.Scalar,
                "category": category.OneHot,
                "vector": vector.Vector,
            },
            body=lambda features: (Cosines(features, self.width, scale=self.scale), self.width),
        )

    def describe(self) -> str:
        """Such as 'cosine-net 32'."""
        return f"{self.kind} {self.width}"
