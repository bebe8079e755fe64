"""Reads one sequence and says another, such as a sentence and its translation.

`form: transformer` is that of Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762,
normalised before each part; `form: recurrent` that of Bahdanau, Cho, Bengio 2015, arXiv:1409.0473.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError, listed
from sonde.core.port import Port, PortKind, Ports
from sonde.core.said import SAID
from sonde.nets.models._attends import Heads, in_words, refuse_heads
from sonde.nets.models._options import MOST_LAYERS, Dropout, Width

if TYPE_CHECKING:
    from torch import nn

    from sonde.nets.blocks.speaker import Form


class Seq2seq(Blueprint):
    """An encoder, and a decoder that looks at all of what was read for each word it says."""

    reads: ClassVar[tuple[PortKind, ...]] = ("sequence",)

    form: Literal["transformer", "recurrent"] = "transformer"
    """What encoder and decoder are made of."""
    width: Width = 256
    """Of a word's vector and of all that is made of it."""
    layers: int = Field(3, ge=1, le=MOST_LAYERS)
    """Of the encoder, and as many of the decoder."""
    heads: Heads = 4
    """Of the transformer's attention; they share the width equally."""
    positions: Literal["rotary", "learned"] = "rotary"
    """How the transformer knows where a word stands: by angles, or by a vector for each place."""
    cell: Literal["gru", "lstm"] = "gru"
    """Of the recurrent form."""
    input_feeding: bool = False
    """Whether the recurrent decoder's next step reads what was attended for this one (Luong et al.
    2015); costs a call for each word in training too."""
    dropout: Dropout = 0.1

    @classmethod
    def examples(cls) -> list[Self]:
        """Both forms, each with its options."""
        return [
            cls(width=8, layers=2, heads=2),
            cls(width=8, layers=1, heads=2, positions="learned", dropout=0.0),
            cls(form="recurrent", width=8, layers=1),
            cls(form="recurrent", width=6, layers=2, cell="lstm", input_feeding=True),
        ]

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        if self.form == "recurrent" and self.width % 2:
            raise ValueError(f"got width {self.width}, expected an even one: one half a direction")
        if self.form == "transformer":
            refuse_heads(self.width, self.heads, self.positions)
        return self

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """A network for one source and one sequence of words to say.

        Raises:
            UsageError: there are other ports.
        """
        from sonde.nets.blocks.speaker import Speaker

        source, output = _source(inputs), _output(inputs, outputs)
        ports = {source: inputs[source], SAID: inputs[SAID]}
        return Speaker(source, output, ports, self._form(), width=self.width, dropout=self.dropout)

    def describe(self) -> str:
        """`seq2seq transformer 3x256, 4 heads`."""
        if self.form == "recurrent":
            return f"seq2seq {self.cell} {self.layers}x{self.width}"
        return f"seq2seq transformer {in_words(self.layers, self.width, self.heads)}"

    def _form(self) -> Form:
        if self.form == "recurrent":
            from sonde.nets.blocks.additive import RecurrentForm

            return RecurrentForm(
                self.width,
                self.layers,
                cell=self.cell,
                dropout=self.dropout,
                input_feeding=self.input_feeding,
            )
        from sonde.nets.blocks.speaker import TransformerForm

        return TransformerForm(
            self.width, self.layers, self.heads, dropout=self.dropout, positions=self.positions
        )


def _source(inputs: Ports) -> str:
    """The one port that is read.

    Raises:
        UsageError: there is none, or there are several, or it is no sequence.
    """
    sources = [name for name in inputs if name != SAID]
    if SAID not in inputs or len(sources) != 1 or inputs[sources[0]].kind != "sequence":
        found = [f"{name} ({port.kind})" for name, port in inputs.items() if name != SAID]
        raise UsageError(
            f"model seq2seq reads one sequence and says another, got the inputs {listed(found)}. "
            "Take task: translate, with a source and a target."
        )
    return sources[0]


def _output(inputs: Ports, outputs: Ports) -> str:
    """The one port that is said.

    Raises:
        UsageError: it is no sequence of words, or has not the words of what was said before.
    """
    match list(outputs.items()):
        case [(name, Port(kind="sequence", size=int(size)))] if inputs[SAID].size == size:
            return name
    found = [f"{name} ({port.kind})" for name, port in outputs.items()]
    raise UsageError(
        f"model seq2seq says one sequence of words, got the outputs {listed(found)}. "
        "Take task: translate, or another model."
    )
