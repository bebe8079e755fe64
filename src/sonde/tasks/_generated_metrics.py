"""Scores of drawn pictures beside real ones.

Two need nothing but the pictures; they see pixels, and pixels forgive blur. The others look at both
through a classifier that the recipe names.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds
from sonde.metrics._mean import RowMean


class _PartOfRows(RowMean):
    """The part of the rows that something is true of, in [0, 1]."""

    bounds: ClassVar[Bounds] = (0.0, 1.0)


class Precision(_PartOfRows):
    """Part of the drawn pictures that lie among the real ones, by features: are they lifelike?"""

    kind: ClassVar[str] = "precision"

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each drawn picture's."""
        return predicted["among real"].astype(np.float64)


class Recall(_PartOfRows):
    """Part of the real pictures that lie among the drawn ones, by features: is nothing left out?"""

    kind: ClassVar[str] = "recall"

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each real picture's."""
        return truth["among drawn"].astype(np.float64)


class Agreement(_PartOfRows):
    """Part of the drawn pictures that the named classifier takes for what they should show."""

    kind: ClassVar[str] = "agreement"

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each drawn picture's."""
        return predicted["agrees"].astype(np.float64)


class NearestDrawn(RowMean):
    """Mean over real pictures of the distance to the nearest drawn one, of intensities in [0, 1].

    The distance is the root of the mean square over pixels.
    """

    kind: ClassVar[str] = "nearest drawn"
    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each real picture's."""
        return truth["to drawn"].astype(np.float64)


class NearestReal(RowMean):
    """Mean over drawn pictures of the distance to the nearest real one, as above."""

    kind: ClassVar[str] = "nearest real"
    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each drawn picture's."""
        return predicted["to real"].astype(np.float64)
