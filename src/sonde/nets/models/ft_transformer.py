"""Every column a token, and attention among them: FT-Transformer.

Gorishniy, Rubachev, Khrulkov, Babenko, "Revisiting Deep Learning Models for Tabular Data", 2021,
arXiv:2106.11959, section 3.3. Numbers may also be read piecewise or by waves, as in `dense`; we
keep the first norm, which the paper leaves out, since our categories start from wider vectors.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sonde.contracts.model import Blueprint
from sonde.core.port import PortKind, Ports
from sonde.nets.models._options import MOST_LAYERS, Dropout, Width

if TYPE_CHECKING:
    from torch import nn


class FTTransformer(Blueprint):
    """Columns as tokens of one width, blocks of attention, and an answer from one token more."""

    reads: ClassVar[tuple[PortKind, ...]] = ("scalar", "category", "vector", "grid")

    width: Width = 64
    """Of a token."""
    blocks: int = Field(3, ge=1, le=MOST_LAYERS)
    heads: int = Field(8, ge=1)
    """Of attention; they share the width equally."""
    dropout: Dropout = 0.1
    """Probability that a hidden feature of the feed-forward layers is left out while training."""
    attention_dropout: Dropout = 0.2
    """The same of a weight of attention."""
    numbers: Literal["plain", "piecewise", "periodic"] = "plain"
    """How a number becomes a token: times a vector, along pieces between quantiles, by waves."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Each way to read numbers."""
        return [
            cls(width=8, blocks=2, heads=2),
            cls(width=6, blocks=1, heads=3, numbers="piecewise", dropout=0.0),
            cls(width=4, blocks=1, heads=1, numbers="periodic", attention_dropout=0.0),
        ]

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        if self.width % self.heads:
            raise ValueError(
                f"got width {self.width} with {self.heads} heads, expected a multiple of the "
                f"heads, such as width: {self.heads * math.ceil(self.width / self.heads)}"
            )
        return self

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """One token a column; a vector and a picture go through a linear layer of their own."""
        from sonde.nets.assemble import assemble
        from sonde.nets.encoders import category, grid, scalar, vector

        return assemble(
            inputs,
            outputs,
            encoders={
                "scalar": partial(scalar.ScalarEmbedding, width=self.width, kind=self.numbers),
                "category": partial(category.Embedding, width=self.width),
                "vector": partial(vector.VectorEmbedding, width=self.width),
                "grid": partial(grid.Grid, tower=self._tower),
            },
            body=self._body,
        )

    def describe(self) -> str:
        """`ft-transformer 3x64, 8 heads`."""
        heads = f"{self.heads} head{'s' if self.heads > 1 else ''}"
        return f"ft-transformer {self.blocks}x{self.width}, {heads}"

    def _tower(self, _: str, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
        """A picture of (C, H, W) as one token."""
        from torch import nn

        flat = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), self.width))
        return flat, self.width

    def _body(self, width: int) -> tuple[nn.Module, int]:
        """(B, T * width) -> (B, width)."""
        from torch import nn

        from sonde.nets.blocks.attention import ClassToken, TransformerBlock

        blocks = nn.Sequential(
            *(
                TransformerBlock(
                    self.width,
                    self.heads,
                    max(1, self.width * 4 // 3),  # as wide as the paper's, for gates count double
                    dropout=self.dropout,
                    attention_dropout=self.attention_dropout,
                )
                for _ in range(self.blocks)
            )
        )
        answered = ClassToken(width // self.width, self.width, blocks)
        return nn.Sequential(answered, nn.LayerNorm(self.width), nn.ReLU()), self.width
