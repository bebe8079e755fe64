"""Groups: rows that hang together, such as pictures of one patient, stay in one part.

A model that has seen a patient knows the patient; rows of one group on both sides of a split make
a score better than it will ever be again. Groups differ in size, so parts are filled greedily: by
rows, and where values are to keep their proportion, by the rows of each value too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from sonde.contracts.data import Rows
from sonde.core.errors import DataError, counted
from sonde.core.notice import say
from sonde.data.columns._text import is_text
from sonde.data.splits._parts import strata

Sign = Annotated[str, Field(min_length=1)]

_TRIES, _FEW = 10, 5_000
"""Orders tried when few groups are drawn; many fill a part well in any order."""

_MOST_CELLS = 100_000_000
"""Groups times values to keep in proportion: a table of 800 MB."""


@dataclass(frozen=True)
class Groups:
    """The groups of some rows.

    Attributes:
        field: whose equal values make a group.
        of: (N,) int64 group of each row, 0 ... G - 1; rows without a value are one group.
        weights: (G, K) float64: which part of all rows, and of the rows of each stratum, a group
            holds; each column sums to 1.
        lonely: (G,) bool: groups that alone hold a stratum.
    """

    field: str
    of: np.ndarray
    weights: np.ndarray
    lonely: np.ndarray

    @classmethod
    def read(
        cls,
        rows: Rows,
        field: str,
        stratify: str | None,
        among: np.ndarray | None = None,
        up_to: str | None = None,
    ) -> Self:
        """Groups of all rows, or of (n,) some; `up_to` as in `before`.

        Raises:
            UnknownColumn: there is no such field.
            DataError: values that cannot be compared, or a field to stratify by that the groups
                decide wholly.
        """
        among = np.arange(rows.count) if among is None else among
        of = np.unique(_codes(rows, field, up_to)[among], return_inverse=True)[1]
        layers = np.unique(strata(rows, stratify)[among], return_inverse=True)[1]
        return cls(field, of, *_weighed(of, layers, field, stratify))

    def __len__(self) -> int:
        return len(self.weights)

    def drawn(
        self, fraction: float, rest: np.ndarray, rng: np.random.Generator, *, leave: int = 1
    ) -> np.ndarray:
        """(n,) groups out of `rest` that together come nearest to a fraction of all rows.

        At least one is drawn and `leave` are left. A group that alone holds a stratum is drawn
        only where there is no other, for a value that is not in training cannot be learned.
        """
        free = rest[~self.lonely[rest]]
        free = free if len(free) else rest
        most = len(rest) - leave
        orders = (rng.permutation(free) for _ in range(_TRIES if len(free) <= _FEW else 1))
        found = [self._filled(order, fraction)[:most] for order in orders]
        return min(found, key=lambda groups: self._distance(groups, fraction))

    def dealt(self, num_folds: int, rng: np.random.Generator) -> np.ndarray:
        """(G,) fold of each group: the largest first, each to the fold that then fits best.

        After scikit-learn's StratifiedGroupKFold; there the spread of the strata is evened out,
        here the squares of each fold's shares are kept small, rows counting as a stratum.
        """
        order = rng.permutation(len(self))
        order = order[np.argsort(-self.weights[order].sum(axis=1), kind="stable")]
        shares = np.zeros((num_folds, self.weights.shape[1]))
        fold = np.empty(len(self), np.int64)
        for group in order:
            fold[group] = np.argmin(shares @ self.weights[group])  # grows the squares least
            shares[fold[group]] += self.weights[group]
        return fold

    def rows_of(self, groups: np.ndarray) -> np.ndarray:
        """(n,) ascending positions of these groups' rows."""
        return np.flatnonzero(np.isin(self.of, groups))

    def _filled(self, order: np.ndarray, fraction: float) -> np.ndarray:
        """Groups in this order, each taken where it brings the shares nearer to the fraction."""
        shares = np.zeros(self.weights.shape[1])
        taken = []
        for group in order:
            weight = self.weights[group]
            if weight @ (2 * (shares - fraction) + weight) < 0:  # the squared distance shrinks
                shares += weight
                taken.append(group)
        if not taken:
            taken = [order[np.argmin(self.weights[order, 0])]]
        return np.array(taken)

    def _distance(self, groups: np.ndarray, fraction: float) -> float:
        """Squared distance of what these groups hold from the fraction of everything."""
        shares = self.weights[groups].sum(axis=0)
        return float(((shares - fraction) ** 2).sum())


def before(values: pa.Array | pa.ChunkedArray, sign: str | None) -> pa.Array | pa.ChunkedArray:
    """(N,) texts up to the last place of a sign: of `00012_00003.png` with `_` the `00012`.

    Without a sign the values themselves; a text without it stays whole.

    Raises:
        DataError: the values are no texts.
    """
    if sign is None:
        return values
    if not is_text(values.type):
        raise DataError(
            f"up_to {sign!r} goes with texts, and the groups' field is of type {values.type}. "
            "Leave out `up_to`."
        )
    return pc.list_element(pc.split_pattern(values, sign, max_splits=1, reverse=True), 0)


def refuse_too_few(groups: Groups, needed: int, what: str) -> None:
    """Groups are enough for what is asked.

    Raises:
        DataError: with how many there are.
    """
    if len(groups) < needed:
        raise DataError(
            f"field {groups.field!r} makes {counted(len(groups), 'group')} of {len(groups.of):,} "
            f"rows, and {what} need at least {needed}. Name a field with more values, or ask for "
            "less."
        )


def _codes(rows: Rows, field: str, up_to: str | None) -> np.ndarray:
    """(N,) int64 group of each row; rows without a value make one."""
    values = rows.field(field)
    try:
        coded = pc.dictionary_encode(before(values, up_to)).combine_chunks()
    except pa.ArrowNotImplementedError:
        raise DataError(
            f"cannot group by {field!r}, a field of type {values.type}. "
            "Group by a field of names or numbers."
        ) from None
    if coded.null_count:
        say(
            f"{coded.null_count:,} rows have no value of {field!r}; whose they are is not known, "
            "so they are kept together as one group"
        )
    codes: np.ndarray = pc.fill_null(coded.indices, len(coded.dictionary)).to_numpy(
        zero_copy_only=False
    )
    return codes.astype(np.int64)


def _weighed(
    of: np.ndarray, layers: np.ndarray, field: str, stratify: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """`weights` and `lonely` of groups (n,) with strata (n,).

    Raises:
        DataError: every stratum lies in one group, or there are too many of both.
    """
    count, depth = int(of.max(initial=-1)) + 1, int(layers.max(initial=-1)) + 1
    if count * depth > _MOST_CELLS:
        raise DataError(
            f"{count:,} groups by {field!r} with {depth:,} values of {stratify!r} are too many to "
            "be kept in proportion. Leave out `stratify`."
        )
    table = np.bincount(of * depth + layers, minlength=count * depth).reshape(count, depth)
    alone = (table > 0).sum(axis=0) == 1
    lonely = np.zeros(count, bool)
    if depth > 1:
        lonely |= (table[:, alone] > 0).any(axis=1)
    if depth > 1 and alone.all() and count > 1:
        raise DataError(
            f"every value of {stratify!r} lies in one group of {field!r} only: a model trained on "
            "other groups could never know it. Group by another field, or do not group."
        )
    if lonely.any():
        say(
            f"{int(alone.sum()):,} of {depth:,} values of {stratify!r} lie in one group of "
            f"{field!r} only, and are learned where that group is for training or not at all"
        )
    together = np.column_stack([table.sum(axis=1), table]) if depth > 1 else table
    return together / together.sum(axis=0), lonely
