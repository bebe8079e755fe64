"""What holds for every sampler. Their examples may name the column 'label'."""

from __future__ import annotations

import numpy as np
import pytest

from sonde.contracts.sampler import Sampler, StoreIndex
from sonde.core.registry import registry
from sonde.core.seed import numpy_rng


@pytest.fixture(params=registry("sampler").examples(), ids=lambda s: s.kind)
def sampler(request: pytest.FixtureRequest) -> Sampler:
    assert isinstance(request.param, Sampler)
    return request.param


def index_of(count: int) -> StoreIndex:
    """Every third position of a store, with a class each."""
    rows = np.arange(count, dtype=np.int64) * 3 + 1
    classes = (np.arange(count) % 7 == 0).astype(np.uint8)
    return StoreIndex(rows, {"label": classes}.__getitem__)


SIZES = [(1, 4), (2, 4), (5, 4), (64, 16), (65, 16), (70, 16), (10, 1), (3, 100)]


@pytest.mark.parametrize(("count", "size"), SIZES)
def test_batches_cover_the_order_once(sampler: Sampler, count: int, size: int) -> None:
    plan = sampler.plan(index_of(count), size, 0, numpy_rng(0, 0))
    assert plan.bounds[0] == 0
    assert (np.diff(plan.bounds) > 0).all()
    assert np.isin(plan.order, index_of(count).rows).all()
    assert all(len(plan[k]) <= size + 1 for k in range(len(plan)))
    assert sum(len(plan[k]) for k in range(len(plan))) == plan.bounds[-1] <= len(plan.order)


@pytest.mark.parametrize(("count", "size"), SIZES)
def test_every_epoch_has_as_many_batches(sampler: Sampler, count: int, size: int) -> None:
    plans = [sampler.plan(index_of(count), size, e, numpy_rng(0, e)) for e in range(3)]
    assert len({len(plan) for plan in plans}) == 1


def test_equal_seed_and_epoch_give_an_equal_plan(sampler: Sampler) -> None:
    one, other = (sampler.plan(index_of(70), 16, 2, numpy_rng(5, 2)) for _ in range(2))
    assert np.array_equal(one.order, other.order)
    assert np.array_equal(one.bounds, other.bounds)


@pytest.mark.parametrize("kind", ["shuffle", "sequential"])
@pytest.mark.parametrize(("count", "size"), SIZES)
def test_every_row_is_met_once(kind: str, count: int, size: int) -> None:
    sampler = registry("sampler").load(kind)()
    assert isinstance(sampler, Sampler)
    plan = sampler.plan(index_of(count), size, 0, numpy_rng(0, 0))
    met = np.concatenate([plan[k] for k in range(len(plan))])
    assert np.array_equal(np.sort(met), index_of(count).rows)
