"""F1 of lines: how much of what is true was found, and of what was found is true.

A line is asked at each row of pixels that it crosses: as in the TuSimple benchmark of 2017, where a
point is right if it is within a few pixels of the truth, but with what is said wrongly counted too.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.metrics._ratio import ratio


class LineF1(Metric):
    """The harmonic mean of precision and recall of points, over all pictures together.

    It reads predicted["points"] (N, 3): points of said lines, those near a true line of their
    class, points of true lines near a said one; and truth["points"] (N,), points of true lines.
    NaN where there is no line at all.
    """

    bounds: ClassVar[Bounds] = (0.0, 1.0)

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 4): said, near a true one, found, true."""
        true = np.asarray(truth["points"], np.float64)
        return np.concatenate([predicted["points"], true[:, None]], axis=1).astype(np.float64)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 4) -> (...)."""
        said, near, found, true = np.moveaxis(sums, -1, 0)
        precision, recall = ratio(near, said), ratio(found, true)
        both = precision + recall
        score = np.where(both > 0, ratio(2 * precision * recall, both), 0.0)
        one = np.isnan(precision) != np.isnan(recall)  # only said, or only true
        return np.where(one, 0.0, np.where(np.isnan(both), np.nan, score))
