"""Near copies among texts: the same text with a few words changed, found by shared shingles.

Broder 1997, "On the Resemblance and Containment of Documents": two texts resemble one another by
the share of their shingles (here runs of five characters) that both have. The smallest hash of a
text's shingles is equal for two texts as often as they resemble one another, so bands of a few such
minima gather likely pairs without comparing all (locality-sensitive hashing: Indyk, Motwani 1998);
the pairs are then compared shingle by shingle.
"""

from __future__ import annotations

import numpy as np

_SHINGLE = 5
"""Characters (bytes of UTF-8) of a shingle."""

_BANDS, _ROWS = 20, 4
"""Texts of resemblance s meet in a band with probability 1 - (1 - s^4)^20: 0.996 at 0.7."""

_SAME = 0.7
"""Resemblance of near copies: a sentence of a hundred letters with one word changed has 0.85."""

_MOST_BYTES = 4_000
"""Of each text so much is looked at."""

_AT_ONCE = 1 << 22
"""Shingles hashed at once."""

_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio, as in splitmix64


def near_texts(texts: list[str], sides: np.ndarray) -> np.ndarray:
    """Pairs of texts on different sides that are near copies, the likest first.

    Args:
        texts: n of them; those below 20 characters are too short to resemble anything.
        sides: (n,) integers; texts of one side are not compared.

    Returns:
        (p, 2) int64 positions, the first the smaller.
    """
    folded = [" ".join(text.casefold().split()).encode()[:_MOST_BYTES] for text in texts]
    kept = np.flatnonzero([len(text) >= 4 * _SHINGLE for text in folded])
    if len(kept) < 2:
        return np.empty((0, 2), np.int64)
    shingles = _shingles([folded[at] for at in kept])
    pairs = _meetings(_minima(shingles), sides[kept])
    likeness = [_resemblance(shingles[one], shingles[other]) for one, other in pairs]
    order = np.argsort(-np.array(likeness), kind="stable")
    found: np.ndarray = kept[pairs[order[: sum(share >= _SAME for share in likeness)]]]
    return found


def _shingles(texts: list[bytes]) -> list[np.ndarray]:
    """Each text's distinct shingles, as ascending uint64 hashes."""
    powers = np.uint64(257) ** np.arange(_SHINGLE, dtype=np.uint64)
    found = []
    for text in texts:
        bytes_ = np.frombuffer(text, np.uint8).astype(np.uint64)
        runs = np.lib.stride_tricks.sliding_window_view(bytes_, _SHINGLE)
        found.append(np.unique(_mixed(runs @ powers)))
    return found


def _minima(shingles: list[np.ndarray]) -> np.ndarray:
    """(n, 80) uint64: the least of each text's hashes, under 80 hash functions."""
    salts = _mixed(np.arange(1, _BANDS * _ROWS + 1, dtype=np.uint64) * _ODD)
    minima = np.empty((len(shingles), len(salts)), np.uint64)
    sizes = np.array([len(one) for one in shingles])
    ends = np.cumsum(sizes)
    start = 0
    while start < len(shingles):
        before = ends[start] - sizes[start]
        stop = max(start + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
        together = np.concatenate(shingles[start:stop])
        bounds = ends[start:stop] - sizes[start:stop] - before
        for at, salt in enumerate(salts):
            minima[start:stop, at] = np.minimum.reduceat(_mixed(together ^ salt), bounds)
        start = stop
    return minima


def _meetings(minima: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """(p, 2) pairs on different sides that stand side by side in a band's bucket.

    In a large bucket, of a phrase that many texts share, neighbours differ from band to band.
    """
    rows = np.arange(len(minima), dtype=np.uint64)
    found = []
    for band in range(_BANDS):
        key = np.zeros(len(minima), np.uint64)
        for column in minima[:, band * _ROWS : (band + 1) * _ROWS].T:
            key = _mixed(key ^ column)
        order = np.lexsort((_mixed(rows ^ np.uint64(band + 1)), key))
        one, other = order[:-1], order[1:]
        met = (key[one] == key[other]) & (sides[one] != sides[other])
        found.append(np.stack([one[met], other[met]], axis=1))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _resemblance(one: np.ndarray, other: np.ndarray) -> float:
    """The share of two texts' shingles that both have."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """(n,) uint64 hashed: the last steps of splitmix64 (Steele, Lea, Flood 2014)."""
    mixed: np.ndarray = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
