"""Brier score: squared distance between probabilities and what came true.

Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78,
1950. With two classes it is halved, as most of the literature and scikit-learn do.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds
from sonde.metrics._mean import RowMean
from sonde.metrics._true_class import true_probability


class Brier(RowMean):
    """Mean squared distance, in [0, 1] for two classes and [0, 2] for more; 0 is best.

    A class never seen in training is one more class that was given probability 0.
    """

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, 2.0)

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each row's squared distance."""
        probability = predicted["probability"].astype(np.float64)
        squares = np.einsum("nk,nk->n", probability, probability)
        distance: np.ndarray = squares - 2 * true_probability(predicted, truth) + 1
        return distance / 2 if probability.shape[1] == 2 else distance  # |p - e_true|^2
