"""A network that reads a context with a question in mind, to find the answer in it.

Small enough to be trained from nothing on some thousand questions.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Self

from pydantic import Field, field_validator

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError, listed
from sonde.core.port import Port, Ports
from sonde.nets.models._options import Dropout, Width

if TYPE_CHECKING:
    from torch import nn


class Reader(Blueprint):
    """Two texts of one alphabet: a question and a context.

    Outputs whose frame is the context have a number for each of its steps; others are said of the
    row. Where no output says which text is the context, it is the second one.
    """

    embedding: Width = 64
    """Width of a word's vector."""
    hidden: Width = 64
    """Width of a step once it has been read."""
    layers: int = Field(2, ge=1)
    """Gated convolutions over each text."""
    kernel_size: int = Field(5, ge=1)
    """Steps that each of them reads; an odd number."""
    dropout: Dropout = 0.4
    """Probability, while training, that a feature is left out of what each part reads."""

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError(f"got {size}, expected an odd number, so that a step is in the middle")
        return size

    @classmethod
    def examples(cls) -> list[Self]:
        """One convolution, and two."""
        return [cls(embedding=6, hidden=5, layers=1), cls(embedding=4, hidden=6, kernel_size=3)]

    def describe(self) -> str:
        """Such as 'reader 2x64'."""
        return f"reader {self.layers}x{self.hidden}"

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """Outputs of the context's steps, then those of the row.

        Raises:
            UsageError: the inputs are not two texts of one alphabet, or an output cannot be said.
        """
        from sonde.nets.blocks import reader

        context = _context(inputs, outputs)
        question = next(name for name in inputs if name != context)
        stack = partial(
            reader.GatedStack,
            hidden=self.hidden,
            layers=self.layers,
            kernel_size=self.kernel_size,
            dropout=self.dropout,
        )
        return reader.Reader(
            {name: inputs[name] for name in (question, context)},
            outputs,
            stack=stack,
            embedding=self.embedding,
            dropout=self.dropout,
        )


def _context(inputs: Ports, outputs: Ports) -> str:
    """The input that is the context.

    Raises:
        UsageError: the inputs are not two texts of one alphabet.
    """
    if len(inputs) != 2 or not all(_is_words(port) for port in inputs.values()):
        got = listed(f"{name} ({port.kind})" for name, port in inputs.items())
        raise UsageError(
            f"a reader reads two texts, a question and a context; got {got}. Leave other columns "
            "out, or use model: transformer, rnn or textcnn."
        )
    first, second = inputs.values()
    if first.alphabet is None or first.alphabet != second.alphabet or first.size != second.size:
        raise UsageError(
            f"columns {listed(inputs)} have each their own words, so that it cannot be seen which "
            "stand in both. Let both name the same `shares`, such as shares: words."
        )
    frames = (port.frame for port in outputs.values())
    return next((frame for frame in frames if frame in inputs), None) or list(inputs)[1]


def _is_words(port: Port) -> bool:
    return port.kind == "sequence" and port.size is not None
