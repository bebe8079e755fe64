"""Attention among the tokens of a row, and to the steps of another sequence.

Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.2; normalised before
each part instead of after it (Xiong et al. 2020, arXiv:2002.04745).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sonde.nets.blocks.dropout import Dropout
from sonde.nets.blocks.positions import turned
from sonde.nets.blocks.weighing import weighed


class SelfAttention(nn.Module):
    """Every token asks all tokens of its row, in several heads side by side.

    Args:
        width: of a token, D; a multiple of `heads`.
        heads: how many.
        dropout: probability in [0, 1) that a weight of attention is left out while training.
    """

    def __init__(self, width: int, heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.ask = nn.Linear(width, 3 * width)  # queries, keys, values
        self.answer = nn.Linear(width, width)

    def forward(
        self,
        tokens: Tensor,
        seen: Tensor | None = None,
        *,
        causal: bool = False,
        turns: Tensor | None = None,
    ) -> Tensor:
        """(B, T, D) -> (B, T, D).

        Args:
            tokens: of a row.
            seen: (B, 1, T or 1, T) bool, what each token may look at; None: all.
            causal: each token looks at itself and those before it; instead of `seen`.
            turns: of rotary positions, as `positions.turned` takes them for queries and keys:
                (2, T, 2, heads, D / heads), or (2, B, T, 2, heads, D / heads).
        """
        return self.mix(*self.parts(tokens, turns), seen, causal=causal)

    def parts(self, tokens: Tensor, turns: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T, D) -> queries, keys and values, (B, heads, T, D / heads) each."""
        asked = self.ask(tokens).unflatten(-1, (3, self.heads, -1))  # (B, T, 3, heads, D / heads)
        if turns is None:
            query, key, value = asked.unbind(2)
        else:
            both, values = asked.split((2, 1), dim=2)
            query, key = turned(both, turns).unbind(2)
            value = values.squeeze(2)
        return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)

    def mix(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        seen: Tensor | None = None,
        *,
        causal: bool = False,
    ) -> Tensor:
        """Values weighed by how well their keys answer: (B, heads, T and S, d) -> (B, T, D)."""
        dropout = self.dropout if self.training else None
        mixed = weighed(query, key, value, seen, causal=causal, dropout=dropout)
        answer: Tensor = self.answer(mixed.transpose(1, 2).flatten(2))
        return answer


class CrossAttention(nn.Module):
    """Every token asks the steps of another sequence, its memory.

    Args:
        width: of a token and of a step of the memory, D; a multiple of `heads`.
        heads: how many.
        dropout: probability in [0, 1) that a weight of attention is left out while training.
    """

    def __init__(self, width: int, heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.ask = nn.Linear(width, width)
        self.remember = nn.Linear(width, 2 * width)  # keys, values
        self.answer = nn.Linear(width, width)

    def remembered(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> keys and values, (B, heads, S, D / heads) each; the same for every token."""
        parts = self.remember(memory).unflatten(-1, (2, self.heads, -1))
        key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        return key, value

    def forward(self, tokens: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> Tensor:
        """(B, T, D), what `remembered` gave, and (B, 1, 1, S) bool, its real steps -> (B, T, D)."""
        dropout = self.dropout if self.training else None
        mixed = weighed(self._query(tokens), key, value, seen, dropout=dropout)
        answer: Tensor = self.answer(mixed.transpose(1, 2).flatten(2))
        return answer

    def weights(self, tokens: Tensor, key: Tensor, seen: Tensor) -> Tensor:
        """(B, heads, T, S) in [0, 1]: where each token looks; each of its rows sums to 1."""
        query = self._query(tokens)
        scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5  # eq. 1
        looked: Tensor = scores.float().masked_fill(~seen, -torch.inf).softmax(dim=-1)
        return looked

    def _query(self, tokens: Tensor) -> Tensor:
        """(B, T, D) -> (B, heads, T, D / heads)."""
        query: Tensor = self.ask(tokens).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return query


class GatedFeedForward(nn.Module):
    """Two dense layers for each token alone; half of the hidden features gate the other half.

    ReGLU of Shazeer, "GLU Variants Improve Transformer", 2020, arXiv:2002.05202, eq. 6.
    """

    def __init__(self, width: int, hidden: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.widen = nn.Linear(width, 2 * hidden)
        self.dropout = Dropout(dropout)
        self.narrow = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., D) -> (..., D)."""
        value, gate = self.widen(tokens).chunk(2, dim=-1)
        narrowed: Tensor = self.narrow(self.dropout(value * torch.relu(gate)))
        return narrowed


class TransformerBlock(nn.Module):
    """Attention, then a gated feed-forward layer, each beside the identity.

    Args:
        width: of a token, D.
        heads: of attention.
        hidden: width of the feed-forward layer.
        dropout: of hidden features, in [0, 1).
        attention_dropout: of weights of attention, in [0, 1).
        residual_dropout: of what is added to the identity, in [0, 1).
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        *,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        residual_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.attend = nn.Sequential(
            nn.LayerNorm(width), SelfAttention(width, heads, dropout=attention_dropout)
        )
        self.think = nn.Sequential(
            nn.LayerNorm(width), GatedFeedForward(width, hidden, dropout=dropout)
        )
        self.drop = Dropout(residual_dropout)

    def forward(
        self, tokens: Tensor, seen: Tensor | None = None, turns: Tensor | None = None
    ) -> Tensor:
        """(B, T, D) -> (B, T, D); `seen` and `turns` as in `SelfAttention`."""
        norm, attention = self.attend
        tokens = tokens + self.drop(attention(norm(tokens), seen, turns=turns))
        thought: Tensor = tokens + self.drop(self.think(tokens))
        return thought


class ClassToken(nn.Module):
    """Puts a learned token before the others and, at the end, gives what became of it.

    Args:
        tokens: how many there are, T; each place has a learned vector added, because columns of
            one alphabet would else be the same token.
        width: of a token, D.
        blocks: (B, T + 1, D) -> (B, T + 1, D).
    """

    def __init__(self, tokens: int, width: int, blocks: nn.Module) -> None:
        super().__init__()
        bound = width**-0.5
        self.first = nn.Parameter(torch.empty(width).uniform_(-bound, bound))
        self.place = nn.Parameter(torch.empty(tokens, width).uniform_(-bound, bound))
        self.blocks = blocks

    def forward(self, features: Tensor) -> Tensor:
        """(B, T * D) -> (B, D)."""
        tokens = features.reshape(-1, *self.place.shape) + self.place
        first = self.first.expand(tokens.shape[0], 1, -1).to(tokens.dtype)
        answered: Tensor = self.blocks(torch.cat([first, tokens], dim=1))[:, 0]
        return answered
