"""A bounded sample of a stream of numbers, from which quantiles are read."""

from __future__ import annotations

import numpy as np

_KEPT = 1 << 16
"""Numbers kept: their quantiles are within 0.6 % of rank of those of the whole stream (the
Dvoretzky-Kiefer-Wolfowitz inequality at 95 %), and exact where there are no more than these."""


class Sketch:
    """Keeps the numbers whose places in the stream have the smallest hashes.

    So a number's fate depends on its place alone: the sample is uniform, and the same however the
    stream is cut into chunks (bottom-k sampling: Cohen, Kaplan, "Summarizing Data using Bottom-k
    Sketches", 2007).
    """

    def __init__(self) -> None:
        self._seen = 0
        self._values: list[np.ndarray] = []  # joined seldom, as that costs more than all the rest
        self._hashes: list[np.ndarray] = []
        self._held = 0
        self._below: np.uint64 | None = None  # a hash that every number to be kept is below
        self._span: tuple[float, ...] = ()

    def add(self, values: np.ndarray) -> None:
        """The next (n,) numbers of the stream; memory stays below twice `_KEPT` and a chunk."""
        if len(values):
            ends = (*self._span, float(values.min()), float(values.max()))
            self._span = (min(ends), max(ends))
        hashes = hashed(np.arange(self._seen, self._seen + len(values), dtype=np.uint64))
        self._seen += len(values)
        if self._below is not None:
            near = hashes < self._below
            values, hashes = values[near], hashes[near]
        self._values.append(values)
        self._hashes.append(hashes)
        self._held += len(values)
        if self._held > 2 * _KEPT:
            self._forget()

    @property
    def span(self) -> tuple[float, ...]:
        """The least and the greatest of the whole stream; () where nothing was added."""
        return self._span

    @property
    def kept(self) -> int:
        """How many numbers are in the sample."""
        return min(_KEPT, self._held)

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """(n,) float64, ascending, at these levels in [0, 1]; none where nothing was added."""
        if not self.kept:
            return np.empty(0)
        values = self._forget()
        # of two neighbours one, not their mean: a quantile is a value that was there
        found: np.ndarray = np.quantile(values, levels, method="nearest")
        return found

    def _forget(self) -> np.ndarray:
        """(n,) the numbers that are kept, `_KEPT` at most."""
        values, hashes = np.concatenate(self._values), np.concatenate(self._hashes)
        if len(hashes) > _KEPT:
            best = np.argpartition(hashes, _KEPT - 1)[:_KEPT]
            values, hashes = values[best], hashes[best]
            self._below = hashes.max()
        self._values, self._hashes, self._held = [values], [hashes], len(values)
        return values


def hashed(numbers: np.ndarray) -> np.ndarray:
    """(n,) uint64 -> (n,) uint64: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    mixed: np.ndarray = numbers + np.uint64(1)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed
