"""A label for each word: what is known of every word, read both ways, and a decision at each.

Huang, Xu, Yu, "Bidirectional LSTM-CRF Models for Sequence Tagging", 2015, arXiv:1508.01991,
section 2.2, without the conditional random field; or a Transformer encoder in the LSTM's place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError
from sonde.core.port import PortKind, Ports
from sonde.nets.models._options import Dropout, Width

if TYPE_CHECKING:
    from torch import nn


class Tagger(Blueprint):
    """Several sequences of one length, such as words, their shapes and their endings, in one."""

    reads: ClassVar[tuple[PortKind, ...]] = ("sequence",)

    body: Literal["rnn", "transformer"] = "rnn"
    """What reads the words before and behind each."""
    cell: Literal["simple", "lstm", "gru"] = "lstm"
    """Of rnn: how a state follows from the one before and a word."""
    embedding: Width = 100
    """Width of a word's vector, in each of the sequences."""
    embedding_dropout: Dropout = 0.3
    """Probability, while training, that a number of a word's vector is left out."""
    hidden: Width = 128
    """Width of a state, in one direction; of transformer, of a step."""
    layers: int = Field(1, ge=1, le=64)
    """Layers over the words."""
    heads: int = Field(4, ge=1)
    """Of transformer: parts that look at other words each in its own way."""
    dropout: Dropout = 0.3
    """Probability, while training, that a feature is left out before the decisions."""

    @model_validator(mode="after")
    def _even_heads(self) -> Self:
        if self.body == "transformer" and self.hidden % (2 * self.heads):
            raise ValueError(f"hidden {self.hidden} is no multiple of twice the {self.heads} heads")
        return self

    @classmethod
    def examples(cls) -> list[Self]:
        """Both bodies."""
        return [
            cls(embedding=5, hidden=4, layers=2),
            cls(body="transformer", embedding=5, hidden=8, heads=2, dropout=0.1),
        ]

    def describe(self) -> str:
        """`tagger lstm 128 both ways` or `tagger transformer 2x128`."""
        deep = f"{self.layers}x" if self.layers > 1 else ""
        if self.body == "transformer":
            return f"tagger transformer {deep}{self.hidden}"
        return f"tagger {self.cell} {deep}{self.hidden} both ways"

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """Raw logits (B, T, size) for every output.

        Raises:
            UsageError: an input or output is no sequence, or there is none.
        """
        from sonde.nets.blocks.tagging import Tagging

        for name, port in inputs.items():
            if port.kind != "sequence":
                raise UsageError(
                    f"column {name!r} is a {port.kind}, and tagger reads sequences alone, all with "
                    f"a step for each word. Leave {name!r} out, or take another model."
                )
        for name, port in outputs.items():
            if port.kind != "sequence" or port.size is None:
                raise UsageError(
                    f"output {name!r} is a {port.kind}, and tagger gives a label for each word. "
                    "Take task: tag, or another model."
                )
        if not inputs or not outputs:
            raise UsageError("tagger needs words to read and labels to give")
        return Tagging(inputs, outputs, self.embedding, self._read, (self.embedding_dropout,
                                                                     self.dropout))  # fmt: skip

    def _read(self, width: int) -> tuple[nn.Module, int]:
        """(B, T, width) steps and (B,) lengths -> (B, T, F), and F."""
        from sonde.nets.blocks.recurrent import Recurrent
        from sonde.nets.blocks.tagging import Projected
        from sonde.nets.blocks.transformer import EncoderStack

        if self.body == "transformer":
            stack = EncoderStack(self.hidden, self.layers, self.heads, dropout=self.dropout)
            return Projected(width, self.hidden, stack), self.hidden
        layers = Recurrent(
            width,
            self.hidden,
            cell=self.cell,
            layers=self.layers,
            bidirectional=True,
            dropout=self.dropout,
        )
        return layers, layers.out_features
