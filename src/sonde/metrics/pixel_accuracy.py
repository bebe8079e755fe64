"""Pixel accuracy: the part of all pixels whose class is right."""

from __future__ import annotations

import numpy as np

from sonde.metrics._pixels import PixelShare


class PixelAccuracy(PixelShare):
    """Right pixels over all whose truth is known, in [0, 1]."""

    def counted(self, right: np.ndarray, known: np.ndarray) -> np.ndarray:
        """The right ones."""
        return right
