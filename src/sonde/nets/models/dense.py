"""Dense layers over everything: the plain network for tables, and what makes it a strong one.

Categories come in as learned vectors, as in Guo, Berkhahn, "Entity embeddings of categorical
variables", 2016, arXiv:1604.06737; pictures as one feature a value.

    Dense(hidden=[256, 256, 256], numbers="piecewise", members=16)

is TabM with piecewise linear embeddings (Gorishniy, Kotelnikov, Babenko 2024, arXiv:2410.24210),
which on tables is about the best that deep networks do.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sonde.contracts.model import Blueprint
from sonde.core.port import PortKind, Ports
from sonde.nets.models._options import Dropout, Width, Widths, in_words

if TYPE_CHECKING:
    from torch import nn

    from sonde.nets.assemble import EncoderFactory


class Dense(Blueprint):
    """Hidden layers, first to last, each with an activation; then a linear layer."""

    reads: ClassVar[tuple[PortKind, ...]] = ("scalar", "category", "vector", "grid")

    hidden: Widths = (256, 256)
    dropout: Dropout = 0.0
    """Probability that a hidden feature is left out while training."""
    activation: Literal["relu", "gelu", "silu"] = "relu"
    norm: Literal["batch", "layer"] | None = None
    """Normalisation before each activation."""
    residual: bool = False
    """Whether each hidden layer is a block of two, beside the identity; all are equally wide."""
    categories: Literal["vectors", "indicators"] = "vectors"
    """A category as a learned vector, or as an indicator for each class: where rows are few."""
    embedding: Width | None = None
    """Width of a category's vector; None lets it grow with the number of classes."""
    numbers: Literal["plain", "piecewise", "periodic"] = "plain"
    """A number as it is, or as a vector: along pieces between quantiles, or by learned waves."""
    number_embedding: Width = 16
    """Width of a number's vector, where it is one."""
    frequency: float = Field(0.1, gt=0)
    """Of periodic numbers: deviation of the waves' frequencies at the start, in periods per
    standard deviation of the number."""
    members: int = Field(1, ge=1, le=1024)
    """Networks that share their weights but for rank-1 adapters, learn side by side, and answer
    with their mean."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Each activation, norm, form and embedding once, and none."""
        return [
            cls(hidden=(8, 8)),
            cls(hidden=(8,), dropout=0.5, activation="gelu", norm="batch"),
            cls(hidden=(8,), activation="silu", norm="layer", embedding=3),
            cls(hidden=()),
            cls(hidden=(8, 8), residual=True, norm="batch", numbers="periodic"),
            cls(hidden=(8, 8), numbers="piecewise", members=3, categories="indicators"),
        ]

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        if self.residual and len(set(self.hidden)) != 1:
            raise ValueError(
                f"got hidden {list(self.hidden)} with residual, expected equal widths, since each "
                "block adds to what it was given. Write such as hidden: [256, 256]"
            )
        if self.members > 1 and self.norm == "batch":
            raise ValueError(
                f"got norm: batch with {self.members} members, expected layer or none: members "
                "differ in scale, and one batch normalisation would take them together"
            )
        return self

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """All features join before the first hidden layer."""
        from torch import nn

        from sonde.nets.assemble import assemble
        from sonde.nets.blocks.ensemble import MemberLinear, Members
        from sonde.nets.encoders import grid, vector

        network = assemble(
            inputs,
            outputs,
            encoders={
                "scalar": self._scalars(),
                "category": self._classes(),
                "vector": vector.Vector,
                "grid": grid.Grid,
            },
            body=self._body,
            head=partial(MemberLinear, members=self.members) if self.members > 1 else nn.Linear,
        )
        return Members(network, outputs) if self.members > 1 else network

    def describe(self) -> str:
        """`dense 2x256`, `dense 256-128`, `dense 3x256 residual, piecewise numbers, 16 members`."""
        said = [f"dense {in_words(self.hidden)}" if self.hidden else "dense without hidden layers"]
        said[0] += " residual" if self.residual else ""
        if self.numbers != "plain":
            said.append(f"{self.numbers} numbers")
        if self.members > 1:
            said.append(f"{self.members} members")
        return ", ".join(said)

    def _scalars(self) -> EncoderFactory:
        from sonde.nets.encoders.scalar import Scalar, ScalarEmbedding

        if self.numbers == "plain":
            return Scalar
        return partial(
            ScalarEmbedding,
            width=self.number_embedding,
            kind=self.numbers,
            frequency=self.frequency,
        )

    def _classes(self) -> EncoderFactory:
        from sonde.nets.encoders.category import Embedding, OneHot

        if self.categories == "indicators":
            return OneHot
        return partial(Embedding, width=self.embedding)

    def _body(self, width: int) -> tuple[nn.Module, int]:
        from sonde.nets.blocks.dense import DenseStack, ResidualStack

        layers = ResidualStack if self.residual else DenseStack
        stack = layers(
            width,
            self.hidden,
            activation=self.activation,
            norm=self.norm,
            dropout=self.dropout,
            members=self.members,
        )
        return stack, stack.out_features
