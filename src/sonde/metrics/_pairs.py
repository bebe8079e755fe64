"""Pairs of rows: what scores of verification are made of.

Every two rows make a pair: genuine where they are of one identity, else an impostor's. The cosine
of their embeddings says how alike they are. In a resample of identities a genuine pair stands as
often as its identity was drawn, an impostor's pair as often as the product says, and a row is never
compared with its own copy: Fogliato, Patil, Perona, "Confidence Intervals for Error Rates in 1:1
Matching Tasks", 2023, arXiv:2306.01198, the vertex bootstrap of section 3.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar, NamedTuple

import numpy as np

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.metrics._ranked import Ranked, ranked

MOST = 100_000
"""Genuine pairs, and impostors' pairs, that are looked at; of more, so many evenly spread ones."""

_GOLDEN = 0.6180339887498949  # its multiples, modulo 1, fill [0, 1) evenly however many are taken
_AT_ONCE = 4_000_000
_TINY = 1e-12


class Pairs(NamedTuple):
    """P pairs of N rows.

    Attributes:
        first, second: (P,) int64 places of the rows.
        similarity: (P,) float64 in [-1, 1].
        genuine: (P,) bool, whether they are of one identity.
    """

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    genuine: np.ndarray

    def weights(self, counts: np.ndarray) -> np.ndarray:
        """(..., N) how often each row was drawn -> (..., P) how often each pair stands."""
        one, other = counts[..., self.first], counts[..., self.second]
        weighed: np.ndarray = np.where(self.genuine, np.minimum(one, other), one * other)
        return weighed


class Rates(NamedTuple):
    """Where pairs are accepted from a similarity on, at each of V of them, the highest first.

    Attributes:
        cuts: (V,) the similarities; the first, above all, accepts nothing.
        false_accept: (..., V) part of the impostors' pairs that is accepted.
        true_accept: (..., V) part of the genuine pairs that is.
    """

    cuts: np.ndarray
    false_accept: np.ndarray
    true_accept: np.ndarray


def unit(embedding: np.ndarray) -> np.ndarray:
    """(N, K) float64 of length 1; of zeros it stays zeros."""
    wide = embedding.astype(np.float64)
    scaled: np.ndarray = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), _TINY)
    return scaled


def pairs_of(embedding: np.ndarray, identity: np.ndarray, space: np.ndarray | None = None) -> Pairs:
    """The pairs of N rows, those of one network alone.

    Args:
        embedding: (N, K).
        identity: (N,) int64.
        space: (N,) int64, which network gave the embedding; None where one gave all.
    """
    who = np.unique(identity, return_inverse=True)[1]
    own, other = _spread(_genuine(who), MOST), _impostors(who)
    first, second = (np.concatenate([a, b]) for a, b in zip(own, other, strict=True))
    if space is not None:
        same = space[first] == space[second]
        first, second = first[same], second[same]
    directions = unit(embedding)
    similarity = np.empty(len(first))
    step = max(1, _AT_ONCE // max(1, embedding.shape[1]))
    for at in range(0, len(first), step):
        some = slice(at, at + step)
        similarity[some] = (directions[first[some]] * directions[second[some]]).sum(axis=1)
    return Pairs(first, second, np.clip(similarity, -1, 1), who[first] == who[second])


def judged_pairs(predicted: Arrays, truth: Arrays) -> tuple[Pairs, np.ndarray]:
    """The pairs of judged rows, and (N,) the place of each row among those that differ."""
    identity = truth["identity"]
    rows = truth.get("row", np.arange(len(identity)))
    _, first, place = np.unique(rows, return_index=True, return_inverse=True)
    space = predicted["space"][first] if "space" in predicted else None
    return pairs_of(predicted["embedding"][first], identity[first], space), place


def rates(pairs: Pairs, weights: np.ndarray | None = None) -> Rates | None:
    """Rates over all cuts, (..., P) weights; None without genuine or without impostors' pairs."""
    if not pairs.genuine.any() or pairs.genuine.all():
        return None
    weights = np.ones(len(pairs.genuine)) if weights is None else weights
    found = ranked(pairs.similarity, pairs.genuine, weights)
    cuts = np.append(np.inf, np.unique(pairs.similarity)[::-1])
    return Rates(cuts, _share(found.negatives), _share(found.positives))


def equal_error(found: Rates) -> np.ndarray:
    """(...) where as many genuine pairs are refused as impostors' accepted, between cuts linear."""
    behind = found.false_accept - (1 - found.true_accept)  # rises from -1 to 1
    at = np.maximum(1, (behind >= 0).argmax(axis=-1))[..., None]
    (low, high), (before, after) = (
        [np.take_along_axis(values, place, axis=-1)[..., 0] for place in (at - 1, at)]
        for values in (behind, found.false_accept)
    )
    part = -low / (high - low)
    crossed: np.ndarray = before + part * (after - before)
    return crossed


class PairScore(Metric):
    """A score of all pairs of rows; NaN where none is genuine, or all are."""

    resamples: ClassVar[int] = 1000
    bounds: ClassVar[Bounds] = (0.0, 1.0)

    @abstractmethod
    def of_pairs(self, pairs: Pairs, weights: np.ndarray) -> np.ndarray:
        """(..., P) weights of the pairs, some genuine and some not -> (...) scores."""

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """Of N rows, each standing there `counts` times."""
        counts = np.ones(len(truth["identity"])) if counts is None else counts
        return float(self.resampled(predicted, truth, counts[None])[0])

    def resampled(self, predicted: Arrays, truth: Arrays, counts: np.ndarray) -> np.ndarray:
        """(R, N) counts -> (R,) scores: one sort for all of them."""
        pairs, place = judged_pairs(predicted, truth)
        found = np.full(len(counts), np.nan)
        if not pairs.genuine.any() or pairs.genuine.all():
            return found
        for some in _blocks(len(counts), len(pairs.genuine)):
            drawn = _by_row(counts[some], place)
            with np.errstate(invalid="ignore", divide="ignore"):
                found[some] = self.of_pairs(pairs, pairs.weights(drawn))
        return found


def ranked_pairs(pairs: Pairs, weights: np.ndarray) -> Ranked:
    """Genuine and impostors' pairs at each similarity."""
    return ranked(pairs.similarity, pairs.genuine, weights)


def _share(counts: np.ndarray) -> np.ndarray:
    """(..., V) at each cut -> (..., V + 1) the part from the first cut to this one."""
    reached = np.cumsum(counts, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = reached / reached[..., -1:]
    whole: np.ndarray = np.concatenate([np.zeros((*share.shape[:-1], 1)), share], axis=-1)
    return whole


def _genuine(who: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of every two rows of one identity."""
    order = np.argsort(who, kind="stable")
    starts = np.append(np.flatnonzero(np.diff(who[order], prepend=-1)), len(who))
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start, stop in pairwise(starts):
        low, high = np.triu_indices(stop - start, 1)
        first.append(order[start + low])
        second.append(order[start + high])
    return np.concatenate(first), np.concatenate(second)


def _impostors(who: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of two rows of different identities: all such pairs, or many evenly spread ones."""
    rows = len(who)
    total = rows * (rows - 1) // 2
    if total <= 2 * MOST:
        first, second = np.triu_indices(rows, 1)
    else:
        number = (np.arange(1, 2 * MOST) * _GOLDEN % 1 * total).astype(np.int64)
        second = ((1 + np.sqrt(1 + 8 * number.astype(np.float64))) // 2).astype(np.int64)
        second -= second * (second - 1) // 2 > number  # where the root was rounded up
        first = number - second * (second - 1) // 2
    other = who[first] != who[second]
    return _spread((first[other], second[other]), MOST)


def _spread(pairs: tuple[np.ndarray, np.ndarray], most: int) -> tuple[np.ndarray, np.ndarray]:
    first, second = pairs
    if len(first) <= most:
        return first, second
    kept = np.linspace(0, len(first) - 1, most).astype(np.int64)
    return first[kept], second[kept]


def _by_row(counts: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(R, N) counts -> (R, n) of the rows that differ; copies are added up."""
    if len(place) and (np.diff(place) == 1).all() and place[0] == 0:
        return counts
    rows = int(place.max(initial=-1)) + 1
    return np.stack([np.bincount(place, drawn, rows) for drawn in counts])


def _blocks(resamples: int, pairs: int) -> Iterator[slice]:
    """Resamples that are scored at once."""
    step = max(1, _AT_ONCE // max(1, pairs))
    for start in range(0, resamples, step):
        yield slice(start, start + step)
