"""What a caller's rows have that no training row had: counted in passing, told once a column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from sonde.contracts.data import Column, Encoded
from sonde.core.errors import listed
from sonde.core.notice import say
from sonde.data.columns._strange import MOST_SHOWN


@dataclass
class _Seen:
    """Rows that are strange in one respect.

    Attributes:
        fate: what becomes of them.
        count: how many.
        examples: of their values, distinct; one more than is shown tells that there are others.
    """

    fate: str
    count: int = 0
    examples: dict[str, None] = field(default_factory=dict)

    def sentence(self, what: str, total: int) -> str:
        """`12 of 400 rows hold values that no training row had (mauve, teal); ...`."""
        shown = list(self.examples)[:MOST_SHOWN]
        more = ["..."] if len(self.examples) > MOST_SHOWN else []
        named = f" ({', '.join(shown + more)})" if shown else ""
        return f"{self.count:,} of {total:,} rows {what}{named}; {self.fate}"


class StrangeRows:
    """Counts chunk by chunk, in memory that does not grow with the rows."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = columns
        self._total = 0
        self._seen: dict[str, dict[str, _Seen]] = {}

    def add(self, rows: pa.RecordBatch, encoded: Mapping[str, Encoded]) -> None:
        """The next chunk, raw and as its columns encoded it."""
        self._total += len(rows)
        for name, made in encoded.items():
            for found in self._columns[name].strange(rows, made):
                of_column = self._seen.setdefault(name, {})
                seen = of_column.setdefault(found.what, _Seen(found.fate))
                seen.count += len(found.rows)
                for example in found.examples:
                    if len(seen.examples) <= MOST_SHOWN:
                        seen.examples[example] = None

    def tell(self) -> None:
        """One notice for each column that has something strange; of equal ones, one for all."""
        columns_of: dict[str, list[str]] = {}
        facts_of: dict[str, list[dict[str, Any]]] = {}
        for name, respects in self._seen.items():
            told = ". ".join(seen.sentence(what, self._total) for what, seen in respects.items())
            columns_of.setdefault(told, []).append(name)
            facts_of[told] = [
                {"what": what, "rows": seen.count, "of": self._total}
                for what, seen in respects.items()
            ]
        for told, names in columns_of.items():
            say(f"{listed(names)}: {told}", columns=names, strange=facts_of[told])
