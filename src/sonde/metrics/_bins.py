"""Reliability: whether things said with probability p come true in p of all cases.

Bins hold equally many rows, as equal widths leave most bins all but empty (Nixon et al.,
"Measuring Calibration in Deep Learning", 2019, arXiv:1904.01685, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sonde.contracts.metric import Arrays


@dataclass(frozen=True)
class Reliability:
    """Bins in rising order of probability, M of them.

    Attributes:
        said: (M,) mean probability said in the bin.
        came_true: (M,) part of the bin's rows that came true.
        rows: (M,) rows in the bin.
    """

    said: np.ndarray
    came_true: np.ndarray
    rows: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error, in [0, 1]: the mean distance, rows weighing equally."""
        gaps = np.abs(self.said - self.came_true)
        return float((gaps * self.rows).sum() / self.rows.sum()) if len(self.rows) else float("nan")


def reliability(probability: np.ndarray, came_true: np.ndarray, *, bins: int = 10) -> Reliability:
    """Bins of about equally many rows; rows of equal probability are never torn apart.

    Args:
        probability: (N,) in [0, 1].
        came_true: (N,) bool.
        bins: how many at most.
    """
    said = probability.astype(np.float64)
    if not len(said):
        return Reliability(np.empty(0), np.empty(0), np.empty(0, np.int64))
    place = bins_of(said, bins)
    rows = np.bincount(place)
    kept = rows > 0
    sums = np.bincount(place, said)[kept]
    hits = np.bincount(place, came_true.astype(np.float64))[kept]
    return Reliability(sums / rows[kept], hits / rows[kept], rows[kept])


def bins_of(said: np.ndarray, bins: int, counts: np.ndarray | None = None) -> np.ndarray:
    """(N,) the bin of each row, about equally many rows in each; equal values are never torn apart.

    Args:
        said: (N,) values.
        bins: how many at most; some may stay empty.
        counts: (N,) how often each row stands there.
    """
    if not len(said):
        return np.empty(0, np.int64)
    order = np.argsort(said)
    upto = np.cumsum(np.ones(len(said)) if counts is None else counts[order])
    wanted = np.arange(1, bins) / bins * upto[-1]
    edges = said[order][np.minimum(np.searchsorted(upto, wanted * (1 - 1e-12)), len(said) - 1)]
    return np.searchsorted(np.unique(edges), said)  # a row at an edge lies below it


def sayings(predicted: Arrays, truth: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """(N,) float64 probabilities to be believed or not, and (N,) bool whether they came true.

    Of two classes, the probability of the second; of more, that of the answer.
    """
    probability, true = predicted["probability"], truth["index"]
    if probability.shape[1] == 2:
        return probability[:, 1].astype(np.float64), true == 1
    return probability.max(axis=1).astype(np.float64), predicted["index"] == true
