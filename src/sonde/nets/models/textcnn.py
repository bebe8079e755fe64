"""A convolution over words: Kim's network for sentences.

Kim, "Convolutional Neural Networks for Sentence Classification", 2014, arXiv:1408.5882. The
defaults are the paper's: kernels over 3, 4 and 5 words, 100 of each, dropout of 0.5 before the last
layer. Its bound on the norm of that layer's weights is left out: weight decay does as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field

from sonde.nets.models._options import Dropout, Width
from sonde.nets.models._texts import TextBlueprint

if TYPE_CHECKING:
    from torch import nn


class Textcnn(TextBlueprint):
    """Kernels over some words each, and for each kernel the strongest answer in a text."""

    embedding: Width = 300
    """Width of a word's vector, or of what a step of numbers becomes."""
    dropout: Dropout = 0.5
    """Probability, while training, that a feature is left out before each layer that follows."""
    widths: tuple[Annotated[int, Field(ge=1, le=255)], ...] = Field((3, 4, 5), min_length=1)
    """Words that a kernel reads, for each kind of kernel."""
    maps: Width = 100
    """Kernels of each kind."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Several widths, and one word at a time."""
        return [
            cls(embedding=6, widths=(2, 5), maps=4),
            cls(embedding=4, widths=(1,), maps=5, dense=(6,), embedding_dropout=0.2),
        ]

    def describe(self) -> str:
        """`textcnn 3-4-5 words, 100 maps each`."""
        return f"textcnn {'-'.join(map(str, self.widths))} words, {self.maps} maps each"

    def _tower(self, width: int) -> tuple[nn.Module, int]:
        from sonde.nets.blocks.text_conv import TextConv

        tower = TextConv(width, self.widths, self.maps)
        return tower, tower.out_features
