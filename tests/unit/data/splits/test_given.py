from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from sonde.core.errors import DataError, UnknownColumn
from sonde.core.port import PART
from sonde.data.splits.given import Given


@dataclass
class Fields:
    values: Mapping[str, Sequence[str | None]]

    @property
    def count(self) -> int:
        return len(next(iter(self.values.values())))

    def field(self, name: str) -> pa.ChunkedArray:
        if name not in self.values:
            raise UnknownColumn(f"no column {name!r}")
        return pa.chunked_array([pa.array(self.values[name])])


def test_the_usual_words_are_understood() -> None:
    words = ["Train", "training", " VAL", "dev", "validation", "valid", "Test", "testing"]
    (made,) = Given(by="part").folds(Fields({"part": words}))
    assert (made.train.tolist(), made.valid.tolist(), made.test.tolist()) == (
        [0, 1], [2, 3, 4, 5], [6, 7])  # fmt: skip


def test_validation_rows_come_from_the_training_rows_in_proportion() -> None:
    parts = ["train"] * 100 + ["test"] * 20
    labels = np.array((["a"] * 60 + ["b"] * 40) + ["c"] * 20)
    rows = Fields({PART: parts, "label": labels.tolist()})
    (made,) = Given(valid=0.1, stratify="label").folds(rows)
    assert made.test.tolist() == list(range(100, 120))
    assert sorted(labels[made.valid]) == ["a"] * 6 + ["b"] * 4
    (other,) = Given(valid=0.1, stratify="label", seed=1).folds(rows)
    assert not np.array_equal(made.valid, other.valid)


def test_validation_can_be_left_out() -> None:
    (made,) = Given(valid=0.0).folds(Fields({PART: ["train", "test"]}))
    assert (len(made.train), len(made.valid), len(made.test)) == (1, 0, 1)


@pytest.mark.parametrize(("words", "message"), [
    (["train", "holdout", "test"], "got 'holdout', expected one of train,"),
    (["train", None, "test"], "got nothing \\(1 rows\\)"),
    (["train", "valid"], "1 row to train, 1 to valid, 0 to test"),
    (["test", "test"], "0 rows to train"),
])  # fmt: skip
def test_words_that_name_no_part_are_told(words: list[str | None], message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(Given().folds(Fields({PART: words})))


def test_data_that_says_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="does not say which rows are for what"):
        list(Given().folds(Fields({"label": ["a"]})))
    with pytest.raises(UnknownColumn, match="'prat'"):
        list(Given(by="prat").folds(Fields({"part": ["train"]})))


def test_values_that_are_held_out_make_the_test_part() -> None:
    """Such as pictures 3 and 4 of each person; validation comes out of the others."""
    rows = Fields({"number": list("1234") * 5, "who": [f"p{at // 4}" for at in range(20)]})
    split = Given.parse({"by": "number", "held_out": [3, 4], "valid": 0.5, "stratify": "who"})
    (made,) = split.folds(rows)
    assert made.test.tolist() == [at for at in range(20) if at % 4 in (2, 3)]
    assert len(made.valid) == len(made.train) == 5
    assert sorted(at // 4 for at in made.valid) == [0, 1, 2, 3, 4]


def test_held_out_values_must_be_there_and_have_a_field() -> None:
    rows = Fields({"number": list("1234")})
    with pytest.raises(DataError, match=r"none of 4 rows has '7'.*holds '1', '2', '3', '4'"):
        list(Given(by="number", held_out=("7",)).folds(rows))
    with pytest.raises(ValueError, match="held_out without `by`"):
        Given(held_out=("7",))
