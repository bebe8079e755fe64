"""Recurrent layers over words or numbers, and what is left of them at the end.

    Rnn(embedding=100, hidden=64)

is the LSTM classifier of many textbooks: learned vectors, an LSTM of 64 units whose last state is
read by the softmax layer. Columns of other kinds join before that layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from sonde.nets.models._recurrent import RecurrentBlueprint

if TYPE_CHECKING:
    from torch import nn


class Rnn(RecurrentBlueprint):
    """Recurrent layers, whose last state, or all states in one, is read by what follows."""

    pooling: Literal["last", "mean", "max"] = "last"
    """The state after the last step; or the mean, or the largest value of each feature, over all
    states."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Each cell and each pooling, one way and both, one layer and two."""
        return [
            cls(embedding=6, hidden=5),
            cls(cell="simple", embedding=4, hidden=4, layers=2, dropout=0.2, dense=(6,)),
            cls(cell="gru", embedding=4, hidden=3, bidirectional=True, pooling="mean"),
            cls(
                embedding=4,
                hidden=3,
                layers=2,
                bidirectional=True,
                pooling="max",
                embedding_dropout=0.1,
            ),
            cls(embedding=4, hidden=3, layers=2, bidirectional=True),
        ]

    def describe(self) -> str:
        """`rnn lstm 64`, `rnn gru 2x128 both ways, mean`."""
        return f"rnn {self._in_words()}" + ("" if self.pooling == "last" else f", {self.pooling}")

    def _tower(self, width: int) -> tuple[nn.Module, int]:
        from sonde.nets.blocks.pooling import LastState, Pooled, max_over, mean_over

        layers = self._layers(width)
        match self.pooling:
            case "last":
                return Pooled(layers, LastState(self.hidden)), layers.out_features
            case "mean":
                return Pooled(layers, mean_over), layers.out_features
            case "max":
                return Pooled(layers, max_over), layers.out_features
