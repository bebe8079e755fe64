"""Episodes: some classes, and some rows of each, as learning from few examples practises it.

Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra, "Matching Networks for One Shot Learning",
2016, arXiv:1606.04080, section 2.2. A batch lists its episodes one after another, an episode its
classes, a class its rows: `shots` examples to learn from, then `queries` to be asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from pydantic import Field

from sonde.contracts.sampler import (
    BatchIndex,
    Sampler,
    StoreIndex,
)
from sonde.core.errors import DataError, UsageError
from sonde.core.notice import say


class Episodic(Sampler):
    """Episodes of P classes with K rows each; every class is as likely as any other.

    The classes of an episode differ, and so do the rows of a class in it. The batch size is decided
    here: at_once * ways * (shots + queries) rows.
    """

    by: str
    """A column of classes."""
    ways: int = Field(5, ge=2)
    """Classes in an episode, P."""
    shots: int = Field(1, ge=1)
    """Rows of each class to learn from."""
    queries: int = Field(5, ge=1)
    """Rows of each class to be asked about; K = shots + queries."""
    within: str | None = None
    """A column of classes of which an episode's classes share one, such as a letter's alphabet."""
    episodes: int = Field(100, ge=1)
    """How many an epoch has."""
    at_once: int = Field(1, ge=1)
    """How many a batch has; an epoch ends with whole batches, and has one at least."""

    @property
    def rows_per_episode(self) -> int:
        """P * K."""
        return self.ways * (self.shots + self.queries)

    def plan(
        self, index: StoreIndex, batch_size: int, epoch: int, rng: np.random.Generator
    ) -> BatchIndex:
        """First classes are drawn, then rows of each.

        Raises:
            UsageError: a column has no classes.
            DataError: there are fewer classes than ways, or too few rows in them.
        """
        pools = self._pools(index)
        counts = np.array([len(pool) for pool in pools])
        chances = counts / counts.sum()  # so that each class is as likely as any other
        batches = max(1, self.episodes // self.at_once)
        picked = [
            rng.choice(rows, self.shots + self.queries, replace=False)
            for at in rng.choice(len(pools), batches * self.at_once, p=chances)
            for rows in _some(pools[at], self.ways, rng)
        ]
        bounds = np.arange(batches + 1) * self.at_once * self.rows_per_episode
        return BatchIndex(np.concatenate(picked), bounds)

    @classmethod
    def examples(cls) -> list[Self]:
        """None: an episode cannot be cut from fewer rows than it has."""
        return []

    def _pools(self, index: StoreIndex) -> list[list[np.ndarray]]:
        """The pools that an episode's classes come from, each class the (n,) rows it has.

        Raises:
            DataError: no pool is large enough.
        """
        classes = _classes(index, self.by)
        groups = np.zeros_like(classes) if self.within is None else _classes(index, self.within)
        needed = self.shots + self.queries
        pools: dict[int, list[np.ndarray]] = {}
        sizes: list[int] = []
        order = np.argsort(classes, kind="stable")
        cuts = np.flatnonzero(np.diff(classes[order])) + 1
        for rows in np.split(order, cuts) if len(order) else []:
            sizes.append(len(rows))
            if len(rows) >= needed:
                pools.setdefault(int(groups[rows[0]]), []).append(index.rows[rows])
        able = [pool for pool in pools.values() if len(pool) >= self.ways]
        if not able:
            raise DataError(self._too_few(sizes, [len(pool) for pool in pools.values()]))
        lost = len(sizes) - sum(len(pool) for pool in able)
        if lost:
            share = "" if self.within is None else f", or of too few of one {self.within!r},"
            say(
                f"{lost:,} of {len(sizes):,} classes of {self.by!r} are in no episode: classes of "
                f"fewer than {needed} rows{share} make none"
            )
        return able

    def _too_few(self, sizes: Sequence[int], pools: Sequence[int]) -> str:
        """Why not one episode can be made."""
        needed = self.shots + self.queries
        enough = sum(size >= needed for size in sizes)
        if len(sizes) < self.ways or (self.within and enough >= self.ways):
            held = max(pools, default=0) if self.within else len(sizes)
            each = f" of one {self.within!r}" if self.within else ""
            return (
                f"episodes of {self.ways} ways need {self.ways} classes of {self.by!r}{each}, and "
                f"these rows have {held}. Ask for fewer ways, or give this part more classes."
            )
        return (
            f"episodes of {self.shots} shots and {self.queries} queries need {needed} rows of each "
            f"class; {enough} of {len(sizes)} classes of {self.by!r} have so many (the largest has "
            f"{max(sizes)}), and {self.ways} ways need {self.ways} such classes. Ask for fewer "
            "shots, queries or ways."
        )


def _classes(index: StoreIndex, name: str) -> np.ndarray:
    """(n,) int64 class of each row."""
    classes = index.encoded(name)
    if classes.ndim != 1 or not np.issubdtype(classes.dtype, np.integer):
        raise UsageError(
            f"cannot make episodes by {name!r}: its encoding is {classes.dtype} of shape "
            f"{classes.shape}, expected one class index a row. Name a category column."
        )
    return classes.astype(np.int64)


def _some(pool: Sequence[np.ndarray], count: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
    return [pool[at] for at in rng.choice(len(pool), count, replace=False)]
