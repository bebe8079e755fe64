"""Weak segments: where among the test rows a model errs more than elsewhere.

A small tree, grown on one half of the test rows, looks for segments with large errors; whether they
are weak is measured on the other half, which had no say in where they lie (as in Chung, Kraska,
Polyzotis, Tae, Whang, "Slice Finder", 2019, arXiv:1807.06068, with an honest tree in place of a
search: Athey, Imbens, "Recursive partitioning for heterogeneous causal effects", 2016). So a
segment that is shown is no accident of having looked at many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from sonde.core.seed import numpy_rng
from sonde.evaluate._units import units_of
from sonde.evaluate.significance import holm

MOST_ROWS = 50_000
_DEPTH = 3
_FEWEST = 20
"""Rows of a segment in each half, at least; and 5 % of the half."""
_MOST_VALUES = 12
"""Commonest values of a field that a segment may name."""
_MOST_SHOWN = 5
_LEVEL = 0.05


@dataclass(frozen=True)
class Segment:
    """Some rows that share what their fields say, measured on rows that did not choose them.

    Attributes:
        conditions: what they share, in words, such as "age above 40.5".
        rows: (n,) positions of the rows it was measured on.
        error: their mean error.
        elsewhere: the mean error of the other rows.
        p: of no difference, one-sided, as if this were the only segment looked at.
    """

    conditions: tuple[str, ...]
    rows: np.ndarray
    error: float
    elsewhere: float
    p: float

    def __str__(self) -> str:
        return " and ".join(self.conditions)


@dataclass(frozen=True)
class _Feature:
    """A column the tree may cut: (N,) numbers, or 1.0 where a field has one value."""

    name: str
    values: np.ndarray
    value: str | None = None

    def said(self, low: float, high: float, missing: bool | None) -> str:
        """What a row in (low, high] has, in words."""
        if self.value is not None:
            return f"{self.name} is {'' if low >= 0 else 'not '}{self.value!r}"
        parts = [f"above {low:.4g}"] if np.isfinite(low) else []
        parts += [f"at most {high:.4g}"] if np.isfinite(high) else []
        said = f"{self.name} {' and '.join(parts)}" if parts else f"{self.name} is"
        if missing is None:
            return said
        if not parts:
            return f"{self.name} is missing" if missing else f"{self.name} is there"
        return f"{said} or missing" if missing else said


def weak_segments(
    errors: np.ndarray,
    fields: Mapping[str, np.ndarray],
    *,
    seed: int,
    groups: np.ndarray | None = None,
) -> list[Segment]:
    """Segments shown to have larger errors than the rest, the worst first; often there are none.

    Args:
        errors: (N,) each row's error, larger is worse.
        fields: name -> (N,) float64 numbers, NaN where missing, or (N,) object texts or None.
        seed: of the halves.
        groups: (N,) equal where rows hang together: a group lies in one half.
    """
    half = _half(len(errors), groups, seed)
    features = [made for name, values in fields.items() for made in _features(name, values, half)]
    fewest = max(_FEWEST, int(0.05 * half.sum()))
    if not features or min(half.sum(), (~half).sum()) < 2 * fewest or not np.ptp(errors[half]):
        return []
    leaves = _leaves(errors, features, half, fewest, seed)
    found = []
    for conditions, inside in leaves:
        rows = np.flatnonzero(inside & ~half)
        rest = np.flatnonzero(~inside & ~half)
        if conditions and len(rows) >= _FEWEST and len(rest) >= _FEWEST:
            p = _p_of_worse(errors, rows, rest, groups)
            error, elsewhere = float(errors[rows].mean()), float(errors[rest].mean())
            found.append(Segment(conditions, rows, error, elsewhere, p))
    kept = [s for s, p in zip(found, holm([s.p for s in found]), strict=True) if p < _LEVEL]
    return sorted(kept, key=lambda segment: -segment.error)[:_MOST_SHOWN]


def _half(rows: int, groups: np.ndarray | None, seed: int) -> np.ndarray:
    """(N,) bool, whether a row is in the half that grows the tree."""
    units = units_of(rows, groups, seed=seed)
    drawn = numpy_rng(seed, "slices").permutation(units.count) < units.count // 2
    half: np.ndarray = drawn[units.of_rows]
    return half


def _features(name: str, values: np.ndarray, half: np.ndarray) -> Iterator[_Feature]:
    """Numbers as they are; of texts, one feature for each of the commonest values."""
    if values.dtype != object:
        finite = np.where(np.isfinite(values), values, np.nan)
        if np.isfinite(finite[half]).sum() >= 2 * _FEWEST:
            yield _Feature(name, finite)
        return
    texts = np.array(["(missing)" if value is None else str(value) for value in values])
    names, counts = np.unique(texts[half], return_counts=True)
    for at in np.argsort(-counts, kind="stable")[:_MOST_VALUES]:
        if counts[at] >= _FEWEST:
            yield _Feature(name, (texts == names[at]).astype(np.float64), str(names[at]))


def _leaves(
    errors: np.ndarray, features: Sequence[_Feature], half: np.ndarray, fewest: int, seed: int
) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """Each leaf of worse than average error on the growing half: conditions, (N,) its rows."""
    from sklearn.tree import DecisionTreeRegressor

    table = np.stack([feature.values for feature in features], axis=1)
    grown = DecisionTreeRegressor(
        max_depth=_DEPTH, min_samples_leaf=fewest, random_state=seed % 2**32
    )
    grown.fit(table[half], errors[half])
    place, mean = grown.apply(table), float(errors[half].mean())
    found = []
    for leaf in np.unique(place[half]):
        inside = place == leaf
        if errors[inside & half].mean() > mean:
            found.append((_path(grown.tree_, int(leaf), features, table, half), inside))
    return found


def _path(
    tree: object, leaf: int, features: Sequence[_Feature], table: np.ndarray, half: np.ndarray
) -> tuple[str, ...]:
    """The conditions from the root to a leaf, those of one feature put together."""
    left, right = tree.children_left, tree.children_right  # type: ignore[attr-defined]
    parents = {int(child): node for node in range(len(left)) for child in (left[node], right[node])}
    ranges: dict[int, tuple[float, float, bool | None]] = {}
    node = leaf
    while node in parents and node != 0:
        parent = parents[node]
        at = int(tree.feature[parent])  # type: ignore[attr-defined]
        cut, is_left = float(tree.threshold[parent]), node == left[parent]  # type: ignore[attr-defined]
        low, high, missing = ranges.get(at, (-np.inf, np.inf, None))
        low, high = (low, min(high, cut)) if is_left else (max(low, cut), high)
        if np.isnan(table[half, at]).any():
            goes_left = bool(tree.missing_go_to_left[parent])  # type: ignore[attr-defined]
            missing = (goes_left == is_left) and missing is not False
        ranges[at] = low, high, missing
        node = parent
    said = [features[at].said(*ranges[at]) for at in reversed(ranges)]
    return tuple(said)


def _p_of_worse(
    errors: np.ndarray, rows: np.ndarray, rest: np.ndarray, groups: np.ndarray | None
) -> float:
    """The one-sided p that errors here are no larger than there (Welch 1947), by group."""
    parts = []
    for among in (rows, rest):
        names = np.arange(len(among)) if groups is None else groups[among]
        _, place = np.unique(names, return_inverse=True)
        centred = errors[among] - errors[among].mean()
        sums, count = np.bincount(place, centred) / len(among), int(place.max()) + 1
        parts.append((float(np.square(sums).sum()) * count / max(1, count - 1), count))
    (first, here), (second, there) = parts
    gap, variance = float(errors[rows].mean() - errors[rest].mean()), first + second
    if not variance or min(here, there) < 2:
        return 0.0 if gap > 0 and min(here, there) > 1 else 1.0
    freedom = variance**2 / (first**2 / (here - 1) + second**2 / (there - 1))
    return float(student.sf(gap / np.sqrt(variance), freedom))
