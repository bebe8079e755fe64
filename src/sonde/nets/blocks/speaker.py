"""A network that reads a sequence and says another: what both its forms have in common.

Steps as vectors, an encoder, a decoder, and a score for each word. The vectors of what is said are
also what scores are made of (Press, Wolf, "Using the Output Embedding to Improve Language Models",
2017, arXiv:1608.05859), and those of what is read where both share an alphabet; they are scaled as
in Vaswani et al. 2017, section 3.4.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from sonde.core.batch import Batch, Padded, tensor_of
from sonde.core.port import Ports
from sonde.core.said import SAID
from sonde.nets.blocks.dropout import Dropout
from sonde.nets.blocks.positions import Positions
from sonde.nets.blocks.transformer import DecoderStack, EncoderStack
from sonde.nets.encoders.sequence import Steps, at_least_one

MEMORY, LENGTHS = "memory", "memory lengths"
"""What an encoder leaves: (B, S, E) float and (B,) int64, 1 or more."""


class Form(nn.Module):
    """An encoder and a decoder of steps of width E, whatever they are made of."""

    @abstractmethod
    def encode(self, steps: Tensor, lengths: Tensor) -> Batch:
        """(B, S, E) steps of (B,) int64 lengths, 1 or more -> what the decoder looks at."""

    @abstractmethod
    def decode(self, memory: Batch, steps: Tensor) -> Tensor:
        """What is said before each word, (B, T, E) -> what the word is chosen by, (B, T, E)."""

    @abstractmethod
    def start(self, memory: Batch) -> Batch:
        """The state before the first word."""

    @abstractmethod
    def next(self, state: Batch, step: Tensor) -> tuple[Tensor, Batch]:
        """(B, E), the word just said -> (B, E), and the state after it."""

    @abstractmethod
    def looked(self, memory: Batch, steps: Tensor) -> Tensor:
        """(B, T, S) in [0, 1]: where each of T steps looks in the memory."""


class Speaker(nn.Module):
    """Says one sequence after reading another; `Incremental` and `Attending`.

    Args:
        source: the name of the port that is read.
        output: the name of the output.
        ports: of the source and of `SAID`; one alphabet shares its vectors.
        form: the encoder and the decoder.
        width: E, of every step.
        dropout: of the steps' vectors, in [0, 1).
    """

    def __init__(
        self, source: str, output: str, ports: Ports, form: Form, *, width: int, dropout: float
    ) -> None:
        super().__init__()
        self.source, self.output = source, output
        self.steps = Steps(ports, width=width)
        for table in self.steps.tables:
            if isinstance(table, nn.Embedding):
                _as_small_as_weights(table)
        self.drop = Dropout(dropout)
        self.form = form
        words = self._words.num_embeddings
        self.heads = nn.ParameterDict({"bias": nn.Parameter(torch.zeros(words))})
        self.scale = width**0.5

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """B rows -> {output: (B, T, size) raw logits of the word after each of T said ones}."""
        said, _ = _padded(batch, SAID)
        decoded = self.form.decode(self._read(batch), self._vectors(SAID, said))
        return {self.output: self._logits(decoded)}

    def start(self, inputs: Batch) -> Batch:
        """The state before the first token: the source is read here, once."""
        return self.form.start(self._read(inputs))

    def next(self, state: Batch, tokens: Tensor) -> tuple[Tensor, Batch]:
        """(B,) tokens just said -> (B, size) raw logits of the next ones, and the state after."""
        decoded, after = self.form.next(state, self._vectors(SAID, tokens[:, None])[:, 0])
        return self._logits(decoded), after

    def attention(self, inputs: Batch) -> Tensor:
        """(B, T, S) in [0, 1]: where in the source it looks for each of T said words."""
        said, _ = _padded(inputs, SAID)
        return self.form.looked(self._read(inputs), self._vectors(SAID, said))

    def _read(self, batch: Batch) -> Batch:
        values, lengths = _padded(batch, self.source)
        return self.form.encode(self._vectors(self.source, values), lengths.clamp(min=1))

    def _vectors(self, name: str, values: Tensor) -> Tensor:
        scaled: Tensor = self.drop(self.steps(name, values) * self.scale)
        return scaled

    def _logits(self, decoded: Tensor) -> Tensor:
        return functional.linear(decoded, self._words.weight, self.heads["bias"])

    @property
    def _words(self) -> nn.Embedding:
        return cast("nn.Embedding", self.steps.tables[self.steps.table_of[SAID]])


class TransformerForm(Form):
    """Stacks of attention on both sides: Vaswani et al. 2017, figure 1.

    Args:
        width: of a step, E.
        layers: of the encoder, and as many of the decoder.
        heads: of attention.
        dropout: in [0, 1).
        positions: rotary or learned.
    """

    def __init__(
        self, width: int, layers: int, heads: int, *, dropout: float, positions: Positions
    ) -> None:
        super().__init__()
        self.encoder = EncoderStack(width, layers, heads, dropout=dropout, positions=positions)
        self.decoder = DecoderStack(
            width, layers, heads, memory=True, dropout=dropout, positions=positions
        )

    def encode(self, steps: Tensor, lengths: Tensor) -> Batch:
        """(B, S, E) and (B,) -> the same after the encoder."""
        return {MEMORY: self.encoder(steps, lengths), LENGTHS: lengths}

    def decode(self, memory: Batch, steps: Tensor) -> Tensor:
        """(B, T, E) -> (B, T, E)."""
        decoded: Tensor = self.decoder(steps, *_parts(memory))
        return decoded

    def start(self, memory: Batch) -> Batch:
        """Keys and values of the memory, and none yet of what is said."""
        return self.decoder.start(len(tensor_of(memory, LENGTHS)), *_parts(memory))

    def next(self, state: Batch, step: Tensor) -> tuple[Tensor, Batch]:
        """(B, E) -> (B, E), and the state after it."""
        return self.decoder.next(state, step)

    def looked(self, memory: Batch, steps: Tensor) -> Tensor:
        """(B, T, S), a mean over layers and heads."""
        return self.decoder.looked(steps, *_parts(memory))


def _parts(memory: Batch) -> tuple[Tensor, Tensor]:
    return tensor_of(memory, MEMORY), tensor_of(memory, LENGTHS)


def _padded(batch: Batch, name: str) -> tuple[Tensor, Tensor]:
    """(B, T) values with T at least 1, and (B,) lengths."""
    padded = batch[name]
    assert isinstance(padded, Padded), f"{name} is a sequence and must be padded"
    return at_least_one(padded)


def _as_small_as_weights(table: nn.Embedding) -> None:
    """Vectors of length 1 about, as rows of a layer that scores words would begin."""
    nn.init.normal_(table.weight, std=table.embedding_dim**-0.5)
    if table.padding_idx is not None:
        with torch.no_grad():
            table.weight[table.padding_idx].zero_()
