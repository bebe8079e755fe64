"""Dense layers over everything: the plain network for tables.

Categories come in as learned vectors, as in Guo, Berkhahn, "Entity embeddings of categorical
variables", 2016, arXiv:1604.06737; pictures as one feature a value.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from sonde.contracts.model import Blueprint
from sonde.core.port import PortKind, Ports
from sonde.nets.models._options import Dropout, Width, Widths, in_words

if TYPE_CHECKING:
    from torch import nn


class Dense(Blueprint):
    """Hidden layers, first to last, each with an activation; then a linear layer."""

    reads: ClassVar[tuple[PortKind, ...]] = ("scalar", "category", "vector", "grid")

    hidden: Widths = (256, 256)
    dropout: Dropout = 0.0
    """Probability that a hidden feature is left out while training."""
    activation: Literal["relu", "gelu", "silu"] = "relu"
    norm: Literal["batch", "layer"] | None = None
    """Normalisation before each activation."""
    embedding: Width | None = None
    """Width of a category's vector; None lets it grow with the number of classes."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Each activation and norm once, and none."""
        return [
            cls(hidden=(8, 8)),
            cls(hidden=(8,), dropout=0.5, activation="gelu", norm="batch"),
            cls(hidden=(8,), activation="silu", norm="layer", embedding=3),
            cls(hidden=()),
        ]

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """All features join before the first hidden layer."""
        from sonde.nets.assemble import assemble
        from sonde.nets.encoders import category, grid, scalar, vector

        return assemble(
            inputs,
            outputs,
            encoders={
                "scalar": scalar.Scalar,
                "category": partial(category.Embedding, width=self.embedding),
                "vector": vector.Vector,
                "grid": grid.Grid,
            },
            body=self._body,
        )

    def describe(self) -> str:
        """`dense 2x256`, `dense 256-128`."""
        return f"dense {in_words(self.hidden)}" if self.hidden else "dense without hidden layers"

    def _body(self, width: int) -> tuple[nn.Module, int]:
        from sonde.nets.blocks.dense import DenseStack

        stack = DenseStack(
            width,
            self.hidden,
            activation=self.activation,
            norm=self.norm,
            dropout=self.dropout,
        )
        return stack, stack.out_features
