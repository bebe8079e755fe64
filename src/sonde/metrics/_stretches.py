"""Labels of words as stretches: which words together are one name, one date, one answer.

The prefixes B, I and O (Ramshaw, Marcus 1995; B at every beginning: Tjong Kim Sang, Veenstra 1999),
and E, S (or L, U) for ends and single words. What no such scheme allows, such as an I after another
kind, begins a stretch, as in the script that scores the CoNLL-2003 task.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from sonde.core.port import TOKENS

_PREFIX = re.compile(r"([BIESLU])[-_](.+)", re.DOTALL)
_BEGINS, _ENDS = frozenset("BSU"), frozenset("ESLU")


class Scheme:
    """What labels mean, from place `TOKENS` on.

    Attributes:
        kinds: names of stretches, by letter; none where labels are no stretches.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        met = [_PREFIX.fullmatch(label) for label in labels]
        self.kinds = tuple(sorted({m[2] for m in met if m}))
        place = {kind: at for at, kind in enumerate(self.kinds)}
        reserved = [-1] * TOKENS
        self._kind = np.array(reserved + [place[m[2]] if m else -1 for m in met], np.int64)
        self._begins = np.array([False] * TOKENS + [bool(m and m[1] in _BEGINS) for m in met])
        self._ends = np.array([False] * TOKENS + [bool(m and m[1] in _ENDS) for m in met])

    def stretches(self, tags: np.ndarray) -> np.ndarray:
        """(N, T) places of labels -> (S, 4) int64 row, start, end and kind, row by row."""
        rows, steps = tags.shape
        kind = np.full((rows, steps + 2), -1, np.int64)  # nothing before a row and behind it
        begins, ends = np.zeros((2, rows, steps + 2), bool)
        kind[:, 1:-1] = self._kind[tags]
        begins[:, 1:-1], ends[:, 1:-1] = self._begins[tags], self._ends[tags]
        inside = kind >= 0
        fresh = begins[:, 1:] | ends[:, :-1] | (kind[:, 1:] != kind[:, :-1])
        starts = inside[:, 1:] & fresh
        stops = inside[:, :-1] & fresh
        row, start = np.nonzero(starts)
        end = np.nonzero(stops)[1]
        return np.stack([row, start, end, kind[row, start + 1]], axis=1)

    def counts(self, said: np.ndarray, true: np.ndarray) -> np.ndarray:
        """(N, K, 3) int64 by row and kind: stretches said that are true, said, and true."""
        rows, kinds = len(said), len(self.kinds)
        found, asked = self.stretches(said), self.stretches(true)
        longest = max(said.shape[1], true.shape[1]) + 1
        hit = np.isin(_keys(found, longest, kinds), _keys(asked, longest, kinds))
        counts = np.zeros((rows, kinds, 3), np.int64)
        for place, each in enumerate((found[hit], found, asked)):
            np.add.at(counts[:, :, place], (each[:, 0], each[:, 3]), 1)
        return counts


def _keys(stretches: np.ndarray, longest: int, kinds: int) -> np.ndarray:
    """(S,) a number for each stretch."""
    row, start, end, kind = stretches.T
    keys: np.ndarray = ((row * longest + start) * longest + end) * max(1, kinds) + kind
    return keys
