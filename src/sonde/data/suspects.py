"""Suspects: fields that nearly fix the target, and so may be known only after it.

A field is suspect where any of these holds, over at least 50 rows with a target:

1. Whether it is filled in ranks the rows with an AUC above 0.95, as the lifeboat of a passenger.
2. The target is one of classes; at least 50 rows have it filled in (or left empty), and 99 % of
   them are of one class, as where a body has a number; and by their share of all rows ten or more
   of other classes were to be expected there, and a tenth of that or less is found. Of a quantity
   this is no sign: that parked cars cost less is honest.
3. Its values rank the rows with an AUC above 0.99; or above 0.95 while no other field comes near:
   the best other one errs at least four times as much. Where several fields do so well, as
   measurements of a tumour do, the problem is easy and none of them is blamed.
4. It adds up with others to a numeric target: a part of it, as sales in one region of all sales.

Classes are looked at one against the rest and weighted by their rows; of a number, the classes are
above its median or not. A single value that fixes the target, as a rare profit may, makes no field
suspect: the field as a whole has to.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from heapq import nlargest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.core.text import to_flow
from sonde.data._alone import Classes, as_numbers, by_presence, by_value
from sonde.data.columns._sketch import hashed
from sonde.data.columns._text import is_numeric, is_text, plain, shortened, to_text, trimmed

_ROWS = 20_000
"""Rows looked at: an AUC of 0.95 is then known to 0.002."""

_FEWEST_ROWS = 50
_SURE, _STRONG, _NEAR = 0.99, 0.95, 4.0
"""AUCs, and how many times as much the best other field must err."""

_PURE, _EXPECTED, _FEWER = 0.99, 10.0, 0.1
"""Share of one class; the rows of others to be expected by their share of all rows, at least; and
what part of these may be there."""

_FEWEST_OF_A_CLASS = 10
_MOST_CLASSES = 20
_FEW_VALUES = 10
"""A numeric target with so few values is one of classes."""

_UNIT, _LEFT_OVER = 0.05, 0.02
"""How far a part's coefficient may be from 1, and the residue from 0 in deviations."""

_AFTERWARDS = "known only afterwards?"


def suspects(
    fields: Mapping[str, pa.Array | pa.ChunkedArray],
    target: pa.Array | pa.ChunkedArray,
    *,
    name: str = "the target",
    numeric: bool | None = None,
) -> dict[str, str]:
    """Suspect field -> why, in words with the figure.

    Args:
        fields: (N,) raw values by field, the target's not among them.
        target: (N,) raw values; rows without one are left out.
        name: the target's name, for the words.
        numeric: whether the target is a quantity; None takes numbers of more than ten values.
    """
    rows = _sampled(target)
    if len(rows) < _FEWEST_ROWS:
        return {}
    answers = _whole(target).take(pa.array(rows))
    taken = {field: _whole(values).take(pa.array(rows)) for field, values in fields.items()}
    quantity = as_numbers(answers) if numeric is not False else None
    if numeric is None and quantity is not None and len(np.unique(quantity)) <= _FEW_VALUES:
        quantity = None
    classes = _classes(answers, quantity, hashed(rows.astype(np.uint64)))
    if classes is None:
        return {}
    decided = name if quantity is None else f"whether {name} is in its upper half"
    found = _by_presence(taken, classes, decided, mixed=quantity is None)
    found |= _by_value({f: v for f, v in taken.items() if f not in found}, classes, decided)
    if quantity is not None:
        found |= _parts(taken, quantity, name)
    return {field: found[field] for field in fields if field in found}


def accepting(fields: Iterable[str]) -> str:
    """The option of a command that takes suspects in, ready to be pasted into a shell."""
    return f"--set {shlex.quote(f'accept={to_flow(fields)}')}"


def _sampled(target: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """(n,) int64 ascending: rows with a target, at most `_ROWS` of them, spread by hash."""
    known = pc.is_valid(_blank_to_null(_whole(target))).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(known)
    if len(rows) > _ROWS:
        rows = np.sort(rows[np.argsort(hashed(rows.astype(np.uint64)))[:_ROWS]])
    return rows


def _whole(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _blank_to_null(values: pa.Array) -> pa.Array:
    """An empty text is missing, and so is NaN."""
    if is_text(values.type):
        return trimmed(plain(values), ())
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), None, values)
    return values


def _classes(answers: pa.Array, quantity: np.ndarray | None, hashes: np.ndarray) -> Classes | None:
    """The classes of the target; None where there are not two with rows enough."""
    if quantity is not None:
        middle = np.median(quantity[~np.isnan(quantity)])
        above = quantity > middle if (quantity > middle).any() else quantity >= middle
        codes = above.astype(np.int64)
        labels: tuple[str, ...] = ("the lower half", "the upper half")
    elif is_text(answers.type) or is_numeric(answers.type) or pa.types.is_boolean(answers.type):
        coded = pc.dictionary_encode(trimmed(to_text(answers, name=""), ()))
        codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        codes, labels = _commonest(codes, coded.dictionary.to_pylist())
    else:
        return None
    found = Classes(codes, labels, (hashes >> np.uint64(7)) % np.uint64(2) == 0)
    return found if (found.counts >= _FEWEST_OF_A_CLASS).sum() > 1 else None


def _commonest(codes: np.ndarray, labels: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The same classes where they are few; else all but the commonest as one."""
    if len(labels) <= _MOST_CLASSES:
        return codes, tuple(labels)
    order = np.argsort(-np.bincount(codes), kind="stable")[: _MOST_CLASSES - 1]
    place = np.full(len(labels), _MOST_CLASSES - 1)
    place[order] = np.arange(_MOST_CLASSES - 1)
    return place[codes], (*(labels[index] for index in order), "others")


def _by_presence(
    taken: Mapping[str, pa.Array], classes: Classes, name: str, *, mixed: bool
) -> dict[str, str]:
    """Fields whose presence is telling; where `mixed`, also in part of the rows."""
    found = {}
    for field, values in taken.items():
        present = pc.is_valid(_blank_to_null(values)).to_numpy(zero_copy_only=False)
        if present.all() or not present.any():
            continue
        auc = by_presence(present, classes)
        if auc > _STRONG:
            found[field] = (
                f"whether it is filled in almost decides {name} (AUC {auc:.2f}): {_AFTERWARDS}"
            )
        elif mixed and (told := _pure(present, classes)):
            found[field] = f"{told}: {_AFTERWARDS}"
    return found


def _pure(present: np.ndarray, classes: Classes) -> str | None:
    """What is told where nearly all rows with, or without, a value are of one class."""
    shares = classes.counts / len(present)
    for rows, words in ((present, "filled in"), (~present, "empty")):
        count = int(rows.sum())
        inside = np.bincount(classes.codes[rows], minlength=len(shares))
        top = int(inside.argmax())
        others, expected = count - inside[top], count * (1 - shares[top])
        if (
            count >= _FEWEST_ROWS
            and others <= (1 - _PURE) * count
            and expected >= _EXPECTED
            and others <= _FEWER * expected
        ):
            return (
                f"of the {count:,} rows where it is {words}, {inside[top] / count:.0%} are "
                f"{shortened(classes.labels[top], 30)!r} ({shares[top]:.0%} of all rows)"
            )
    return None


def _by_value(taken: Mapping[str, pa.Array], classes: Classes, name: str) -> dict[str, str]:
    """Fields whose values are telling, alone or far more than any other field's."""
    areas = {field: by_value(values, classes) for field, values in taken.items()}
    found = {}
    best = nlargest(2, (auc for auc in areas.values() if auc <= _SURE))
    for field, auc in areas.items():
        others = best[1:] if best[:1] == [auc] else best[:1]
        alone = 1 - max(others, default=0.5) >= _NEAR * (1 - auc)
        if auc > _SURE or (auc > _STRONG and alone):
            shown = f"{auc:.2f}" if auc < 0.995 else f"{auc:.3f}"
            found[field] = f"it alone almost decides {name} (AUC {shown}): {_AFTERWARDS}"
    return found


def _parts(taken: Mapping[str, pa.Array], quantity: np.ndarray, name: str) -> dict[str, str]:
    """Fields that add up to the target, each with a coefficient of one."""
    numbers = {f: n for f, v in taken.items() if (n := as_numbers(v)) is not None}
    numbers = {f: n for f, n in numbers.items() if np.isnan(n).mean() < 0.5 and n.std() != 0}
    if len(numbers) < 2:
        return {}
    matrix = np.stack(list(numbers.values()), axis=1)
    whole = ~np.isnan(matrix).any(axis=1) & ~np.isnan(quantity)
    matrix, wanted = matrix[whole], quantity[whole]
    if len(wanted) < max(_FEWEST_ROWS, 4 * matrix.shape[1]) or not wanted.std():
        return {}
    centred, spread = matrix - matrix.mean(axis=0), matrix.std(axis=0)
    spread[spread == 0] = 1.0
    weights = np.linalg.lstsq(centred / spread, wanted - wanted.mean(), rcond=1e-10)[0] / spread
    parts = np.flatnonzero(np.abs(np.abs(weights) - 1.0) < _UNIT)
    rest = wanted - matrix[:, parts] @ np.sign(weights[parts])
    if len(parts) < 2 or rest.std() > _LEFT_OVER * wanted.std():
        return {}
    names = [list(numbers)[index] for index in parts]
    return {
        field: f"adds up with {_and([n for n in names if n != field])} to {name}: a part of it?"
        for field in names
    }


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
