"""The probability that was given to what turned out to be true."""

from __future__ import annotations

import numpy as np

from sonde.contracts.metric import Arrays


def true_probability(predicted: Arrays, truth: Arrays) -> np.ndarray:
    """(N,) float64 in [0, 1]; 0 for a class never seen in training (index -1)."""
    probability, index = predicted["probability"], truth["index"]
    given = np.take_along_axis(probability, np.maximum(index, 0)[:, None].astype(np.int64), axis=1)
    return np.where(index >= 0, given[:, 0].astype(np.float64), 0.0)
