"""A recurrent encoder in both directions and a recurrent decoder that looks at all it has read.

Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate",
2015, arXiv:1409.0473, section 3 and appendix A.1.2. We look after the recurrence instead of before
it, with the state of this step (Luong, Pham, Manning 2015, arXiv:1508.04025, section 3.1), so that
a whole row is one call while it is taught. What was attended may be fed to the next step (Luong et
al., section 3.3), which needs a call for each word.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, tensor_of
from sonde.nets.blocks.dropout import Dropout
from sonde.nets.blocks.recurrent import Recurrent
from sonde.nets.blocks.speaker import LENGTHS, MEMORY, Form
from sonde.nets.blocks.transformer import real

Cell = Literal["gru", "lstm"]

_KEYS, _HIDDEN, _CELL, _FED = "memory keys", "hidden", "cell", "fed"
_RECURRENT: dict[Cell, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class AdditiveAttention(nn.Module):
    """Weights of a memory's steps by a small network of the asking state and the step.

    Bahdanau et al. 2015, section A.1.2: score = v tanh(W query + U step).

    Args:
        width: of a query, of a step and of the hidden layer, E.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ask = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, queries: Tensor, keys: Tensor, is_real: Tensor) -> Tensor:
        """(B, T, E) queries, `key` of (B, S, E) steps, (B, S) bool -> (B, T, S), rows sum to 1."""
        hidden = torch.tanh(self.ask(queries)[:, :, None] + keys[:, None])  # (B, T, S, E)
        scores = self.score(hidden)[..., 0].float()
        weights: Tensor = scores.masked_fill(~is_real[:, None], -torch.inf).softmax(dim=-1)
        return weights


class RecurrentForm(Form):
    """GRU or LSTM on both sides.

    Args:
        width: of a step and of the states, E; even.
        layers: of the encoder, and as many of the decoder.
        cell: gru or lstm.
        dropout: between layers and before the scores, in [0, 1).
        input_feeding: whether the decoder's next step reads what was attended for this one.
    """

    def __init__(
        self, width: int, layers: int, *, cell: Cell, dropout: float, input_feeding: bool
    ) -> None:
        super().__init__()
        made, between = _RECURRENT[cell], dropout if layers > 1 else 0.0
        self.layers, self.feeds, self.has_cell = layers, input_feeding, cell == "lstm"
        self.encoder = Recurrent(
            width, width // 2, cell=cell, layers=layers, bidirectional=True, dropout=dropout
        )
        self.decoder = made(
            2 * width if input_feeding else width, width, layers, batch_first=True, dropout=between
        )
        self.bridge = nn.Linear(width, layers * width)
        self.attend = AdditiveAttention(width)
        self.join = nn.Linear(2 * width, width)
        self.drop = Dropout(dropout)

    def encode(self, steps: Tensor, lengths: Tensor) -> Batch:
        """(B, S, E) and (B,) -> both directions side by side, (B, S, E)."""
        return {MEMORY: self.encoder(steps, lengths), LENGTHS: lengths}

    def decode(self, memory: Batch, steps: Tensor) -> Tensor:
        """(B, T, E) -> (B, T, E)."""
        return self._through(memory, steps)[0]

    def start(self, memory: Batch) -> Batch:
        """The decoder begins with what the encoder made of the first step, read backwards."""
        read, lengths = tensor_of(memory, MEMORY), tensor_of(memory, LENGTHS)
        backwards = read[:, 0, read.shape[2] // 2 :]
        half = torch.cat([torch.zeros_like(backwards), backwards], dim=1)
        first: Tensor = torch.tanh(self.bridge(half))
        hidden = first.reshape(len(first), self.layers, -1)  # (B, layers, E)
        state: Batch = {
            MEMORY: read,
            LENGTHS: lengths,
            _KEYS: self.attend.key(read),
            _HIDDEN: hidden,
        }
        if self.has_cell:
            state[_CELL] = torch.zeros_like(hidden)
        if self.feeds:
            state[_FED] = torch.zeros_like(hidden[:, 0])
        return state

    def next(self, state: Batch, step: Tensor) -> tuple[Tensor, Batch]:
        """(B, E) -> (B, E), and the state after it."""
        decoded, _, after = self._extend(state, step[:, None])
        return decoded[:, 0], after

    def looked(self, memory: Batch, steps: Tensor) -> Tensor:
        """(B, T, S)."""
        return self._through(memory, steps)[1]

    def _through(self, memory: Batch, steps: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, E) -> (B, T, E), and where each step looks, (B, T, S)."""
        state = self.start(memory)
        if not self.feeds:
            decoded, weights, _ = self._extend(state, steps)
            return decoded, weights
        parts = []
        for step in steps.unbind(1):
            decoded, weights, state = self._extend(state, step[:, None])
            parts.append((decoded, weights))
        return torch.cat([p for p, _ in parts], dim=1), torch.cat([w for _, w in parts], dim=1)

    def _extend(self, state: Batch, steps: Tensor) -> tuple[Tensor, Tensor, Batch]:
        """The next T steps, one where what was attended is fed back.

        Returns:
            What words are chosen by, (B, T, E); where each step looks, (B, T, S); the state after.
        """
        if self.feeds:
            steps = torch.cat([steps, tensor_of(state, _FED)[:, None].to(steps.dtype)], dim=2)
        hidden = tensor_of(state, _HIDDEN).transpose(0, 1).contiguous()  # (layers, B, E)
        after = dict(state)
        if self.has_cell:
            cell = tensor_of(state, _CELL).transpose(0, 1).contiguous()
            states, (hidden, cell) = self.decoder(steps, (hidden, cell))
            after[_CELL] = cell.transpose(0, 1)
        else:
            states, hidden = self.decoder(steps, hidden)
        after[_HIDDEN] = hidden.transpose(0, 1)
        memory = tensor_of(state, MEMORY)
        is_real = real(tensor_of(state, LENGTHS), memory.shape[1])
        weights = self.attend(states, tensor_of(state, _KEYS), is_real)
        attended = weights.to(memory.dtype) @ memory
        joined = torch.tanh(self.join(torch.cat([attended, states.to(attended.dtype)], dim=2)))
        if self.feeds:
            after[_FED] = joined[:, -1]
        return self.drop(joined), weights, after
