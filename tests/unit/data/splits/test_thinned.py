"""A part of the training rows of another split, the same for whoever asks."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from tests.contracts.test_splits import Table, table

from sonde.core.errors import RecipeError, UnknownColumn
from sonde.core.notice import listening
from sonde.data.splits.given import Given
from sonde.data.splits.group import Group
from sonde.data.splits.kfold import KFold
from sonde.data.splits.random import Random
from sonde.data.splits.stratified import Stratified
from sonde.data.splits.thinned import Thinned


def rows(count: int = 1000) -> Table:
    return table(count)


def test_only_training_rows_are_thinned() -> None:
    inner = Stratified(by="label", valid=0.1, test=0.2)
    (whole,) = inner.folds(rows())
    (made,) = Thinned(of=inner, keep=0.1).folds(rows())
    assert np.array_equal(made.valid, whole.valid)
    assert np.array_equal(made.test, whole.test)
    assert np.isin(made.train, whole.train).all()
    assert len(made.train) == round(0.1 * len(whole.train))


def test_every_value_keeps_its_share_and_one_row_at_least() -> None:
    labels = np.array(["common"] * 900 + ["rare"] * 90 + ["once"] * 10)
    held = Table({"label": pa.array(labels)})
    (made,) = Thinned(of=Random(valid=0, test=0.1), keep=0.01, by="label").folds(held)
    counts = dict(zip(*np.unique(labels[made.train], return_counts=True), strict=True))
    assert counts["rare"] >= 1
    assert counts["once"] >= 1
    assert counts["common"] == pytest.approx(8, abs=1)


def test_what_is_left_out_is_told() -> None:
    told: list[dict] = []
    with listening(lambda _message, _important, facts: told.append(facts)):
        (made,) = Thinned(of=Random(), keep=0.25).folds(rows())
    assert told == [{"left_out": 700 - len(made.train)}]


def test_another_seed_keeps_other_rows_of_the_same_split() -> None:
    first, second = (
        next(iter(Thinned(of=Random(), keep=0.1, seed=s).folds(rows()))) for s in (0, 1)
    )
    assert np.array_equal(first.test, second.test)
    assert not np.array_equal(first.train, second.train)


def test_it_is_as_the_inner_split_is() -> None:
    by_group = Thinned(of=Group(by="group"), keep=0.5)
    assert by_group.grouped_by == "group"
    assert by_group.pinned
    assert not Thinned(of=Random(), keep=0.5).pinned
    assert Thinned(of=Given(), keep=0.5).pinned
    folded = Thinned(of=KFold(num_folds=3), keep=0.5)
    assert folded.num_assignments == 3
    assert len(list(folded.folds(rows()))) == 3


def test_it_is_written_and_read() -> None:
    split = Thinned.parse({"of": {"kind": "given", "valid": 0}, "keep": 0.01, "by": "label"})
    assert Thinned.parse(split.dump()) == split


@pytest.mark.parametrize("keep", [0, 1, 1.5])
def test_a_part_is_a_part(keep: float) -> None:
    with pytest.raises(RecipeError, match="keep"):
        Thinned.parse({"of": "random", "keep": keep})


def test_a_field_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownColumn, match="lable"):
        list(Thinned(of=Random(), keep=0.5, by="lable").folds(rows()))
