"""Recurrent layers: simple, LSTM and GRU, in one direction or two, over rows of differing length.

- simple: Elman, "Finding Structure in Time", 1990, with tanh.
- lstm: Hochreiter, Schmidhuber, "Long Short-Term Memory", 1997, with the forget gate of Gers,
  Schmidhuber, Cummins 2000.
- gru: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014,
  arXiv:1406.1078; the reset gate stands after the product, as torch has it.
- two directions: Schuster, Paliwal, "Bidirectional Recurrent Neural Networks", 1997.

Rows are not packed. A state depends on no later step, so what stands beyond a row's end changes
nothing before it; backwards, each row is turned round within its own length, and the same holds.
torch then computes a layer in one piece; `python -m bench.text` times packed rows beside it.

Weights between states start orthogonal (Saxe, McClelland, Ganguli 2014, arXiv:1312.6120), the bias
of an LSTM's forget gate at 1 (Jozefowicz, Zaremba, Sutskever, "An Empirical Exploration of
Recurrent Network Architectures", 2015, section 2.3).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from sonde.nets.blocks.dropout import Dropout

Cell = Literal["simple", "lstm", "gru"]

_GATES: dict[Cell, int] = {"simple": 1, "lstm": 4, "gru": 3}


class RecurrentLayer(nn.Module):
    """One layer in one direction.

    Args:
        width: of a step, E.
        hidden: of a state, H.
        cell: how a state follows from the one before and a step.
    """

    def __init__(self, width: int, hidden: int, *, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        gates = _GATES[cell] * hidden  # of an LSTM: input, forget, cell, output
        self.from_steps = nn.Parameter(torch.empty(gates, width))
        self.from_states = nn.Parameter(torch.empty(gates, hidden))
        self.bias = nn.Parameter(torch.zeros(gates))
        self.bias_states = nn.Parameter(torch.zeros(gates))
        with torch.no_grad():
            for gate in self.from_steps.view(-1, hidden, width):
                nn.init.xavier_uniform_(gate)
            for gate in self.from_states.view(-1, hidden, hidden):
                nn.init.orthogonal_(gate)
            if cell == "lstm":
                self.bias[hidden : 2 * hidden] = 1.0

    def forward(self, steps: Tensor) -> Tensor:
        """(B, T, E) -> (B, T, H) states, from zeros."""
        shape = 1, steps.shape[0], self.from_states.shape[1]
        zeros = torch.zeros(shape, dtype=_product_type(steps), device=steps.device)
        weights: list[Tensor] = [self.from_steps, self.from_states, self.bias, self.bias_states]
        # with biases, in one layer, without dropout, in one direction, rows first
        how = (True, 1, 0.0, self.training, False, True)
        match self.cell:
            case "lstm":
                return torch.lstm(steps, (zeros, zeros), weights, *how)[0]
            case "gru":
                return torch.gru(steps, zeros, weights, *how)[0]
            case "simple":
                return torch.rnn_tanh(steps, zeros, weights, *how)[0]


def _product_type(steps: Tensor) -> torch.dtype:
    """The type in which products of the steps are taken here: a state of it needs no cast."""
    device = steps.device.type
    half = torch.is_autocast_enabled(device)
    return torch.get_autocast_dtype(device) if half else steps.dtype


class Recurrent(nn.Module):
    """Layers over the steps of a row, each over the states of the one below.

    Args:
        width: of a step, E.
        hidden: of a state in one direction, H.
        cell: how a state follows from the one before and a step.
        layers: how many.
        bidirectional: whether a second state, from the row's end, stands beside each.
        dropout: probability in [0, 1) that a feature is left out between layers while training.

    Attributes:
        out_features: F, of both directions together.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        *,
        cell: Cell,
        layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.out_features = hidden * (2 if bidirectional else 1)
        widths = [width] + [self.out_features] * (layers - 1)
        self.forwards = nn.ModuleList(
            RecurrentLayer(narrow, hidden, cell=cell) for narrow in widths
        )
        again = widths if bidirectional else ()
        self.backwards = nn.ModuleList(
            RecurrentLayer(narrow, hidden, cell=cell) for narrow in again
        )
        self.dropout = Dropout(dropout)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, E) steps and (B,) int64 lengths in [1, T] -> (B, T, F) states of the last layer.

        Beyond a row's end the states mean nothing.
        """
        turned = reversal(lengths, steps.shape[1]) if self.backwards else None
        states = steps
        for place, layer in enumerate(self.forwards):
            below = self.dropout(states) if place else states
            states = layer(below)
            if turned is not None:
                behind = self.backwards[place](turn(below, turned))
                states = torch.cat([states, turn(behind, turned)], dim=2)
        return states


def reversal(lengths: Tensor, steps: int) -> Tensor:
    """(B, T) int64: for each place, the one it changes with when its row is turned round.

    What stands beyond a row's end stays.
    """
    place = torch.arange(steps, device=lengths.device)
    return torch.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)


def turn(steps: Tensor, order: Tensor) -> Tensor:
    """(B, T, E) steps in the (B, T) order of each row."""
    return steps.gather(1, order[..., None].expand(-1, -1, steps.shape[2]))
