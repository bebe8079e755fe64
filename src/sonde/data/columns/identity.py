"""Identities: whose face, voice or hand it is, where new people are met later.

An identity of the training rows is a class like any other. One that no training row has is told
apart from every other such one, so that pairs of pictures of unknown people can be judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column, Encoded, Ragged, Strange
from sonde.core.port import MISSING, RESERVED, UNSEEN, Port
from sonde.core.spec import Learned
from sonde.data.columns._levels import Tally, decoded, ordered
from sonde.data.columns._text import to_text, trimmed

_BITS = 62  # of the hash, so that it fits int64 behind the known identities


class Identity(Column):
    """Who it is, as a class; who is new has a number of their own, made of the name alone.

    Names are compared as texts without outer spaces. It is a target: no network can read it.
    """

    tells_apart: ClassVar[bool] = True

    values: Learned[tuple[str, ...]] = ()
    counts: Learned[tuple[int, ...]] = ()
    """Training rows of each identity."""
    optional: Learned[bool] = True
    """Whether a training row lacked the value."""

    @property
    def port(self) -> Port:
        """A category of as many classes as training rows have identities."""
        return Port("category", size=len(self.values))

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Training rows of each identity."""
        return self.counts

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """The distinct names and their counts, numbers first and by size, then by letter."""
        tally, optional = Tally(), False
        for chunk in chunks:
            optional |= tally.add_rows(*self._coded(chunk))
        seen = tally.counts()
        values = ordered(seen)
        return self.learn(values=values, counts=tuple(seen[n] for n in values), optional=optional)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Look names up.

        Returns:
            values (N,) int64: K known ones, K + 1 missing, from K + 2 on the new ones.
        """
        names, codes = self._coded(rows)
        missing = len(self.values) + MISSING
        table = [self._number(name) for name in names.to_pylist()]
        return Encoded(np.array([*table, missing], np.int64)[codes])

    def decode(self, arrays: np.ndarray | Ragged) -> list[Any]:
        """(N,) numbers back to names; UNSEEN for all that are new, None for missing ones."""
        assert isinstance(arrays, np.ndarray), "identities are not ragged"
        new = arrays >= len(self.values) + RESERVED
        return decoded(self.values, np.where(new, len(self.values) + UNSEEN, arrays))

    def strange(self, rows: pa.RecordBatch, encoded: Encoded) -> Sequence[Strange]:
        """Missing ones, where no training row lacked it; new ones are what it is for."""
        absent = np.flatnonzero(encoded.values == len(self.values) + MISSING)
        if self.optional or not len(absent):
            return ()
        return (Strange(absent, "have no value", "every training row had one"),)

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Names, some missing, some with outer spaces, some in few samples only."""
        rng = np.random.default_rng(seed)
        common = np.array(["ada", " bert", "7", "12"])
        rare = np.array([f"only-{seed}-{index}" for index in range(4)])
        picked = rng.choice(np.concatenate([common, rare]), rows)
        return pa.array(picked, pa.string(), mask=rng.random(rows) < 0.1)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.values)}

    def _number(self, name: str | None) -> int:
        if name is None:
            return len(self.values) + MISSING
        if name in self._index:
            return self._index[name]
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        return len(self.values) + RESERVED + (int.from_bytes(digest, "big") >> (64 - _BITS))

    def _coded(self, rows: pa.RecordBatch) -> tuple[pa.StringArray, np.ndarray]:
        """(n,) names, null where nothing is left of one; (N,) each row's place, n where missing."""
        coded = pc.dictionary_encode(to_text(rows.column(self.reads[0]), name=self.name))
        places = pc.fill_null(coded.indices, len(coded.dictionary))
        return trimmed(coded.dictionary, ()), places.to_numpy(zero_copy_only=False)
