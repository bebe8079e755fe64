"""A Transformer's encoder over words or steps of numbers: every step looks at every other.

Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762; normalised before each part,
with gated feed-forward layers and rotary positions (`blocks/transformer.py`). A text is the mean of
its steps, or what becomes of a learned step before them (Devlin, Chang, Lee, Toutanova, "BERT",
2019, arXiv:1810.04805, section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from sonde.nets.models._attends import Heads, Longest, in_words, refuse_heads
from sonde.nets.models._options import MOST_LAYERS, Dropout, Width
from sonde.nets.models._texts import TextBlueprint

if TYPE_CHECKING:
    from torch import nn


class Transformer(TextBlueprint):
    """Blocks of attention among the steps, and one vector of them all."""

    dropout: Dropout = 0.1
    """Probability, while training, that a feature is left out: in blocks, and before each layer
    that follows."""
    width: Width = 128
    """Of a step inside the blocks; words of another width go through a linear layer first."""
    layers: int = Field(2, ge=1, le=MOST_LAYERS)
    """Blocks of attention and a feed-forward layer."""
    heads: Heads = 4
    """Of attention; they share the width equally."""
    positions: Literal["rotary", "learned"] = "rotary"
    """Whether attention knows how far apart steps are, or each place has a learned vector."""
    longest: Longest = 512
    """Places that have a vector, where these are learned; what follows shares the last one."""
    pooling: Literal["mean", "max", "first"] = "mean"
    """The mean of all steps, the largest value of each feature, or a learned first step."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Each pooling and both kinds of positions."""
        return [
            cls(embedding=8, width=8, layers=2, heads=2, dropout=0.0),
            cls(embedding=3, width=6, layers=1, heads=1, pooling="first", positions="learned"),
            cls(embedding=4, width=4, layers=1, heads=2, pooling="max", longest=3, dense=(6,)),
        ]

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        refuse_heads(self.width, self.heads, self.positions)
        return self

    def describe(self) -> str:
        """`transformer 2x128, 4 heads, mean`."""
        return f"transformer {in_words(self.layers, self.width, self.heads)}, {self.pooling}"

    def _tower(self, width: int) -> tuple[nn.Module, int]:
        from sonde.nets.blocks.pooling import Pooled, max_over, mean_over
        from sonde.nets.blocks.transformer import EncoderStack, Widened, WithFirst

        stack: nn.Module = EncoderStack(
            self.width,
            self.layers,
            self.heads,
            dropout=self.dropout,
            positions=self.longest if self.positions == "learned" else "rotary",
        )
        first = WithFirst(stack, self.width) if self.pooling == "first" else None
        tower = first or Pooled(stack, max_over if self.pooling == "max" else mean_over)
        return (tower if width == self.width else Widened(width, self.width, tower)), self.width
