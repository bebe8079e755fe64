"""How often parts of texts come, in memory that does not grow with the texts."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from sonde.core.notice import tell
from sonde.data.columns._levels import Tally

_MOST = 4_000_000
"""Distinct parts that are counted at once: no language has so many words."""


class PartCounts:
    """Counts that are exact up to `_MOST` distinct parts; beyond, the rarest are forgotten.

    Manku, Motwani, "Approximate Frequency Counts over Data Streams", 2002: what comes often is
    never lost.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._tally = Tally()
        self._added = 0
        self._forgotten = False

    def add(self, parts: pa.StringArray) -> None:
        """The next (n,) parts of texts."""
        words, counts = pc.value_counts(parts).flatten()
        self._tally.add(words, counts.to_numpy())
        self._added += len(words)
        if self._added > _MOST:
            self._forget()

    def counts(self) -> Counter[str]:
        """How often each part came."""
        if self._forgotten:
            tell(
                f"{self._name}: its training texts have more than {_MOST:,} different words, so "
                "that the rarest were forgotten while counting"
            )
        return self._tally.counts()

    def _forget(self) -> None:
        seen, rarest = self._tally.counts(), 1
        while len(seen) > _MOST // 2:
            for part in [part for part, count in seen.items() if count <= rarest]:
                del seen[part]
            self._forgotten, rarest = True, 2 * rarest
        self._added = len(seen)
