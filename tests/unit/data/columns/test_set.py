from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.core.errors import DataError
from sonde.data.columns.category import Category
from sonde.data.columns.set import Set

words = st.text(alphabet="abcXYZ09 -'", min_size=1, max_size=6).filter(lambda w: w.strip() == w)
sets = st.lists(st.lists(words, min_size=2, max_size=5, unique=True), min_size=1, max_size=12)


def rows(values: list[Any] | pa.Array, kind: pa.DataType | None = None) -> pa.RecordBatch:
    if not isinstance(values, pa.Array):
        values = pa.array(values, kind)
    return pa.record_batch([values], ["x"])


def fitted(values: list[Any] | pa.Array, **options: Any) -> Set:
    return Set(**options).named("x").fit([rows(values)])


@given(sets, st.sampled_from(["|", ";", ","]))
def test_every_way_to_write_a_set_is_the_same_vector(
    values: list[list[str]], separator: str
) -> None:
    ways = [
        pa.array(values),
        pa.array([f" {separator} ".join(value) for value in values]),
        pa.array([json.dumps(value) for value in values]),
    ]
    for way in ways:
        column = fitted(way)
        encoded = column.encode(rows(way))
        assert not encoded.errors
        assert column.decode(encoded.values) == [sorted(value) for value in values]
        assert set(column.values) == {word for value in values for word in value}


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_text_is_a_set_or_an_error(texts: list[str]) -> None:
    encoded = fitted(["a|b", "c"]).encode(rows(texts, pa.string()))
    assert set(np.unique(encoded.values)) <= {0.0, 1.0}
    assert encoded.present is not None
    assert all(texts[error.row].strip().startswith("[") for error in encoded.errors)


def test_empty_missing_and_unknown() -> None:
    column = fitted(["a|b", "c", "a|a| |b"])
    encoded = column.encode(rows(["[]", None, "", "z", "b|z"]))
    assert encoded.values.tolist() == [[0, 0, 0]] * 4 + [[0, 1, 0]]
    assert encoded.present is not None
    assert encoded.present.tolist() == [True, False, False, True, True]


def test_the_commonest_words_get_places() -> None:
    values = ["a|b|c", "a|b|d", "a|e", "b|e"]
    assert fitted(values, most=2).values == ("a", "b")
    assert fitted(values, rare=2).values == ("a", "b", "e")


def test_a_broken_list_is_told() -> None:
    (error,) = fitted(["a|b"]).encode(rows(['["a", ]'])).errors
    assert (error.row, error.got, error.expected) == (0, '["a", ]', "a JSON list of texts")
    assert len(fitted(["a|b"]).encode(rows(['[["a"]]'])).errors) == 1


def test_numbers_in_lists_are_words() -> None:
    assert fitted(pa.array([[1, 2], [2]])).values == ("1", "2")


GENRES = ["Action|Comedy", "Comedy|Drama", "Drama", "Action|Drama|Comedy"] * 30


@pytest.mark.parametrize(("values", "separator"), [
    (GENRES, "|"),
    ([value.replace("|", "; ") for value in GENRES], ";"),
    ([" ".join(sorted({w, v, "x"})).replace(" ", ",") for w in "abcdefgh" for v in "abcdefgh"] * 3,
     ","),
])  # fmt: skip
def test_sets_are_claimed_before_categories(values: list[str], separator: str) -> None:
    claim, rival = Set.guess(pa.array(values)), Category.guess(pa.array(values))
    assert claim is not None
    assert claim.options == {"separator": separator}
    assert claim.confidence > (rival.confidence if rival else 0)


def test_lists_are_claimed() -> None:
    claim = Set.guess(pa.array([["a", "b"], ["a"]]))
    assert claim is not None
    assert claim.reason == "sets of 2 words"
    as_json = Set.guess(pa.array(['["a", "b"]', '["a"]', None]))
    assert as_json is not None


@pytest.mark.parametrize("values", [
    ["New York, NY", "Boston, MA", "St Louis, MO"] * 5,  # each place in its own state
    ["1,5", "2,5", "3,5", "1,25"] * 9,  # a decimal comma
    ["a", "b"] * 9,
    ["It was late; he went", "She said so; he did not", "They came; they saw"],
    [1, 2], [None], [[1.5]],
])  # fmt: skip
def test_other_fields_are_not_claimed(values: list[Any]) -> None:
    assert Set.guess(pa.array(values)) is None


def test_pictures_are_refused_as_a_field() -> None:
    arrays = pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((3, 2, 2), np.uint8))
    with pytest.raises(DataError, match="expected lists of texts, or texts"):
        fitted(arrays)
