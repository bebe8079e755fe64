"""F1 over labels, of which a row may have several or none.

Micro counts all labels together, so common ones lead; macro is the plain mean of each label's own
F1, so rare ones count as much (Tsoumakas, Katakis, "Multi-Label Classification", 2007, section 5).
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np

from sonde.contracts.metric import Arrays, Metric
from sonde.metrics._ratio import ratio


class LabelF1(Metric):
    """2 right / (said + true), in [0, 1]; a label that is neither said nor true is left out."""

    bounds: ClassVar[tuple[float | None, float | None]] = (0.0, 1.0)

    average: Literal["micro", "macro"] = "micro"

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 3 K) right, said and true labels of each row."""
        said, true = predicted["labels"].astype(np.float64), truth["labels"].astype(np.float64)
        return np.hstack([said * true, said, true])

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 3 K) -> (...)."""
        right, said, true = np.moveaxis(sums.reshape(*sums.shape[:-1], 3, -1), -2, 0)
        if self.average == "micro":
            return ratio(2 * right.sum(axis=-1), (said + true).sum(axis=-1))
        of_labels = np.nan_to_num(ratio(2 * right, said + true), nan=0.0)
        return ratio(of_labels.sum(axis=-1), (said + true > 0).sum(axis=-1))

    @classmethod
    def examples(cls) -> list[Self]:
        """Both averages."""
        return [cls(), cls(average="macro")]
