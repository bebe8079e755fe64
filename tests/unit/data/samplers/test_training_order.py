from __future__ import annotations

import numpy as np
import pytest

from sonde.contracts.sampler import StoreIndex
from sonde.core.errors import UsageError
from sonde.core.seed import numpy_rng
from sonde.data.samplers._bounds import training_bounds
from sonde.data.samplers.balance import Balance
from sonde.data.samplers.shuffle import Shuffle


@pytest.mark.parametrize(("rows", "size", "drop_last", "sizes"), [
    (8, 4, False, [4, 4]),
    (10, 4, False, [4, 4, 2]),
    (9, 4, False, [4, 5]),  # one row alone would break batch normalisation
    (1, 4, False, [1]),
    (3, 1, False, [1, 1, 1]),
    (10, 4, True, [4, 4]),
    (9, 4, True, [4, 4]),
    (3, 4, True, [3]),
])  # fmt: skip
def test_batch_sizes(rows: int, size: int, drop_last: bool, sizes: list[int]) -> None:
    assert np.diff(training_bounds(rows, size, drop_last=drop_last)).tolist() == sizes


def test_epochs_are_shuffled_differently() -> None:
    index = StoreIndex(np.arange(100), {"label": np.zeros(100, np.uint8)}.__getitem__)
    one, other = (Shuffle().plan(index, 10, e, numpy_rng(0, e)).order for e in range(2))
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, np.arange(100))


def test_rare_classes_are_met_as_often_as_common_ones() -> None:
    classes = np.repeat(np.array([0, 3, 5], np.uint8), [9000, 900, 100])
    rows = np.arange(10_000) + 7
    index = StoreIndex(rows, {"label": classes}.__getitem__)
    plan = Balance(by="label").plan(index, 64, 0, numpy_rng(0, 0))
    met = classes[plan.order - 7]
    assert len(met) == 10_000
    for label in (0, 3, 5):  # 5 deviations of a binomial draw
        assert abs((met == label).sum() - 10_000 / 3) < 5 * np.sqrt(10_000 * 2 / 9)
    rare = np.bincount(plan.order[met == 5] - 7)[9900:]
    assert rare.min() > 0


def test_balance_needs_classes() -> None:
    index = StoreIndex(np.arange(4), {"age": np.zeros(4, np.float32)}.__getitem__)
    with pytest.raises(UsageError, match="cannot balance by 'age': its encoding is float32"):
        Balance(by="age").plan(index, 2, 0, numpy_rng(0))
