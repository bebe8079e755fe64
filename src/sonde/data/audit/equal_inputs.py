"""Rows that cannot be told apart by what the model is given, and are of different classes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.data.audit.concern import MOST_PAIRS, Concern
from sonde.data.audit.looked_at import LookedAt
from sonde.data.picked import picked


def contradictory_labels(data: LookedAt) -> Iterator[Concern]:
    """Equal inputs with different classes: a bound on what any model can reach."""
    inputs = list(data.inputs.values())
    classes = [n for n in data.targets if data.columns[n].port.kind == "category"]
    if not inputs or not classes:
        return
    first = data.first_of(inputs)
    repeated = first != np.arange(len(first))
    repeated[first[repeated]] = True
    rows = np.flatnonzero(repeated)
    for name in classes if len(rows) else ():
        labels, known = _labels(data, data.columns[name].reads[0], rows)
        yield from _contradictions(rows[known], first[rows[known]], labels[known], name)


def _labels(data: LookedAt, field: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) int64 label of each of these rows, and (n,) bool where there is one."""
    found = [chunk.column(0) for chunk in picked(data.source, [field], rows)]
    coded = pc.dictionary_encode(pa.chunked_array(found)).combine_chunks()
    known = pc.is_valid(coded).to_numpy(zero_copy_only=False)
    return pc.fill_null(coded.indices, 0).to_numpy(zero_copy_only=False).astype(np.int64), known


def _contradictions(
    rows: np.ndarray, kinds: np.ndarray, labels: np.ndarray, name: str
) -> Iterator[Concern]:
    """A concern where rows of one kind have more than one label."""
    kinds = np.unique(kinds, return_inverse=True)[1]
    cells, counts = np.unique(np.stack([kinds, labels], axis=1), axis=0, return_counts=True)
    most = np.zeros(kinds.max(initial=-1) + 1, np.int64)
    np.maximum.at(most, cells[:, 0], counts)
    mixed = np.bincount(cells[:, 0]) > 1
    wrong = int((np.bincount(kinds) - most)[mixed].sum())
    if not wrong:
        return
    yield Concern(
        "labels",
        "note",
        f"{int(mixed[kinds].sum()):,} rows have exactly the inputs of a row with another "
        f"{name!r}: no model can be right on {wrong:,} of them.",
        "Check how they were labelled, or give columns that tell them apart.",
        _opposed(rows, kinds, labels, mixed),
        wrong,
    )


def _opposed(
    rows: np.ndarray, kinds: np.ndarray, labels: np.ndarray, mixed: np.ndarray
) -> list[tuple[int, int]]:
    """Some pairs of equal inputs and different labels."""
    order = np.lexsort((rows, labels, kinds))
    one, other = order[:-1], order[1:]
    differ = (kinds[one] == kinds[other]) & (labels[one] != labels[other]) & mixed[kinds[one]]
    pairs = np.sort(np.stack([rows[one[differ]], rows[other[differ]]], axis=1), axis=1)
    return [(int(a), int(b)) for a, b in pairs[:MOST_PAIRS]]
