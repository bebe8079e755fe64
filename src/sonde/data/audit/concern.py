"""What an audit finds: a sentence, what to do, and the rows that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

MOST_PAIRS = 50
"""Pairs that are written down; the sentence counts them all."""


@dataclass(frozen=True)
class Concern:
    """Something in the data that may make a score better than it deserves.

    Attributes:
        kind: what sort, such as 'near copies'.
        severity: 'leak' where the score is surely helped by it, 'doubt' where it may be, 'note'
            where it bounds what can be learned.
        sentence: what was seen, with numbers.
        advice: what to do about it.
        pairs: row numbers that show it, two by two.
        count: how many there are of them in all.
        examples: some of the pairs in words, with the names of their files.
    """

    kind: str
    severity: Literal["leak", "doubt", "note"]
    sentence: str
    advice: str = ""
    pairs: Sequence[tuple[int, int]] = ()
    count: int = 0
    examples: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{self.sentence} {self.advice}".strip()

    def dump(self) -> dict[str, Any]:
        """As plain data."""
        shown = [list(pair) for pair in self.pairs[:MOST_PAIRS]]
        return {**vars(self), "pairs": shown, "examples": list(self.examples)}

    @classmethod
    def parse(cls, plain: Mapping[str, Any]) -> Concern:
        """What `dump` wrote."""
        pairs = [(int(one), int(other)) for one, other in plain["pairs"]]
        return cls(**{**plain, "pairs": pairs})
