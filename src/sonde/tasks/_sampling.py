"""How the next word is chosen: by chance, among the likely ones, or always the likeliest.

Temperature divides raw scores before the softmax. Top-k keeps the k likeliest words; nucleus
sampling (Holtzman, Buys, Du, Forbes, Choi, "The Curious Case of Neural Text Degeneration", 2020,
arXiv:1904.09751, eq. 2) the fewest likeliest words that have a probability of p together.

A text's chances are a function of a seed and its number, and not of what is drawn beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from sonde.core.port import END, TOKENS
from sonde.core.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor

    from sonde.contracts.model import Incremental
    from sonde.core.batch import Batch


class Choice(Spec):
    """How words are chosen."""

    temperature: float = Field(1.0, ge=0, le=100)
    """Below 1 likely words become likelier, above 1 less so; 0 always takes the likeliest."""
    top_k: int | None = Field(None, ge=1)
    """Only so many of the likeliest words are chosen from."""
    top_p: float | None = Field(None, gt=0, le=1)
    """Only the fewest likeliest words are chosen from whose probabilities reach this together."""
    longest: int = Field(256, ge=1, le=1_000_000)
    """Words written at most."""


def chances(scores: Tensor, choice: Choice) -> Tensor:
    """(B, V) raw scores -> (B, V) float64 probabilities by which a word is drawn.

    At temperature 0 the likeliest word has 1; of equally likely ones the first.
    """
    import torch
    from torch.nn.functional import one_hot

    scores = scores.double()
    if choice.temperature == 0:
        return one_hot(scores.argmax(dim=1), scores.shape[1]).double()
    kept = (scores / choice.temperature).softmax(dim=1)
    if choice.top_k is None and choice.top_p is None:
        return kept
    ordered, order = kept.sort(dim=1, descending=True, stable=True)
    if choice.top_k is not None:
        ordered[:, choice.top_k :] = 0
        ordered = ordered / ordered.sum(dim=1, keepdim=True)
    if choice.top_p is not None:
        before = ordered.cumsum(dim=1) - ordered
        ordered = ordered * (before < choice.top_p)
    kept = torch.zeros_like(kept).scatter(1, order, ordered)
    return kept / kept.sum(dim=1, keepdim=True)


def drawn(probabilities: Tensor, chance: Tensor) -> Tensor:
    """(B,) int64: the word at which probabilities (B, V) first sum to more than chance (B,).

    Both float64, chance in [0, 1). A word of probability 0 is never drawn.
    """
    import torch

    reached = probabilities.cumsum(dim=1)
    at = torch.searchsorted(reached, (chance * reached[:, -1])[:, None], right=True)[:, 0]
    last = probabilities.shape[1] - 1 - (probabilities.flip(1) > 0).int().argmax(dim=1)
    return at.minimum(last)  # rounding may leave the sum just below the chance


def go_on(
    model: Incremental,
    state: Batch,
    tokens: Tensor,
    choice: Choice,
    *,
    ends: bool,
    chance: np.ndarray,
) -> tuple[Tensor, Tensor]:
    """Write word after word, each row until it ends; the model is asked once for each word.

    Args:
        model: says the next word's scores.
        state: of B rows, before the word last said.
        tokens: (B,) int64, the word last said, such as START.
        choice: how words are chosen.
        ends: whether a row may end before its longest; `END` is no part of what is written.
        chance: (B, longest) float64 in [0, 1).

    Returns:
        (B, T) int64 words, zeros beyond a row's end, and (B,) int64 lengths.
    """
    import torch

    random = torch.from_numpy(chance).to(tokens.device)
    going = torch.ones(len(tokens), dtype=torch.bool, device=tokens.device)
    said: list[Tensor] = []
    lengths = torch.zeros_like(tokens)
    for step in range(choice.longest):
        scores, state = model.next(state, tokens)
        tokens = drawn(chances(_sayable(scores, ends=ends), choice), random[:, step])
        going = going & (tokens != END)
        if not going.any():
            break
        said.append(torch.where(going, tokens, 0))
        lengths = lengths + going
    rows = len(tokens)
    words = torch.stack(said, dim=1) if said else tokens.new_zeros((rows, 0))
    return words, lengths


def chances_of(seed: int, numbers: Sequence[int], longest: int) -> np.ndarray:
    """(B, longest) float64 in [0, 1) for the texts of these numbers."""
    from sonde.core.seed import numpy_rng  # it imports torch

    return np.stack([numpy_rng(seed, "write", int(n)).random(longest) for n in numbers])


def _sayable(scores: Tensor, *, ends: bool) -> Tensor:
    """Scores of words that can be written: no reserved place is, but for the end."""
    scores = scores.float().clone()
    end = scores[:, END].clone()
    scores[:, :TOKENS] = -float("inf")
    if ends:
        scores[:, END] = end
    return scores
