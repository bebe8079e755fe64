"""From the states of a row's steps to one vector, whatever stands beyond the row's end."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Pooled(nn.Module):
    """A row's steps as one vector: layers over them, and what makes one of their states.

    Args:
        layers: (B, T, E) steps and (B,) lengths -> (B, T, F) states.
        pooling: (B, T, F) states and (B,) lengths -> (B, F).
    """

    def __init__(self, layers: nn.Module, pooling: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.layers = layers
        self.pooling = pooling

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, E) steps and (B,) int64 lengths in [1, T] -> (B, F)."""
        return self.pooling(self.layers(steps, lengths), lengths)


def mean_over(states: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, F) and (B,) int64 lengths >= 1 -> (B, F)."""
    inside = within(states, lengths)
    total = torch.where(inside[..., None], states, 0).sum(dim=1)
    return total / lengths[:, None]


def max_over(states: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, F) and (B,) int64 lengths >= 1 -> (B, F)."""
    inside = within(states, lengths)
    return states.masked_fill(~inside[..., None], -torch.inf).amax(dim=1)


class LastState(nn.Module):
    """The states where each direction has read the whole row.

    Args:
        hidden: width of the states that read forwards; the rest of F reads backwards.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, F) and (B,) int64 lengths >= 1 -> (B, F)."""
        rows = torch.arange(states.shape[0], device=states.device)
        ends = states.transpose(0, 1)[lengths - 1, rows]  # as recurrent layers lay them in memory
        if self.hidden == states.shape[2]:
            return ends
        return torch.cat([ends[:, : self.hidden], states[:, 0, self.hidden :]], dim=1)


def within(states: Tensor, lengths: Tensor) -> Tensor:
    """(B, T) bool, true where a step is real."""
    return torch.arange(states.shape[1], device=states.device) < lengths[:, None]


class AdditivePooling(nn.Module):
    """The mean of all states, each weighted by how much it matters.

    Additive attention of Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to
    Align and Translate", 2015, arXiv:1409.0473, appendix A.1.2; there the last state of another
    network asks, here a learned question does (Yang et al., "Hierarchical Attention Networks for
    Document Classification", 2016, eqs. 5 to 7).

    Args:
        features: of a state, F.
        hidden: of the layer in which states are weighed.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(features, hidden)
        self.question = nn.Linear(hidden, 1, bias=False)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, F) and (B,) int64 lengths >= 1 -> (B, F)."""
        return (self.weights(states, lengths)[..., None] * states).sum(dim=1)

    def weights(self, states: Tensor, lengths: Tensor) -> Tensor:
        """(B, T), 0 beyond a row's end; each row's sum is 1."""
        scores: Tensor = self.question(torch.tanh(self.weigh(states))).squeeze(-1)
        outside = ~within(states, lengths)
        return scores.float().masked_fill(outside, -torch.inf).softmax(dim=1).to(states.dtype)
