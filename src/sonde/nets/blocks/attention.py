"""Attention among the tokens of a row.

Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, section 3.2; normalised before
each part instead of after it (Xiong et al. 2020, arXiv:2002.04745).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sonde.nets.blocks.dropout import Dropout


class SelfAttention(nn.Module):
    """Every token asks all tokens, in several heads side by side.

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

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        asked = self.ask(tokens).unflatten(-1, (3, self.heads, -1))  # (B, T, 3, heads, D / heads)
        query, key, value = asked.permute(2, 0, 3, 1, 4).unbind(0)
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        answer: Tensor = self.answer(mixed.transpose(1, 2).flatten(2))
        return answer


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
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        *,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.attend = nn.Sequential(
            nn.LayerNorm(width), SelfAttention(width, heads, dropout=attention_dropout)
        )
        self.think = nn.Sequential(
            nn.LayerNorm(width), GatedFeedForward(width, hidden, dropout=dropout)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        tokens = tokens + self.attend(tokens)
        thought: Tensor = tokens + self.think(tokens)
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
