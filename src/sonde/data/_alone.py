"""How well one field alone ranks the rows of each class: the area under the ROC curve (AUC).

A field is cut into levels (its values, or quantile bins of a number), and a row is scored by how
often its level has the class among the rows of the other half. So a level of a single row, such as
a name, says nothing, however many levels there are (target encoding, cross-fitted: Micci-Barreca
2001, SIGKDD Explorations 3(1), with the folds that keep a row from voting for itself).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.data.columns._text import is_numeric, is_text, plain, to_numbers, to_text, trimmed

_BINS = 64
"""Quantile bins of a number at most."""

_ROWS_A_BIN = 20
"""Rows a bin should have."""

_READABLE = 0.95
"""Share of a field's texts that must be numbers for it to be ranked as numbers."""


@dataclass(frozen=True)
class Classes:
    """The classes that rows belong to, and two halves of the rows.

    Attributes:
        codes: (N,) int64 in [0, K).
        labels: K names of classes.
        half: (N,) bool, the first half.
    """

    codes: np.ndarray
    labels: tuple[str, ...]
    half: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        """(K,) rows of each class."""
        return np.bincount(self.codes, minlength=len(self.labels))


def by_presence(present: np.ndarray, classes: Classes) -> float:
    """The AUC in [0.5, 1] of whether a value is there, (N,) bool."""
    return _mean_auc(present.astype(np.int64), classes, fitted=False)


def by_value(values: pa.Array, classes: Classes) -> float:
    """The AUC in [0.5, 1] of what the value is; a missing one is a value too."""
    numbers = as_numbers(values)
    if numbers is None:
        levels = _word_levels(values)
        return _mean_auc(levels, classes) if levels is not None else 0.5
    binned = _mean_auc(_bins(numbers), classes)
    known = ~np.isnan(numbers)
    if not known.any():
        return 0.5
    ranked = np.where(known, numbers, np.median(numbers[known]))
    order = np.unique(ranked, return_inverse=True)[1]
    return max(binned, _mean_auc(order, classes, fitted=False))


def as_numbers(values: pa.Array) -> np.ndarray | None:
    """(N,) float64, NaN where missing, where nearly all values are numbers or moments."""
    if pa.types.is_temporal(values.type):
        whole = pa.int32() if values.type.bit_width == 32 else pa.int64()
        values = pc.cast(values, whole)
    if not (is_numeric(values.type) or is_text(values.type)):
        return None
    numbers, wrong = to_numbers(values, name="")
    known = np.isfinite(numbers)
    if not known.any() or wrong.sum() > (1 - _READABLE) * (known.sum() + wrong.sum()):
        return None
    return np.where(known, numbers, np.nan)


def _word_levels(values: pa.Array) -> np.ndarray | None:
    """(N,) int64 level of each value; None where values are lists, pictures and the like."""
    if pa.types.is_nested(values.type) or isinstance(values.type, pa.BaseExtensionType):
        return None
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        return None
    coded = pc.dictionary_encode(trimmed(to_text(plain(values), name=""), ()))
    levels = pc.fill_null(coded.indices, len(coded.dictionary))
    numbered: np.ndarray = levels.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbered


def _bins(numbers: np.ndarray) -> np.ndarray:
    """(N,) int64: each distinct number a level where they are few, else quantile bins."""
    known = ~np.isnan(numbers)
    distinct = np.unique(numbers[known])
    most = max(2, min(_BINS, len(numbers) // _ROWS_A_BIN))
    if len(distinct) > most:
        steps = np.linspace(0.0, 1.0, most + 1)[1:-1]
        distinct = np.unique(np.quantile(numbers[known], steps, method="nearest"))
    levels: np.ndarray = np.where(known, np.searchsorted(distinct, numbers), len(distinct) + 1)
    return levels


def _mean_auc(levels: np.ndarray, classes: Classes, *, fitted: bool = True) -> float:
    """The classes' AUCs, one against the rest, weighted by their rows.

    Args:
        levels: (N,) int64; ranked as they are unless `fitted`.
        classes: of the rows.
        fitted: whether levels are scored by how often they have the class in the other half.
    """
    count, num_classes = int(levels.max()) + 1, len(classes.labels)
    tables = [
        np.bincount(levels[h] * num_classes + classes.codes[h], minlength=count * num_classes)
        .reshape(count, num_classes)
        .astype(float)
        for h in (classes.half, ~classes.half)
    ]
    if not fitted:
        tables = [tables[0] + tables[1]]
    weights, areas = classes.counts / len(levels), np.zeros(num_classes)
    for own, other in zip(tables, tables[::-1], strict=True):
        scores = _scores(other) if fitted else np.arange(count)[:, None].repeat(num_classes, 1)
        areas += [_auc(scores[:, k], own[:, k], own.sum(1) - own[:, k]) for k in range(num_classes)]
    areas /= len(tables)
    return float(weights @ (areas if fitted else np.maximum(areas, 1 - areas)))


def _scores(table: np.ndarray) -> np.ndarray:
    """(L, K) how often each level has each class, drawn to the whole by one row's weight."""
    whole = table.sum(0) / max(1.0, table.sum())
    scores: np.ndarray = (table + whole) / (table.sum(1, keepdims=True) + 1.0)
    return scores


def _auc(scores: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> float:
    """From (L,) scores and how many rows of each kind have them; ties count half."""
    order = np.argsort(scores, kind="stable")
    cuts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    positive = np.add.reduceat(positive[order], cuts)
    negative = np.add.reduceat(negative[order], cuts)
    pairs = positive.sum() * negative.sum()
    if not pairs:
        return 0.5
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / pairs)
