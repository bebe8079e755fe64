"""Identities: known ones are classes, new ones are told apart."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from sonde.contracts.data import UNSEEN
from sonde.core.errors import DataError
from sonde.data.columns.identity import Identity


def rows(names: list[object]) -> pa.RecordBatch:
    return pa.record_batch({"who": pa.array(names)})


def fitted() -> Identity:
    return Identity().named("who").fit([rows(["bert", "ada", None, " ada "])])


def test_known_ones_are_classes_and_new_ones_are_told_apart() -> None:
    column = fitted()
    assert column.values == ("ada", "bert") and column.class_counts == (2, 1)
    found = column.encode(rows(["ada", "carl", "dora", "carl ", None, "bert"])).values
    assert found.dtype == np.int64
    assert found[[0, 5, 4]].tolist() == [0, 1, 3]
    assert found[1] == found[3] != found[2]
    assert (found[1:4] >= 4).all()
    assert column.decode(found) == ["ada", UNSEEN, UNSEEN, UNSEEN, None, "bert"]


def test_a_new_one_has_the_same_number_in_every_chunk_and_process() -> None:
    column = fitted()
    assert column.encode(rows(["carl"])).values[0] == 830708332734329905


def test_new_ones_do_not_meet_by_chance() -> None:
    names = [f"person {number}" for number in range(50_000)]
    assert len(np.unique(fitted().encode(rows(names)).values)) == len(names)


def test_numbers_are_names_too() -> None:
    column = Identity().named("who").fit([rows([3, 12])])
    assert column.values == ("3", "12")
    assert column.encode(rows([12.0])).values.tolist() == [1]


def test_missing_ones_are_strange_and_new_ones_are_not() -> None:
    column = Identity().named("who").fit([rows(["ada", "bert"])])
    met = rows(["carl", None])
    (strange,) = column.strange(met, column.encode(met))
    assert strange.rows.tolist() == [1]


def test_lists_are_no_names() -> None:
    with pytest.raises(DataError, match="'who'"):
        Identity().named("who").fit([rows([["a"], ["b"]])])
