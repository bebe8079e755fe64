"""Scores of a language model: how surprised it is by what people wrote.

Each row keeps sums, so that a score over many texts is exact, and so is its interval by text.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.metrics._ratio import ratio


class _Surprise(Metric):
    """The sum of -ln p over all words, for each of something that texts are counted in."""

    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)
    is_mean: ClassVar[bool] = True

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): a text's nats, and its size."""
        return np.stack([_wide(predicted["nats"]), self._sizes(predicted, truth)], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        return ratio(sums[..., 0], sums[..., 1])

    def _sizes(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) float64: the words of each text, its end among them where that is learned."""
        return _wide(predicted["words"])


class Nats(_Surprise):
    """Nats per word (or character, or piece, whatever the text column's steps are)."""

    kind: ClassVar[str] = "nats"


class Perplexity(_Surprise):
    """e to the nats per word: among how many equally likely words it would choose as badly."""

    kind: ClassVar[str] = "perplexity"

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        found: np.ndarray = np.exp(ratio(sums[..., 0], sums[..., 1]))
        return found


class BitsPerCharacter(_Surprise):
    """Bits per character of the raw text, by which models with other steps compare.

    Exact where no word is unknown: one that has no place costs only that it is unknown, and `write`
    says how many these are.
    """

    kind: ClassVar[str] = "bits per character"

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        found: np.ndarray = ratio(sums[..., 0], sums[..., 1]) / math.log(2)
        return found

    def _sizes(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) float64: the characters of each text."""
        return _wide(truth["characters"])


def _wide(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float64)
