"""Reliability: whether things said with probability p come true in p of all cases.

Bins hold equally many rows, as equal widths leave most bins all but empty (Nixon et al.,
"Measuring Calibration in Deep Learning", 2019, arXiv:1904.01685, section 4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
    inner_edges = np.quantile(said, np.arange(1, bins) / bins, method="inverted_cdf")
    place = np.searchsorted(np.unique(inner_edges), said)  # (N,), a row at an edge lies below it
    rows = np.bincount(place)
    kept = rows > 0
    sums = np.bincount(place, said)[kept]
    hits = np.bincount(place, came_true.astype(np.float64))[kept]
    return Reliability(sums / rows[kept], hits / rows[kept], rows[kept])
