"""Blueprints that read texts and series first: the options and the assembly they share."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from sonde.contracts.model import Blueprint
from sonde.core.port import PortKind, Ports
from sonde.nets.models._options import Dropout, Width, Widths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from sonde.nets.assemble import EncoderFactory


class TextBlueprint(Blueprint):
    """What reads the steps of each sequence; what all columns give joins, then dense layers."""

    reads: ClassVar[tuple[PortKind, ...]] = ("sequence", "scalar", "category", "vector", "grid")

    embedding: Width = 128
    """Width of a word's vector, or of what a step of numbers becomes."""
    embedding_dropout: Dropout = 0.0
    """Probability, while training, that a number of a step's vector is left out."""
    freeze_words: bool = False
    """Whether words keep the vectors they start with, such as those their column was given."""
    dense: Widths = ()
    """Dense layers with ReLU after all features have been joined."""
    dropout: Dropout = 0.0
    """Probability, while training, that a feature is left out before each layer that follows."""

    time_first: ClassVar[bool] = False
    """Whether steps lie in memory time by time, as recurrent layers take them."""

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """Sequences are read step by step; numbers, categories and pictures join them as they are.

        Raises:
            UsageError: a column is of a kind that cannot be read.
        """
        from sonde.nets.assemble import assemble

        return assemble(inputs, outputs, encoders=self._encoders(), body=self._body)

    @abstractmethod
    def _tower(self, width: int) -> tuple[nn.Module, int]:
        """What makes (B, F) features of (B, T, width) steps and (B,) lengths, and F."""

    def _encoders(self) -> Mapping[PortKind, EncoderFactory]:
        from sonde.nets.encoders import category, grid, scalar, sequence, vector

        return {
            "sequence": partial(
                sequence.Sequence,
                tower=self._tower,
                width=self.embedding,
                dropout=self.embedding_dropout,
                freeze=self.freeze_words,
                time_first=self.time_first,
            ),
            "scalar": scalar.Scalar,
            "category": category.Embedding,
            "vector": vector.Vector,
            "grid": grid.Grid,
        }

    def _body(self, width: int) -> tuple[nn.Module, int]:
        """Dropout, then dense layers with dropout after each."""
        from torch import nn

        from sonde.nets.blocks.dense import DenseStack
        from sonde.nets.blocks.dropout import Dropout as Left

        stack = DenseStack(width, self.dense, dropout=self.dropout)
        first = [Left(self.dropout)] if self.dropout else []
        return nn.Sequential(*first, *stack), stack.out_features
