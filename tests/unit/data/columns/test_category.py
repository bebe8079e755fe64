from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.contracts.data import UNSEEN
from sonde.core.errors import DataError
from sonde.data.columns.category import Category


def rows(values: list[Any] | pa.Array, kind: pa.DataType | None = None) -> pa.RecordBatch:
    if not isinstance(values, pa.Array):
        values = pa.array(values, kind)
    return pa.record_batch([values], ["x"])


def fitted(values: list[Any] | pa.Array, **options: Any) -> Category:
    return Category(**options).named("x").fit([rows(values)])


def places(column: Category, values: list[Any] | pa.Array) -> list[int]:
    found: list[int] = column.encode(rows(values)).values.tolist()
    return found


def test_known_unseen_and_missing_have_their_places() -> None:
    column = fitted(["no", "yes", " yes ", None, ""])
    assert column.values == ("no", "yes")
    assert column.port.classes == 2
    assert places(column, ["yes ", "no", "maybe", None, " "]) == [1, 0, 2, 3, 3]
    assert column.decode(np.array([1, 0, 2, 3])) == ["yes", "no", UNSEEN, None]


def test_numbers_are_ordered_by_size_and_stand_before_texts() -> None:
    assert fitted(["10", "9", "-1", "2.5", "a", "B"]).values == ("-1", "2.5", "9", "10", "B", "a")


@pytest.mark.parametrize("array", [
    pa.array([3, 12, None], pa.int16()),
    pa.array([3.0, 12.0, math.nan]),
    pa.array([3.0, 12.0, None], pa.float32()),
    pa.array(["3", "12", None], pa.large_string()),
    pa.array(["3", "12", None]).dictionary_encode(),
    pa.array([3, 12, None]).dictionary_encode(),
], ids=lambda array: str(array.type))  # fmt: skip
def test_every_type_of_code_is_the_same_text(array: pa.Array) -> None:
    column = fitted(array)
    assert column.values == ("3", "12")
    assert places(column, array) == [0, 1, 3]


def test_booleans_are_true_and_false() -> None:
    assert fitted([True, False]).values == ("false", "true")


def test_large_whole_numbers_keep_every_digit() -> None:
    assert fitted([123456789012.0]).values == ("123456789012",)
    assert fitted(pa.array([2**60 + 1])).values == (str(2**60 + 1),)


def test_a_caller_may_write_a_known_value_differently() -> None:
    """A file says `3` and `True`; JSON and data frames come with 3.0 and true."""
    column = fitted(["3", "True", "False"])
    assert places(column, [3.0]) == places(column, ["3.00"]) == places(column, ["3"])
    assert places(column, [True, False]) == places(column, ["True", "False"])
    assert places(column, ["3.5"]) == [3]


def test_values_that_differ_in_writing_alone_stay_apart() -> None:
    column = fitted(["250", "250.0"])
    assert places(column, ["250", "250.0", "250.00"]) == [0, 1, 2]


def test_text_is_dropped() -> None:
    column = fitted([">50K", "<=50K"], drop=(".",))
    assert places(column, [">50K."]) == places(column, [">50K"])


@pytest.mark.parametrize(("count", "dtype"), [(254, np.uint8), (255, np.uint16)])
def test_the_smallest_type_that_fits_is_taken(count: int, dtype: type) -> None:
    column = fitted(list(range(count)))
    encoded = column.encode(rows([0, None])).values
    assert encoded.dtype == dtype
    assert encoded.tolist() == [0, count + 1]


@given(st.lists(st.one_of(st.none(), st.text(max_size=6)), max_size=20), st.data())
def test_every_training_value_is_known_and_comes_back(
    values: list[str | None], data: st.DataObject
) -> None:
    column = fitted(pa.array(values, pa.string()))
    again = data.draw(st.permutations(values))
    assert fitted(pa.array(again, pa.string())).values == column.values
    encoded = column.encode(rows(values, pa.string())).values
    assert len(column.values) not in encoded
    assert column.encode(rows(column.decode(encoded), pa.string())).values.tolist() == list(encoded)


def test_rare_values_share_a_class_and_unseen_ones_stay_apart() -> None:
    column = fitted(["a"] * 3 + ["b"] * 3 + ["c", "d"], rare=2)
    assert column.values == ("a", "b", "(rare)")
    assert column.class_counts == (3, 3, 2)
    assert column.port.classes == 3
    assert places(column, ["a", "c", "d", "new", None, "(rare)"]) == [0, 2, 2, 3, 4, 2]
    assert column.decode(np.array([2])) == ["(rare)"]


def test_only_the_commonest_values_keep_a_class() -> None:
    column = fitted(["a"] * 3 + ["b"] * 2 + ["c"] * 2 + ["d"], most=2)
    assert column.values == ("a", "b", "(rare)")
    assert column.folded == ("c", "d")


def test_a_million_values_are_folded() -> None:
    """Number 19 of the list of bad inputs: bounded classes, and no value lost from sight."""
    words = pa.array([f"user-{number:07d}" for number in range(1_000_000)])
    chunks = [rows(words[start : start + 65_536]) for start in range(0, len(words), 65_536)]
    column = Category().named("x").fit(chunks)
    assert column.port.classes == 10_001
    encoded = column.encode(chunks[-1]).values
    assert (encoded == 10_000).all()
    assert places(column, ["user-0000001", "nobody"]) == [1, 10_001]


def test_case_is_asked_about_and_then_ignored() -> None:
    """Number 20 of the list of bad inputs: labels ' yes', 'Yes' and 'yes'."""
    values = [" yes"] * 3 + ["Yes"] * 2 + ["no"] * 4
    with pytest.raises(DataError) as raised:
        fitted(values)
    assert str(raised.value) == (
        "column 'x': 'yes' (3 training rows) and 'Yes' (2 training rows) differ in case alone. "
        "Say whether they are one:  x: {kind: category, ignore_case: true}, or false to keep them "
        "apart."
    )
    one = fitted(values, ignore_case=True)
    assert one.values == ("no", "yes")
    assert one.class_counts == (4, 5)
    assert places(one, ["YES", "Yes", " yes", "No", "maybe"]) == [1, 1, 1, 0, 2]
    assert fitted(values, ignore_case=False).values == ("Yes", "no", "yes")
    claim = Category.guess(pa.array(values))
    assert claim is not None
    assert claim.options == {"ignore_case": True}
    assert claim.reason == "3 values; case is ignored, so that 'Yes' is 'yes'"


def test_names_that_differ_in_case_are_not_asked_about() -> None:
    values = [f"name {number}" for number in range(60)] + ["Name 1"]
    assert len(fitted(values).values) == 61


def test_lists_are_refused_as_a_field() -> None:
    with pytest.raises(DataError, match="column 'x': got a field of type list"):
        fitted([[1, 2]])


@pytest.mark.parametrize(("values", "reason"), [
    (["a", "b", "a", None], "2 values, 1 missing"),
    ([True, False], "2 values"),
    (["1", "2"] * 10, "2 values"),
    ([1.0, 2.0] * 10, "2 values"),
])  # fmt: skip
def test_labels_are_claimed(values: list[Any], reason: str) -> None:
    claim = Category.guess(pa.array(values))
    assert claim is not None
    assert claim.reason == reason


@pytest.mark.parametrize("values", [
    ["a", "b", "c"],  # nearly all differ
    [1, 2] * 9,  # too few rows to take numbers for labels
    [0.5, 1.5] * 20,  # no whole numbers
    list(range(11)) * 5,  # too many
    ["word " * 20, "other " * 20] * 5,  # too long
    [None, None],
    [b"a", b"a"],
], ids=str)  # fmt: skip
def test_other_fields_are_not_claimed(values: list[Any]) -> None:
    assert Category.guess(pa.array(values)) is None


def test_values_count_as_the_one_they_are_merged_with_however_they_are_written() -> None:
    values = ["0", "1", "2", "4.0", None, "7"]
    column = fitted(values, merge={"1": ("2", "3", "4")})
    assert column.values == ("0", "1", "7")
    assert places(column, values) == [0, 1, 1, 1, 4, 2]
