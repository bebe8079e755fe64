"""Near copies among pictures: saved again, resized, or cut a little at the edges.

Three steps, each cheaper for what the one before has thrown away:

1. A picture is the 8 x 8 lowest coefficients of a cosine transform of its grey values, without the
   mean, as in pHash (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash
   Functions", section 3.2.1), but kept as numbers instead of bits: their correlation says more than
   a Hamming distance of 63 bits, and a matrix product finds all pairs.
2. Each picture's nearest one on another side is compared, whole and cut by 1.5 % all round.
3. What correlates at 0.88 is looked at closely: the fine detail of one picture, which two shots of
   one scene do not share, against 81 cuts of the other, each side by 0, 1.5 or 3 %.

Where pictures are small or alike (digits, one sign in many frames) the fine detail agrees more or
less for many pairs, and no line can be drawn; the audit then says so and names nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_THUMB, _LOW, _GRID, _FINE = 64, 8, 32, 40
"""Pixels kept, coefficients and cells each way, cells of the close look."""

_LIKE = 0.88
"""Correlation of the low frequencies from which two pictures are looked at closely."""

_SAME, _ALIKE = 0.8, 0.5
"""Correlation of the fine detail of copies, and of what cannot be told from them."""

_CUTS = (0.0, 0.015, 0.03)
_MOST_COMPARED = 3_000
"""Pairs looked at closely, the likest first."""

_LOOKS = 250
"""Close looks after which it is asked whether copies stand out at all."""

_FLAT = 4.0
"""Deviation of grey values in [0, 255] below which a picture shows nothing to compare."""

_BLOCK = 1_024


@dataclass(frozen=True)
class NearPictures:
    """Near copies on different sides.

    Attributes:
        pairs: (n, 2) int64 positions, the first the smaller.
        likeness: (n,) correlation of fine detail in [0.8, 1], descending.
        unclear: how many more pairs are alike, but not as copies are.
        unseen: how many pairs were like enough to be looked at and were not, being too many.
    """

    pairs: np.ndarray
    likeness: np.ndarray
    unclear: int = 0
    unseen: int = 0

    @property
    def told_apart(self) -> bool:
        """Whether copies stand out from pictures that are merely alike."""
        return self.unclear <= max(3, len(self.pairs) // 4)


def near_pictures(pictures: Iterable[np.ndarray], sides: np.ndarray) -> NearPictures:
    """Each picture's nearest on another side, where the two are near copies.

    Args:
        pictures: n of (C, H, W) uint8, all of one shape.
        sides: (n,) integers; pictures of one side are not compared.
    """
    thumbs = [_thumb(picture) for picture in pictures]
    shows = np.array([at for at, thumb in enumerate(thumbs) if thumb.std() >= _FLAT], np.int64)
    if len(shows) < 2:
        return NearPictures(np.empty((0, 2), np.int64), np.empty(0))
    pairs, unseen = _candidates([thumbs[at] for at in shows], sides[shows])
    pairs = shows[pairs]
    likeness = _close_looks(thumbs, pairs)
    unseen += len(pairs) - len(likeness)
    same = np.flatnonzero(likeness >= _SAME)
    same = same[np.argsort(-likeness[same], kind="stable")]
    unclear = int(((likeness >= _ALIKE) & (likeness < _SAME)).sum())
    return NearPictures(pairs[same], likeness[same], unclear, unseen)


def _thumb(picture: np.ndarray) -> np.ndarray:
    """Grey values of (C, H, W) in [0, 255], at most 64 pixels high and wide, float32."""
    grey = picture[0].astype(np.float32) if len(picture) == 1 else np.tensordot(_GREY, picture, 1)
    for axis in (0, 1):
        if grey.shape[axis] > _THUMB:
            weights = _means(_THUMB, grey.shape[axis])
            grey = weights @ grey if axis == 0 else grey @ weights.T
    return grey


def _candidates(thumbs: list[np.ndarray], sides: np.ndarray) -> tuple[np.ndarray, int]:
    """(n, 2) pairs of low-frequency neighbours, the likest first, and how many were left out."""
    whole, cut = (_low_frequencies(thumbs, margin) for margin in (0.0, 0.015))
    nearest = np.empty(len(thumbs), np.int64)
    likeness = np.empty(len(thumbs), np.float32)
    for start in range(0, len(thumbs), _BLOCK):
        block = slice(start, start + _BLOCK)
        found = np.maximum(cut[block] @ whole.T, whole[block] @ cut.T)
        found[sides[block, None] == sides[None, :]] = -1.0
        nearest[block] = found.argmax(axis=1)
        likeness[block] = found.max(axis=1)
    rows = np.flatnonzero(likeness >= _LIKE)
    both = np.sort(np.stack([rows, nearest[rows]], axis=1), axis=1)
    pairs, at = np.unique(both, axis=0, return_index=True)
    order = np.argsort(-likeness[rows][at], kind="stable")
    return pairs[order[:_MOST_COMPARED]], max(0, len(order) - _MOST_COMPARED)


def _low_frequencies(thumbs: list[np.ndarray], margin: float) -> np.ndarray:
    """(n, 63) unit vectors: the lowest coefficients of pictures cut by a margin on each side."""
    places = (np.arange(_GRID) + 0.5) / _GRID
    waves = np.cos(np.pi * np.arange(_LOW)[:, None] * places).astype(np.float32)
    rows, columns = (waves @ _means(_GRID, size, margin, margin) for size in thumbs[0].shape)
    return _unit(np.stack([(rows @ thumb @ columns.T).ravel()[1:] for thumb in thumbs]))


def _means(cells: int, size: int, before: float = 0.0, after: float = 0.0) -> np.ndarray:
    """(cells, size) weights that average an axis, less its margins, over equal cells."""
    edges = np.linspace(before, 1 - after, cells + 1)[:, None] * size
    pixels = np.arange(size)
    shared = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    shared = shared.clip(0)
    weights: np.ndarray = (shared / shared.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


def _close_looks(thumbs: list[np.ndarray], pairs: np.ndarray) -> np.ndarray:
    """(m,) likeness of the first pairs; of all, unless most turn out to be alike but no copies."""
    close = _Close(*thumbs[0].shape)
    likeness = np.empty(len(pairs))
    for at, (one, other) in enumerate(pairs):
        likeness[at] = close(thumbs[one], thumbs[other])
        so_far = likeness[: at + 1]
        if (at + 1) % _LOOKS == 0 and (so_far >= _SAME).sum() < (so_far >= _ALIKE).sum() / 2:
            return so_far
    return likeness


class _Close:
    """A close look at two pictures of (H, W): the correlation of their fine detail."""

    def __init__(self, height: int, width: int) -> None:
        self._whole = [_means(_FINE, size) for size in (height, width)]
        self._cuts = [
            np.concatenate([_means(_FINE, size, a, b) for a in _CUTS for b in _CUTS])
            for size in (height, width)
        ]

    def __call__(self, one: np.ndarray, other: np.ndarray) -> float:
        """The best over the cuts of either, in [-1, 1]."""
        first, second = self._look(one), self._look(other)
        if (likeness := float(first @ second)) >= _SAME:
            return likeness
        return float(max((self._cut(one) @ second).max(), (self._cut(other) @ first).max()))

    def _look(self, grey: np.ndarray) -> np.ndarray:
        rows, columns = self._whole
        vector: np.ndarray = _unit(_detail(rows @ grey @ columns.T).reshape(1, -1))[0]
        return vector

    def _cut(self, grey: np.ndarray) -> np.ndarray:
        """(81, F * F) unit vectors."""
        rows, columns = self._cuts
        number = len(_CUTS) ** 2
        cells = (rows @ grey @ columns.T).reshape(number, _FINE, number, _FINE)
        return _unit(_detail(cells.swapaxes(1, 2)).reshape(number**2, -1))


def _detail(grey: np.ndarray) -> np.ndarray:
    """(..., F, F) less the mean of 5 x 5 neighbours."""
    band = np.abs(np.subtract.outer(np.arange(_FINE), np.arange(_FINE))) <= 2
    blur = (band / band.sum(axis=1, keepdims=True)).astype(np.float32)
    detail: np.ndarray = grey - blur @ grey @ blur.T
    return detail


def _unit(vectors: np.ndarray) -> np.ndarray:
    """(n, d) with mean 0 and length 1, so that a product is a correlation."""
    centred = vectors - vectors.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    made: np.ndarray = centred / np.maximum(length, 1e-6)
    return made
