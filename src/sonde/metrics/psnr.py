"""Peak signal-to-noise ratio: how far pictures are from the true ones, in decibels."""

from __future__ import annotations

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.metrics._mean import RowMean

SQUARED = "squared error"
"""Name of the array that holds each picture's mean squared error, of intensities in [0, 1]."""

_LEAST = 1e-10
"""Mean squared error below which nobody sees a difference: 100 dB."""

_AT_ONCE = 2**20  # values of a picture


class PeakSignalToNoise(RowMean):
    """The mean over pictures of 10 log10(1 / mean squared error), in dB, at most 100."""

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each picture's ratio."""
        return decibels(predicted[SQUARED])


def squared_errors(said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(N,) float64 mean squared errors over pixels, of intensities in [0, 1].

    Args:
        said: (N, ...) intensities in [0, 1], or uint8.
        true: (N, ...) the same.
    """
    said, true = said.reshape(len(said), -1), true.reshape(len(true), -1)
    values = said.shape[1] if len(said) else 1
    errors = np.zeros(len(said))
    for first in range(0, values, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        gaps = _intensities(said[:, part]) - _intensities(true[:, part])
        errors += np.square(gaps).sum(axis=1, dtype=np.float64)
    return errors / values


def decibels(errors: np.ndarray) -> np.ndarray:
    """(N,) mean squared errors of intensities in [0, 1] -> (N,) dB."""
    found: np.ndarray = -10 * np.log10(np.maximum(errors, _LEAST))
    return found


def _intensities(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) / (255 if values.dtype == np.uint8 else 1)
