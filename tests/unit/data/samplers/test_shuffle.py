"""Rows of like length together: less padding, the same rows, other batches in each epoch."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from sonde.contracts.sampler import BatchIndex, StoreIndex
from sonde.core.seed import numpy_rng
from sonde.data.samplers.shuffle import Shuffle


def index_of(lengths: np.ndarray | None, count: int = 0) -> StoreIndex:
    """Every third position of a store."""
    rows = np.arange(count if lengths is None else len(lengths), dtype=np.int64) * 3 + 1
    return StoreIndex(rows, {}.__getitem__, lengths)


def plan(sampler: Shuffle, index: StoreIndex, size: int, epoch: int = 0) -> BatchIndex:
    return sampler.plan(index, size, epoch, numpy_rng(0, "sampler", epoch))


def waste(found: BatchIndex, lengths: np.ndarray) -> float:
    batches = [lengths[(found[k] - 1) // 3] for k in range(len(found))]
    return 1 - sum(b.sum() for b in batches) / sum(b.max() * len(b) for b in batches)


def lengths_of(rows: int) -> np.ndarray:
    return np.random.default_rng(0).poisson(12, rows)


def test_without_lengths_a_plan_is_a_permutation() -> None:
    """To the bit what it was before rows had lengths."""
    found = plan(Shuffle(), index_of(None, 70), 16)
    expected = numpy_rng(0, "sampler", 0).permutation(index_of(None, 70).rows)
    assert np.array_equal(found.order, expected)
    assert found.bounds.tolist() == [0, 16, 32, 48, 64, 70]
    lengths = lengths_of(70)
    assert np.array_equal(plan(Shuffle(pool=1), index_of(lengths), 16).order, expected)


@pytest.mark.parametrize("rows", [1, 5, 16, 17, 33, 70, 1000])
@pytest.mark.parametrize("drop_last", [False, True])
def test_a_pool_keeps_rows_and_sizes_of_batches(rows: int, drop_last: bool) -> None:
    lengths = lengths_of(rows)
    sampler = Shuffle(pool=3, drop_last=drop_last)
    found = plan(sampler, index_of(lengths), 16)
    plain = plan(sampler, index_of(None, rows), 16)
    assert sorted(np.diff(found.bounds)) == sorted(np.diff(plain.bounds))
    met = np.concatenate([found[k] for k in range(len(found))])
    assert len(set(met)) == len(met) == plain.bounds[-1]
    assert set(met) <= set(index_of(lengths).rows)


def test_what_is_dropped_is_dropped_at_random() -> None:
    """Not the longest rows, nor the shortest, of every epoch."""
    lengths = np.arange(95)
    sampler = Shuffle(drop_last=True)
    dropped = [set(range(95)) - set((plan(sampler, index_of(lengths), 16, e).order - 1) // 3)
               for e in range(40)]  # fmt: skip
    assert {len(rows) for rows in dropped} == {15}
    mean = np.mean([row for rows in dropped for row in rows])
    # 600 draws of 0 to 94, deviation 27.4: five standard errors
    assert abs(mean - 47) < 5 * 27.4 / np.sqrt(600)


def test_each_epoch_has_other_batches_in_another_order() -> None:
    lengths = lengths_of(400)
    first, second = (plan(Shuffle(pool=5), index_of(lengths), 8, epoch) for epoch in (0, 1))
    batches = [{frozenset(found[k]) for k in range(len(found))} for found in (first, second)]
    assert len(batches[0] & batches[1]) <= 1
    longest = [lengths[(first[k] - 1) // 3].max() for k in range(len(first))]
    assert longest != sorted(longest)


@pytest.mark.parametrize("name", ["TREC.train.all", "rt-polarity.all", "stsa.binary.train"])
def test_real_sentences_in_batches_of_fifty_are_padded_little(name: str, shared_data: Path) -> None:
    """Issue 5: under 15 %; in any order it is 40 % and more."""
    path = shared_data / "sentence-classification" / f"{name}.gz"
    lines = gzip.decompress(path.read_bytes()).split(b"\n")[:-1]
    lengths = np.array([len(line.split()) - 1 for line in lines])
    index = index_of(lengths)
    found = [waste(plan(Shuffle(), index, 50, epoch), lengths) for epoch in range(3)]
    assert max(found) < 0.15
    assert waste(plan(Shuffle(pool=1), index, 50), lengths) > 0.4
