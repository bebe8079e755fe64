"""Pixel error: the part of all pixels whose class is wrong.

The third measure of the ISBI 2012 challenge: Arganda-Carreras and others, "Crowdsourcing the
creation of image segmentation algorithms for connectomics", 2015, section 2.3.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sonde.metrics._pixels import PixelShare


class PixelError(PixelShare):
    """Wrong pixels over all whose truth is known, in [0, 1]."""

    higher_is_better: ClassVar[bool] = False

    def counted(self, right: np.ndarray, known: np.ndarray) -> np.ndarray:
        """The wrong ones."""
        wrong: np.ndarray = known - right
        return wrong
