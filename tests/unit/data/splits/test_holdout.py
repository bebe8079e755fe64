from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.core.errors import DataError, RecipeError, UnknownColumn, UsageError
from sonde.data.splits._parts import taken
from sonde.data.splits.random import Random
from sonde.data.splits.stratified import Stratified


@dataclass
class Labels:
    """Rows with one field, 'label'."""

    values: pa.Array

    @property
    def count(self) -> int:
        return len(self.values)

    def field(self, name: str) -> pa.ChunkedArray:
        if name != "label":
            raise UnknownColumn(name)
        return pa.chunked_array([self.values[: self.count // 2], self.values[self.count // 2 :]])


def test_parts_have_the_size_asked_for() -> None:
    (made,) = Random(valid=0.2, test=0.1).folds(Labels(pa.nulls(1000)))
    assert [len(made.part(name)) for name in ("train", "valid", "test")] == [700, 200, 100]


def test_only_the_number_of_rows_and_the_seed_matter() -> None:
    (one,) = Random().folds(Labels(pa.array(range(100))))
    (same,) = Random().folds(Labels(pa.array(range(100, 200))))
    (other,) = Random(seed=1).folds(Labels(pa.array(range(100))))
    assert np.array_equal(one.test, same.test)
    assert not np.array_equal(one.test, other.test)


def test_a_part_of_zero_is_left_empty() -> None:
    (made,) = Random(valid=0.0, test=0.0).folds(Labels(pa.nulls(3)))
    assert made.train.tolist() == [0, 1, 2]


def test_parts_without_rows_are_told_with_their_counts() -> None:
    with pytest.raises(DataError, match="gives 3 rows to train, 0 to valid, 0 to test"):
        list(Random().folds(Labels(pa.nulls(3))))


@pytest.mark.parametrize(("options", "message"), [
    ({"valid": 0.5, "test": 0.5}, "leave no rows to train on"),
    ({"test": 1.0}, "less than 1"),
    ({"valid": -0.1}, "greater than or equal to 0"),
])  # fmt: skip
def test_fractions_must_leave_training_rows(options: dict[str, float], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Random.parse(options)


def test_every_value_has_its_share_of_every_part() -> None:
    labels = np.repeat(["common", "rare", None], [800, 160, 40])
    (made,) = Stratified(by="label", valid=0.25, test=0.25).folds(Labels(pa.array(labels)))
    for name, part in (("train", 0.5), ("valid", 0.25), ("test", 0.25)):
        found = labels[made.part(name)]
        assert sum(found == "common") == 800 * part
        assert sum(found == "rare") == 160 * part


def test_a_class_of_one_row_can_still_be_learned() -> None:
    labels = pa.array(["a"] * 98 + ["b", "c"])
    for seed in range(10):
        (made,) = Stratified(by="label", seed=seed).folds(Labels(labels))
        assert {98, 99} <= set(made.train.tolist())


def test_a_target_of_numbers_is_refused() -> None:
    prices = pa.array(np.random.default_rng(0).normal(size=500))
    with pytest.raises(DataError, match=r"500 distinct values in 500 rows.*split 'random'"):
        list(Stratified(by="label").folds(Labels(prices)))


def test_pictures_are_no_labels() -> None:
    pictures = pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((8, 4, 4), np.uint8))
    with pytest.raises(DataError, match="cannot stratify by 'label', a field of type"):
        list(Stratified(by="label").folds(Labels(pictures)))


def test_a_field_is_needed() -> None:
    with pytest.raises(UsageError, match="by: label"):
        list(Stratified().folds(Labels(pa.nulls(9))))
    with pytest.raises(UnknownColumn):
        list(Stratified(by="labels").folds(Labels(pa.nulls(9))))


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
    st.floats(0, 0.99),
    st.integers(0, 2**32 - 1),
)
def test_strata_give_in_proportion(counts: list[int], fraction: float, seed: int) -> None:
    """Each stratum gives its share to within a row, and never its last one."""
    rng = np.random.default_rng(seed)
    strata = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    rows = taken(strata, fraction, rng)
    assert len(np.unique(rows)) == len(rows) <= round(len(strata) * fraction)
    for stratum, count in enumerate(counts):
        given = int((strata[rows] == stratum).sum())
        assert min(int(count * fraction), count - 1) <= given
        assert given <= min(count * fraction + 1, count - 1)
