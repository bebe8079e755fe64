"""Recurrent layers over words, and attention that says which of them matter.

Additive attention of Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to
Align and Translate", 2015, arXiv:1409.0473, over the states of an encoder as there: a GRU that
reads both ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from sonde.nets.models._options import Width
from sonde.nets.models._recurrent import RecurrentBlueprint

if TYPE_CHECKING:
    from torch import nn


class Attention(RecurrentBlueprint):
    """Recurrent states, their mean weighted by how much each matters."""

    cell: Literal["simple", "lstm", "gru"] = "gru"
    """How a state follows from the one before and a step."""
    bidirectional: bool = True
    """Whether a text is read from its end too."""
    weighing: Width = 64
    """Width of the layer in which states are weighed."""

    @classmethod
    def examples(cls) -> list[Self]:
        """One way and both."""
        return [
            cls(embedding=6, hidden=4, weighing=3),
            cls(embedding=4, hidden=4, cell="lstm", bidirectional=False, dropout=0.3),
        ]

    def describe(self) -> str:
        """`attention over gru 128 both ways`."""
        return f"attention over {self._in_words()}"

    def _tower(self, width: int) -> tuple[nn.Module, int]:
        from sonde.nets.blocks.pooling import AdditivePooling, Pooled

        layers = self._layers(width)
        pooling = AdditivePooling(layers.out_features, self.weighing)
        return Pooled(layers, pooling), layers.out_features
