"""The network of a deep belief net: sigmoid layers that Boltzmann machines can pre-train.

Hinton, Osindero, Teh, "A fast learning algorithm for deep belief nets", 2006; Hinton,
Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006. Pictures and
categories are binary units, numbers Gaussian ones. It is an ordinary network as well: with
paradigm supervised it learns from nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field

from sonde.contracts.model import Blueprint
from sonde.core.port import PortKind, Ports
from sonde.nets.models._options import MOST_LAYERS, Width, in_words

if TYPE_CHECKING:
    from torch import nn


class BeliefNet(Blueprint):
    """Hidden layers of logistic units, first to last; then a linear layer."""

    reads: ClassVar[tuple[PortKind, ...]] = ("scalar", "category", "vector", "grid")

    hidden: Annotated[tuple[Width, ...], Field(min_length=1, max_length=MOST_LAYERS)] = (
        500,
        500,
        2000,
    )

    @classmethod
    def examples(cls) -> list[Self]:
        """One layer, and two."""
        return [cls(hidden=(8,)), cls(hidden=(8, 6))]

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """Every value is a visible unit of the first layer."""
        from sonde.nets.assemble import assemble
        from sonde.nets.blocks.belief import BeliefStack
        from sonde.nets.encoders import category, grid, scalar, vector
        from sonde.nets.visible import belief_stack, gaussian_units

        def body(width: int) -> tuple[nn.Module, int]:
            return BeliefStack(width, self.hidden), self.hidden[-1]

        network = assemble(
            inputs,
            outputs,
            encoders={
                "scalar": scalar.Scalar,
                "category": category.OneHot,
                "vector": vector.Vector,
                "grid": grid.Grid,
            },
            body=body,
        )
        belief_stack(network).layers[0].gaussian.copy_(gaussian_units(inputs))
        return network

    def describe(self) -> str:
        """`belief net 500-500-2000`."""
        return f"belief net {in_words(self.hidden)}"
