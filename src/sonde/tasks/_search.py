"""Beam search: the sequence a network finds most likely, among those worth a look.

Kept for each row are the `beam` best beginnings; each is continued by every word, and the best of
all continuations are kept again. Ended ones are compared by their log probability over a power of
their length: Wu et al., "Google's Neural Machine Translation System", 2016, arXiv:1609.08144,
eq. 14, without their coverage. A row is done when `beam` sequences have ended and none that still
goes on stands better than they do. A beam of 1 is greedy search. Any `Incremental` network is
searched, with one call for each place and no row computed twice; rows that have ended are dropped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sonde.contracts.model import Incremental
from sonde.core.batch import Batch, mapped
from sonde.core.port import END, START, TOKENS


class Found(NamedTuple):
    """The K best sequences of each of B rows, the best first.

    Attributes:
        words: (B, K, T) int64, zeros beyond an end; the end itself is not among them.
        lengths: (B, K) int64; 0 too where fewer than K were found.
        log_probs: (B, K) float32, of the whole sequence with its end; -inf where none was found.
        scores: (B, K) float32, what they are ranked by.
    """

    words: Tensor
    lengths: Tensor
    log_probs: Tensor
    scores: Tensor


@dataclass
class _Ended:
    """A sequence that has said `END`."""

    words: Tensor
    log_prob: float
    score: float


def length_factor(length: int, power: float) -> float:
    """What a log probability is divided by: ((5 + length) / 6)^power (eq. 14), the end counted."""
    return float(((5 + length) / 6) ** power)


def search(
    model: Incremental,
    inputs: Batch,
    longest: Tensor,
    *,
    beam: int = 1,
    length_penalty: float = 0.0,
) -> Found:
    """The best sequences the network says for each row.

    Args:
        model: says them word by word.
        inputs: of B rows.
        longest: (B,) int64, words at most; a sequence that has not ended there is ended.
        beam: beginnings kept for each row, and sequences found at most.
        length_penalty: the power in eq. 14: above 0 longer sequences are taken sooner.
    """
    state = model.start(inputs)
    rows = len(longest)
    ended: list[list[_Ended]] = [[] for _ in range(rows)]
    alive = torch.arange(rows, device=longest.device)  # rows still searched
    words = longest.new_empty(rows, 1, 0)  # (A, K, T) said so far
    totals = torch.zeros(rows, 1, device=longest.device)  # (A, K) log probabilities
    last = longest.new_full((rows,), START)
    for place in range(1, int(longest.max()) + 2 if rows else 0):
        logits, state = model.next(state, last)
        # from rows * 1 beginnings to rows * beam, all of one row side by side
        extended = totals[..., None] + _log_probs(logits, longest[alive] < place, totals.shape[1])
        best, flat = extended.flatten(1).topk(min(2 * beam, extended[0].numel()), dim=1)
        origin, word = flat // extended.shape[2], flat % extended.shape[2]
        factor = length_factor(place, length_penalty)
        _gather_ended(ended, alive, words, best[:, :beam], origin, word, factor)
        going = best.masked_fill(word == END, -math.inf)
        totals, ranks = going.topk(min(beam, going.shape[1]), dim=1)
        worst = totals.new_tensor([_worst(ended[row], beam) for row in alive.tolist()])
        kept = (totals[:, 0] / factor > worst).nonzero()[:, 0]
        if not len(kept):
            break
        totals, ranks = totals[kept], ranks[kept]
        origin, word = origin[kept].gather(1, ranks), word[kept].gather(1, ranks)
        picked = (kept[:, None] * words.shape[1] + origin).flatten()
        state = _picked(state, picked)
        words = words.flatten(0, 1)[picked].reshape(*origin.shape, place - 1)
        words = torch.cat([words, word[..., None]], dim=2)
        alive, last = alive[kept], word.flatten()
    return _ranked(ended, beam, longest)


def until_end(words: Tensor) -> Tensor:
    """(B, T) words -> (B,) int64, how many stand before the first `END`."""
    return (words == END).cumsum(1).eq(0).sum(1)


def sayable(logits: Tensor) -> Tensor:
    """(..., size) raw logits, -inf for the reserved places no one says: all but `END`."""
    out = logits.float().clone()
    out[..., :TOKENS] = -math.inf
    out[..., END] = logits[..., END].float()
    return out


def _picked(state: Batch, rows: Tensor) -> Batch:
    """The state of these rows, repeated and reordered as they are."""
    return mapped(state, lambda tensor: tensor.index_select(0, rows))


def _log_probs(logits: Tensor, must_end: Tensor, beams: int) -> Tensor:
    """(A * K, size) -> (A, K, size); nothing but `END` for rows that (A,) must end."""
    found = sayable(logits).log_softmax(dim=-1).reshape(-1, beams, logits.shape[1])
    only_end = torch.full_like(found[:1, :1], -math.inf)
    only_end[..., END] = 0
    return torch.where(must_end[:, None, None], found + only_end, found)


def _gather_ended(
    ended: list[list[_Ended]],
    alive: Tensor,
    words: Tensor,
    best: Tensor,
    origin: Tensor,
    word: Tensor,
    factor: float,
) -> None:
    """Keep the continuations that end, of those that are good enough to be kept at all."""
    ends = (word[:, : best.shape[1]] == END) & best.isfinite()
    for at, rank in ends.nonzero().tolist():
        held, total = ended[int(alive[at])], float(best[at, rank])
        held.append(_Ended(words[at, int(origin[at, rank])], total, total / factor))
        held.sort(key=lambda each: -each.score)
        del held[best.shape[1] :]


def _worst(held: list[_Ended], beam: int) -> float:
    """What a beginning must be better than to be worth going on with."""
    return held[-1].score if len(held) == beam else -math.inf


def _ranked(ended: list[list[_Ended]], beam: int, longest: Tensor) -> Found:
    lengths = longest.new_zeros(len(ended), beam)
    longest_found = max((len(e.words) for held in ended for e in held), default=0)
    words = longest.new_zeros(len(ended), beam, longest_found)
    log_probs = torch.full(lengths.shape, -math.inf, device=longest.device)
    scores = log_probs.clone()
    for row, held in enumerate(ended):
        for rank, each in enumerate(held):
            words[row, rank, : len(each.words)] = each.words
            lengths[row, rank] = len(each.words)
            log_probs[row, rank], scores[row, rank] = each.log_prob, each.score
    return Found(words, lengths, log_probs, scores)
