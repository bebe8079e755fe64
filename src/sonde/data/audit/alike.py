"""How much alike the answers of kin are: of rows that share a value, two by two.

Of classes it is Cohen's kappa (1960, Educational and Psychological Measurement 20(1)) with the
chance that any two rows agree, of a quantity the intraclass correlation of its ranks (Fisher 1925,
"Statistical Methods for Research Workers", section 38).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.data._alone import as_numbers
from sonde.data.audit.looked_at import LookedAt
from sonde.data.columns._sketch import hashed
from sonde.data.columns._text import counted, to_text, trimmed

_FEWEST_PAIRS = 50
_NEAR, _SURE = 0.3, 5.0
"""Likeness in [-1, 1] from which kin are told, and its least size in its own error by chance."""


def told_alike(data: LookedAt, values: pa.Array, target: str) -> str | None:
    """How near the answers of kin are, in words; None where it is not nearer than by chance."""
    column = data.columns[target]
    answers = data.fields.get(column.reads[0])
    if answers is None:
        return None
    quantity = as_numbers(answers) if column.port.kind == "scalar" else None
    if quantity is None and column.port.kind != "category":
        return None
    labels = quantity if quantity is not None else _codes(answers)
    known = ~np.isnan(labels) if quantity is not None else labels >= 0
    codes = _codes(values)
    rows = np.flatnonzero(known & (codes >= 0))
    one, other = _pairs(codes, rows)
    if len(one) < _FEWEST_PAIRS:
        return None
    words, likeness = (_by_class if quantity is None else _by_rank)(labels, rows, one, other)
    if likeness < _NEAR or likeness * np.sqrt(len(one)) < _SURE:
        return None
    return f"their {target!r} {words}"


def _pairs(codes: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of one code, two by two: neighbours in an order that owes nothing to the file's."""
    order = rows[np.lexsort((hashed(rows.astype(np.uint64)), codes[rows]))]
    same = codes[order[:-1]] == codes[order[1:]]
    return order[:-1][same], order[1:][same]


def _by_class(
    labels: np.ndarray, rows: np.ndarray, one: np.ndarray, other: np.ndarray
) -> tuple[str, float]:
    """Agreement beyond chance."""
    shares = np.bincount(labels[rows]) / len(rows)
    chance = float((shares**2).sum())
    agree = float((labels[one] == labels[other]).mean())
    words = f"agrees in {agree:.0%} of pairs ({chance:.0%} by chance)"
    return words, (agree - chance) / max(1e-9, 1 - chance)


def _by_rank(
    values: np.ndarray, rows: np.ndarray, one: np.ndarray, other: np.ndarray
) -> tuple[str, float]:
    """Correlation of ranks; the words have the quantity itself, in medians."""
    _, place, counts = np.unique(values[rows], return_inverse=True, return_counts=True)
    ranks = np.empty(len(values))
    ranks[rows] = (np.cumsum(counts) - counts / 2)[place]
    likeness = 1 - ((ranks[one] - ranks[other]) ** 2).mean() / max(1e-9, 2 * ranks[rows].var())
    any_two = rows[np.argsort(hashed(rows.astype(np.uint64)))]
    within = float(np.median(np.abs(values[one] - values[other])))
    by_chance = float(np.median(np.abs(values[any_two] - values[np.roll(any_two, 1)])))
    words = f"differs by {counted(within)} ({counted(by_chance)} by chance), in the median of pairs"
    return f"{words}: their ranks correlate by {likeness:.2f}", float(likeness)


def _codes(values: pa.Array) -> np.ndarray:
    """(n,) int64 place of each value among the distinct ones, -1 where there is none."""
    coded = pc.dictionary_encode(trimmed(to_text(values, name=""), ()))
    found: np.ndarray = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    return found.astype(np.int64)
