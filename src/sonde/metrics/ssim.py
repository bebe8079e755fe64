"""Structural similarity: whether pictures look like the true ones, pattern by pattern.

Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
Similarity", 2004, eq. 13 and section III-C: a Gaussian window of 11 x 11 pixels with a deviation of
1.5, K1 = 0.01, K2 = 0.03, the mean over all places where the window lies inside the picture. In
colour it is the mean over the channels; the paper looks at grey pictures.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds
from sonde.metrics._mean import RowMean

SIMILARITY = "similarity"
"""Name of the array that holds each picture's similarity."""

_SIDE, _DEVIATION = 11, 1.5  # of the window, in pixels
_STABLE = (0.01**2, 0.03**2)  # C1, C2 where intensities are in [0, 1]
_AT_ONCE = 2**17  # values of a strip, so that what is made of it stays in the cache


class StructuralSimilarity(RowMean):
    """The mean over pictures, in [-1, 1]; 1 where they are equal."""

    bounds: ClassVar[Bounds] = (-1.0, 1.0)
    meets_bounds: ClassVar[bool] = True

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each picture's similarity."""
        return predicted[SIMILARITY].astype(np.float64)


def similarities(said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(N,) float64 structural similarities.

    A picture smaller than the window is looked at through a smaller one, of an odd side. Large ones
    are gone through in strips.

    Args:
        said: (N, C, H, W) intensities in [0, 1], or uint8.
        true: (N, C, H, W) the same.
    """
    height, width = said.shape[2:]
    window = _window(min(_SIDE, height, width))
    places = height - len(window) + 1
    together = max(1, _AT_ONCE // max(1, said[0].size)) if len(said) else 1
    deep = max(1, _AT_ONCE // (said.shape[1] * width))
    sums = np.zeros(len(said))
    for first in range(0, len(said), together):
        rows = slice(first, first + together)
        for top in range(0, places, deep):
            strip = slice(top, min(top + deep, places) + len(window) - 1)
            left, right = (_intensities(each[rows, :, strip]) for each in (said, true))
            sums[rows] += _similarity_map(left, right, window).sum(axis=(1, 2, 3))
    found: np.ndarray = sums / (said.shape[1] * places * (width - len(window) + 1))
    return found


def _similarity_map(said: np.ndarray, true: np.ndarray, window: np.ndarray) -> np.ndarray:
    """(N, C, H - S + 1, W - S + 1) eq. 13 at each place of a window of side S."""
    mean, expected = _weighed(said, window), _weighed(true, window)
    both, squares = mean * expected, mean**2 + expected**2
    covariance = _weighed(said * true, window) - both
    variances = _weighed(said**2 + true**2, window) - squares
    small, large = _STABLE
    found: np.ndarray = (2 * both + small) * (2 * covariance + large)
    found /= (squares + small) * (variances + large)
    return found


def _weighed(values: np.ndarray, window: np.ndarray) -> np.ndarray:
    """(..., H, W) -> (..., H - S + 1, W - S + 1) weighed means, down and then across."""
    for axis in (-2, -1):
        moved = np.moveaxis(values, axis, 0)
        places = len(moved) - len(window) + 1
        total = window[0] * moved[:places]
        for step, weight in enumerate(window[1:], start=1):
            total += weight * moved[step : step + places]
        values = np.moveaxis(total, 0, axis)
    return values


def _window(most: int) -> np.ndarray:
    """(S,) the weights along one axis, of the largest odd side up to `most`; they sum to 1."""
    reach = (most - 1) // 2
    weights: np.ndarray = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * _DEVIATION**2))
    weights /= weights.sum()
    return weights


def _intensities(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64) / (255 if values.dtype == np.uint8 else 1)
