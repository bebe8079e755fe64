"""A language model: attention to the words before, and a score for each word that may follow.

Radford, Narasimhan, Salimans, Sutskever, "Improving Language Understanding by Generative
Pre-Training", 2018, section 3.1; normalised before each part, with gated feed-forward layers and
rotary positions (`blocks/transformer.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError, listed
from sonde.core.port import Port, PortKind, Ports
from sonde.nets.models._attends import Heads, in_words, refuse_heads
from sonde.nets.models._options import MOST_LAYERS, Dropout, Width

if TYPE_CHECKING:
    from torch import nn


class Decoder(Blueprint):
    """One text in, and for each of its words the scores of the next one out."""

    reads: ClassVar[tuple[PortKind, ...]] = ("sequence",)

    width: Width = 256
    """Of a word's vector and of every step."""
    layers: int = Field(4, ge=1, le=MOST_LAYERS)
    """Blocks of attention and a feed-forward layer."""
    heads: Heads = 8
    """Of attention; they share the width equally."""
    dropout: Dropout = 0.1
    """Probability, while training, that a feature is left out: of words, hidden, and added ones."""
    positions: Literal["rotary", "learned"] = "rotary"
    """Whether attention knows how far apart words are, or each place has a learned vector."""
    context: int = Field(512, ge=4, le=2**20)
    """Words in sight while it writes: a longer text goes on from its last half. Take the length of
    the texts it learns from. Learned places are as many; what follows shares the last one."""
    tied: bool = True
    """Whether the scores of words are made of the words' own vectors."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Tied and rotary; neither."""
        return [
            cls(width=8, layers=2, heads=2, context=8, dropout=0.0),
            cls(width=6, layers=1, heads=3, tied=False),
            cls(width=6, layers=1, heads=2, positions="learned", context=6),
        ]

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        refuse_heads(self.width, self.heads, self.positions)
        return self

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """The network for one text.

        Raises:
            UsageError: something else than one text goes in, or comes out.
        """
        name, port = _text(inputs, outputs)
        from sonde.nets.blocks.language import LanguageModel
        from sonde.nets.blocks.transformer import DecoderStack

        stack = DecoderStack(
            self.width,
            self.layers,
            self.heads,
            dropout=self.dropout,
            positions=self.context if self.positions == "learned" else "rotary",
        )
        return LanguageModel(
            name,
            port,
            stack,
            dropout=self.dropout,
            tied=self.tied,
            context=self.context,
        )

    def describe(self) -> str:
        """`decoder 4x256, 8 heads`."""
        return f"decoder {in_words(self.layers, self.width, self.heads)}"


def _text(inputs: Ports, outputs: Ports) -> tuple[str, Port]:
    """The one text that is read and said.

    Raises:
        UsageError: there is something else.
    """
    if set(inputs) == set(outputs) and len(inputs) == 1:
        [(name, port)] = inputs.items()
        if port.kind == "sequence" and port.size is not None and outputs[name] == port:
            return name, port
    raise UsageError(
        f"model decoder says how one text goes on, got inputs {listed(inputs)} and outputs "
        f"{listed(outputs)}. Take the task write with one text column, or another model, such as "
        "transformer to sort texts."
    )
