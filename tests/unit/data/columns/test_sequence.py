from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sonde.contracts.data import Encoded, Ragged
from sonde.core.errors import DataError
from sonde.core.notice import listening
from sonde.core.port import Port
from sonde.data.columns.sequence import Sequence

SERIES = [[1.0, 2.0, 3.0], [], None, [5.0, None]]


def rows_of(values: Any, kind: pa.DataType | None = None) -> pa.RecordBatch:
    return pa.record_batch(
        {"x": values if isinstance(values, pa.Array) else pa.array(values, kind)}
    )


def fitted(values: Any, **options: Any) -> Sequence:
    return Sequence(**options).named("x").fit([rows_of(values)])


def rows_in(encoded: Encoded) -> list[np.ndarray]:
    assert encoded.starts is not None and encoded.lengths is not None
    pairs = zip(encoded.starts, encoded.lengths, strict=True)
    return [encoded.values[a : a + n] for a, n in pairs]


def test_numbers_are_standardised_by_training_rows() -> None:
    column = fitted(SERIES)
    assert column.port == Port("sequence", (None, 1), optional=True)
    assert column.means == (2.75,)
    assert column.deviations[0] == pytest.approx(np.std([1, 2, 3, 5]))
    encoded = column.encode(rows_of(SERIES))
    assert encoded.values.dtype == np.float32 and encoded.values.shape == (5, 1)
    assert encoded.present is not None and encoded.present.tolist() == [True, True, False, True]
    first, *_, last = rows_in(encoded)
    expected = (np.array([1, 2, 3]) - 2.75) / np.std([1, 2, 3, 5])
    np.testing.assert_allclose(first[:, 0], expected, rtol=1e-6)
    assert last[1, 0] == 0  # a missing number counts as the mean


FORMS = {
    "lists": pa.array([[1, 2], [3]], pa.list_(pa.int64())),
    "large": pa.array([[1, 2], [3]], pa.large_list(pa.float32())),
    "spaces": pa.array(["1 2", " 3.0 "]),
    "commas": pa.array(["1, 2", "3,"]),
    "json": pa.array(["[1, 2]", "[3]"]),
    "nested json": pa.array(["[[1], [2]]", "[3]"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_series_is_the_same(form: str) -> None:
    column = fitted(FORMS["lists"])
    encoded = column.encode(rows_of(FORMS[form]))
    assert not encoded.errors
    for row, expected in zip(rows_in(encoded), [[1, 2], [3]], strict=True):
        np.testing.assert_allclose(
            row[:, 0] * column.deviations[0] + column.means[0], expected, 1e-6
        )


TWO = [[[1.0, 10.0], [3.0, 30.0]], [[5.0, 50.0]], []]


@pytest.mark.parametrize("values", [
    pa.array(TWO),
    pa.array([str(row) for row in TWO]),
    pa.FixedShapeTensorArray.from_numpy_ndarray(np.array([[[1.0, 10], [3, 30], [5, 50]]])),
])  # fmt: skip
def test_steps_of_several_numbers(values: pa.Array) -> None:
    column = fitted(values)
    assert column.port.shape == (None, 2)
    assert column.means == (3.0, 30.0)
    encoded = column.encode(rows_of(values))
    assert np.array_equal(encoded.values[:, 0], encoded.values[:, 1])
    assert encoded.starts is not None and encoded.lengths is not None
    decoded = column.decode(Ragged(encoded.values, encoded.starts, encoded.lengths))
    np.testing.assert_allclose(decoded[0][:2], TWO[0], rtol=1e-6)


@pytest.mark.parametrize(("values", "row", "got", "expected"), [
    (["1 2", "1 two"], 1, "1 two", "numbers with a space or comma between"),
    (["[[1,2]]", "[[1,2],[3]]"], 1, "[[1.0, 2.0], [3.0]]", "steps of as many numbers each"),
    (["[[1,2]]", '[[1,"x"]]'], 1, '[[1,"x"]]', "a JSON list of lists of numbers"),
    (["[[1,2]]", "[[1,2]"], 1, "[[1,2]", "a JSON list of lists of numbers"),
    ([[[1.0, 2.0]], [[1.0]]], 1, "steps of 1 numbers", "steps of 2 numbers each"),
    ([[1.0, 2.0], [1.0, float("inf")]], 1, "a series with inf", "finite numbers"),
    ([[1.0, 2.0], [1e300]], 1, "a series with a number very far from all training rows'",
     "numbers that are less far"),
])  # fmt: skip
def test_what_is_no_series_is_told(values: list[Any], row: int, got: str, expected: str) -> None:
    column = fitted(values[:1])
    encoded = column.encode(rows_of(values))
    assert [(e.row, e.got, e.expected) for e in encoded.errors] == [(row, got, expected)]
    assert [len(steps) > 0 for steps in rows_in(encoded)] == [True, False]


def test_fields_that_hold_none_are_refused() -> None:
    with pytest.raises(DataError, match="column 'x': got a field of type list<item: string>"):
        fitted([["a"]])
    with pytest.raises(DataError, match="expected lists of numbers"):
        fitted([1.0, 2.0])


def test_long_series_are_cut_and_that_is_told() -> None:
    heard: list[str] = []
    with listening(lambda message, *_: heard.append(message)):
        column = fitted(["1 2 3", "1", "1 2 3 4"], longest=2)
    assert heard == [
        "x: 2 of 3 training series are longer than 2 steps; what comes after is not read"
    ]
    rows = rows_of(["5 6 7", "5 6"])
    encoded = column.encode(rows)
    assert [len(row) for row in rows_in(encoded)] == [2, 2]
    (found,) = column.strange(rows, encoded)
    assert (found.rows.tolist(), found.what) == ([0], "are longer than 2 steps")


def test_a_bundle_can_hold_what_is_read() -> None:
    column = fitted([[1.0, 2.0]])
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(np.ones((2, 3), np.float32))
    assert column.detached(tensors).to_pylist() == [[1, 1, 1], [1, 1, 1]]
    fixed = pa.array([[1.0, 2.0], None], pa.list_(pa.float64(), 2))
    assert column.detached(fixed).type == pa.list_(pa.float64())


@pytest.mark.parametrize(("values", "reason"), [
    (pa.array(SERIES), "series of 2 to 3 numbers, 1 missing"),
    (pa.array(TWO), "series of 1 to 2 steps of 2 numbers"),
    (pa.array(["1.5 2 3", "1 2 3.25"]), "series of 3 numbers"),
    (pa.array(["[1.5, 2, 3]", "[1, 2, 3.25, 4]"]), "series of 3 to 4 numbers"),
    (pa.FixedShapeTensorArray.from_numpy_ndarray(np.ones((2, 96), np.float32)),
     "series of 96 numbers"),
])  # fmt: skip
def test_series_are_claimed_with_a_reason(values: pa.Array, reason: str) -> None:
    guess = Sequence.guess(values)
    assert guess is not None and guess.reason == reason


@pytest.mark.parametrize("values", [
    pa.array(["1 2 3", "4 5 6"]),  # perhaps names of things
    pa.array(["12.5", "13.5"]),
    pa.array(["1,250.5", "2,300.25"]),
    pa.array(["1.5 2 x", "1 2 3"]),
    pa.array([["a", "b"]]),
    pa.array([[[1.0], [1.0, 2.0]]]),
    pa.FixedShapeTensorArray.from_numpy_ndarray(np.ones((2, 28, 28), np.float32)),
    pa.array([1.0, 2.0]),
    pa.array([None, None], pa.string()),
])  # fmt: skip
def test_other_fields_are_not_claimed(values: pa.Array) -> None:
    assert Sequence.guess(values) is None
