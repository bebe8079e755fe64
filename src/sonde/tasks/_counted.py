"""A language model that counts: the simple rival of `write`.

The probability of a word after the n - 1 words before it is what counting says, less a discount,
which goes to what one word less says (absolute discounting, interpolated: Ney, Essen, Kneser, "On
Structuring Probabilistic Dependences in Stochastic Language Modelling", 1994, eq. 15; the discount
as in section 4.2, n1 / (n1 + 2 n2)). Below one word all places are equally likely.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column
from sonde.contracts.metric import Arrays
from sonde.contracts.task import Design
from sonde.core.port import END, START, UNKNOWN

_HIGHEST = 5
"""Words that are counted together at most."""


class _Order(NamedTuple):
    """What was counted of n words together; K distinct n-grams, C distinct contexts of them.

    Attributes:
        grams, counts: (K,) int64 numbers of n-grams, ascending, and how often each came.
        contexts, totals, kinds: (C,) int64 numbers of contexts, ascending; how often each came;
            and how many different words came after it.
        discount: in (0, 1].
    """

    grams: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    kinds: np.ndarray
    discount: float


@dataclass(frozen=True)
class Counted:
    """Counts of words in the training texts; a `Baseline`.

    Attributes:
        column: fitted; its steps are the words.
        ends: whether a text's end is a word too.
    """

    column: Column
    ends: bool

    def __call__(self, train: Design, test: Design, seed: int) -> Arrays:
        """What the test texts cost: {"nats", "words", "unknown": (N,) float64}."""
        grams, _ = self._grams(train.texts)
        orders = [_counted(grams[:, -n:], self._size) for n in range(1, self.highest + 1)]
        asked, rows = self._grams(test.texts)
        probability = np.full(len(asked), 1 / self._size)
        for n, order in enumerate(orders, start=1):
            probability = _mixed(order, asked[:, -n:], self._size, probability)
        count = len(next(iter(test.texts.values())))
        sums = {
            "nats": -np.log(probability),
            "words": np.ones(len(asked)),
            "unknown": (asked[:, -1] == UNKNOWN).astype(np.float64),
        }
        return {name: np.bincount(rows, each, count) for name, each in sums.items()}

    @property
    def highest(self) -> int:
        """Words counted together: five, or fewer where their numbers would not fit into 63 bits."""
        return next(n for n in range(_HIGHEST, 0, -1) if self._size**n < 2**63)

    @property
    def _size(self) -> int:
        size = self.column.port.size
        assert size is not None, "words have a number"
        return size

    def _grams(self, texts: Mapping[str, Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """(M, n) int64, each word behind those before it, `START` before the first; (M,) rows."""
        rows = pa.RecordBatch.from_pydict(
            {name: pa.array(texts[name], pa.string()) for name in self.column.reads}
        )
        encoded = self.column.encode(rows)
        assert encoded.starts is not None and encoded.lengths is not None, "texts are ragged"
        before = np.full(self.highest - 1, START)
        after = np.full(int(self.ends), END)
        ends = encoded.starts + encoded.lengths
        found, of = [np.empty((0, self.highest), np.int64)], [np.empty(0, np.int64)]
        for row, (start, end) in enumerate(zip(encoded.starts, ends, strict=True)):
            line = np.concatenate([before, encoded.values[start:end].astype(np.int64), after])
            if len(line) < self.highest:
                continue  # nothing is asked of it
            windows = np.lib.stride_tricks.sliding_window_view(line, self.highest)
            found.append(windows)
            of.append(np.full(len(windows), row))
        return np.concatenate(found), np.concatenate(of)


def _numbers(grams: np.ndarray, size: int) -> np.ndarray:
    """(M, n) words, each below `size` -> (M,) int64, a number for each n-gram."""
    numbers = np.zeros(len(grams), np.int64)
    for words in grams.T:
        numbers = numbers * size + words
    return numbers


def _counted(grams: np.ndarray, size: int) -> _Order:
    """What (M, n) n-grams of the training texts tell."""
    numbers, counts = np.unique(_numbers(grams, size), return_counts=True)
    contexts, place = np.unique(numbers // size, return_inverse=True)
    once, twice = (int((counts == times).sum()) for times in (1, 2))
    discount = once / (once + 2 * twice) if once else 0.5
    totals = np.bincount(place, counts, len(contexts))
    return _Order(numbers, counts, contexts, totals, np.bincount(place), discount)


def _mixed(order: _Order, grams: np.ndarray, size: int, below: np.ndarray) -> np.ndarray:
    """(M,) probabilities of the last words of (M, n) n-grams, given those of one word less."""
    numbers = _numbers(grams, size)
    counts = _looked_up(order.grams, order.counts, numbers)
    totals = _looked_up(order.contexts, order.totals, numbers // size)
    kinds = _looked_up(order.contexts, order.kinds, numbers // size)
    met = totals > 0
    safe = np.where(met, totals, 1)
    own = np.maximum(counts - order.discount, 0) / safe
    return np.where(met, own + order.discount * kinds / safe * below, below)


def _looked_up(keys: np.ndarray, values: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """(M,) float64: the values of the asked keys, 0 where there is none."""
    if not len(keys):
        return np.zeros(len(asked))
    at = np.searchsorted(keys, asked).clip(max=len(keys) - 1)
    return np.where(keys[at] == asked, values[at], 0).astype(np.float64)
