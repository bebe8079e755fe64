"""From the pixels of a line to its course: x as a polynomial of y, little moved by strays.

A mask of a line is a band; its middle is found by least squares over all its pixels, each row of
pixels counting alike, since a road's lines are broad below and thin above. The fit is repeated with
weights that fall with the distance from it, in half widths of the band: Beaton, Tukey, "The Fitting
of Power Series, Meaning Polynomials, Illustrated on Band-Spectroscopic Data", 1974 (the biweight),
after a start that large errors cannot pull far (Huber 1964).
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

_ROUNDS = 12
_HUBER, _BIWEIGHT = 1.0, 4.0
"""Half widths from which a pixel counts less, and from which it counts for nothing."""

_FEWEST = 0.02
"""Part of a picture's height that a line has rows in at least."""

_RIDGE = 1e-4
"""Against bends that a few rows alone do not tell, beside a mean square of 1 for each row."""


class Curve(NamedTuple):
    """x = sum of c_i t^i, t = (y - middle) / half: so that coefficients are of one size.

    Attributes:
        coefficients: (degree + 1,) pixels.
        top, bottom: y between which it is known, in pixels from the upper edge.
    """

    coefficients: np.ndarray
    top: float
    bottom: float

    @classmethod
    def fitted(cls, there: np.ndarray, degree: int) -> Self | None:
        """The course of a band of pixels; None where there are too few of them.

        Args:
            there: (H, W) bool.
            degree: of the polynomial; less where rows are few.
        """
        ys, xs = np.nonzero(there)
        often = np.bincount(ys, minlength=len(there))
        rows = int(np.count_nonzero(often))
        if rows < 3 or rows < _FEWEST * len(there):
            return None
        width = there.shape[1]
        cut = np.bincount(ys, (xs == 0) | (xs == width - 1), len(there)) > 0
        if np.count_nonzero(often[~cut]) >= 3 + rows // 4:
            inside = ~cut[ys]  # where the border cuts a band its middle is not the line's
            ys, xs = ys[inside], xs[inside]
        top, bottom = float(ys.min()), float(ys.max() + 1)
        y, x, half = ys + 0.5, xs + 0.5, often[ys] / 2
        degree = min(degree, int(np.count_nonzero(np.bincount(ys))) - 1)
        powers = _powers(y, top, bottom, degree)
        coefficients, weights = _robust(powers, x, half)
        kept = ys[weights > 0]
        return cls(coefficients, top, bottom).between(float(kept.min()), float(kept.max() + 1))

    def between(self, top: float, bottom: float) -> Self:
        """The same course, known between other heights."""
        y = np.linspace(top, bottom, len(self.coefficients))  # through so many points there is one
        powers = _powers(y, top, bottom, len(self.coefficients) - 1)
        return type(self)(np.linalg.solve(powers, self.at(y)), top, bottom)

    def at(self, y: np.ndarray) -> np.ndarray:
        """(n,) x at heights (n,), NaN where it is not known."""
        x = _powers(y, self.top, self.bottom, len(self.coefficients) - 1) @ self.coefficients
        return np.asarray(np.where((y >= self.top) & (y <= self.bottom), x, np.nan))

    def points(self, count: int) -> np.ndarray:
        """(count, 2) x and y along it, from the bottom up."""
        y = np.linspace(self.bottom, self.top, count)
        return np.stack([self.at(y), y], axis=1)


def _powers(y: np.ndarray, top: float, bottom: float, degree: int) -> np.ndarray:
    t = (y - (top + bottom) / 2) / max((bottom - top) / 2, 0.5)
    return np.vander(t, degree + 1, increasing=True)


def _robust(powers: np.ndarray, x: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, and what each pixel counted for in the end.

    Args:
        powers: (n, degree + 1).
        x: (n,) pixels.
        half: (n,) half the pixels of the line in the same row.
    """
    ridge = np.diag([0.0, 0.0, *(_RIDGE for _ in range(powers.shape[1] - 2))][: powers.shape[1]])
    base = 1 / (2 * half)  # a row's pixels count 1 together
    weights = base
    coefficients = np.zeros(powers.shape[1])
    for step in range(_ROUNDS):
        weighed = powers * weights[:, None]
        normal = weighed.T @ powers / weights.sum()
        target = weighed.T @ x / weights.sum()
        coefficients = np.linalg.lstsq(normal + ridge, target, rcond=None)[0]
        off = np.abs(x - powers @ coefficients) / np.maximum(half, 1)
        if step < _ROUNDS // 2:
            factor = _HUBER / np.maximum(off, _HUBER)
        else:
            factor = np.clip(1 - (off / _BIWEIGHT) ** 2, 0, None) ** 2
        if not factor.any():
            break
        weights = base * factor
    return coefficients, weights
