"""One linear layer: linear regression, logistic regression, softmax regression.

Categories come in as indicators, pictures as one feature a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sonde.contracts.model import Blueprint
from sonde.core.port import PortKind, Ports

if TYPE_CHECKING:
    from torch import nn


class Linear(Blueprint):
    """A weight for each feature and a bias, for each output."""

    reads: ClassVar[tuple[PortKind, ...]] = ("scalar", "category", "vector", "grid")

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """Nothing stands between the features and the heads."""
        from torch import nn

        from sonde.nets.assemble import assemble
        from sonde.nets.encoders import category, grid, scalar, vector

        return assemble(
            inputs,
            outputs,
            encoders={
                "scalar": scalar.Scalar,
                "category": category.OneHot,
                "vector": vector.Vector,
                "grid": grid.Grid,
            },
            body=lambda width: (nn.Identity(), width),
        )
