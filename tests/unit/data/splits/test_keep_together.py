from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from sonde.contracts.data import Assignment
from sonde.core.errors import DataError
from sonde.data.columns.category import Category
from sonde.data.columns.number import Number
from sonde.data.memory import as_source
from sonde.data.splits._copies import equal_by_chance, keep_together

PARTS = Assignment(np.array([0, 3, 4, 7]), np.array([1, 5]), np.array([2, 6]))
FIRST = np.array([0, 1, 2, 2, 4, 1, 0, 1])  # 3 = 2, 5 = 7 = 1, 6 = 0


def test_copies_go_where_the_first_of_them_is() -> None:
    made, moved = keep_together(PARTS, FIRST, pinned=False)
    assert (made.train.tolist(), made.valid.tolist(), made.test.tolist(), moved) == (
        [0, 4, 6], [1, 5, 7], [2, 3], 3)  # fmt: skip


def test_where_rows_are_pinned_copies_of_held_out_rows_are_left_out() -> None:
    made, left_out = keep_together(PARTS, FIRST, pinned=True)
    assert (made.train.tolist(), made.valid.tolist(), made.test.tolist(), left_out) == (
        [4], [1, 5], [2, 6], 3)  # fmt: skip


@pytest.mark.parametrize("pinned", [True, False])
def test_no_kind_of_row_is_on_two_sides(pinned: bool) -> None:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 300, 1000)
    first = np.array([np.flatnonzero(kind == one)[0] for one in kind])
    part = rng.integers(0, 3, 1000)
    made, _ = keep_together(
        Assignment(*(np.flatnonzero(part == at) for at in range(3))), first, pinned=pinned
    )
    kinds = [set(kind[made.part(name)]) for name in ("train", "valid", "test")]
    assert sum(map(len, kinds)) == len(set().union(*kinds))
    if pinned:
        assert np.array_equal(made.test, np.flatnonzero(part == 2))


def test_a_part_of_nothing_but_copies_is_told() -> None:
    parts = Assignment(np.array([0, 1]), np.array([], int), np.array([2]))
    with pytest.raises(DataError, match="every row to train is an exact copy"):
        keep_together(parts, np.array([0, 0, 0]), pinned=True)


def test_coarse_values_repeat_by_chance_and_fine_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    coarse = {"age": rng.integers(20, 80, 2000), "sex": rng.choice(["f", "m"], 2000)}
    columns = {"age": Number().named("age"), "sex": Category().named("sex")}
    assert equal_by_chance(as_source(pa.table(coarse)), columns.values(), np.arange(2000))
    fine = coarse | {"age": rng.normal(size=2000)}
    assert not equal_by_chance(as_source(pa.table(fine)), columns.values(), np.arange(2000))


def test_a_few_kinds_of_rows_are_no_copies() -> None:
    table = pa.table({"a": np.tile([0.5, 0.7], 50)})
    assert equal_by_chance(as_source(table), [Number().named("a")], np.arange(100) % 2)


def test_copied_rows_are_no_chance_where_values_are_fine() -> None:
    rng = np.random.default_rng(0)
    values = np.tile(rng.normal(size=500).round(4), 2)  # every row stands twice
    columns = [Number().named("a"), Number().named("b")]
    table = pa.table({"a": values, "b": np.tile(rng.normal(size=500).round(2), 2)})
    first = np.arange(1000) % 500
    assert not equal_by_chance(as_source(table), columns, first)
    assert equal_by_chance(as_source(table.select(["b"])), columns[1:], first)
