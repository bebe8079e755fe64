from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sonde.core.errors import DataError, RecipeError
from sonde.data.columns.number import Number


def rows(values: list[Any] | pa.Array, kind: pa.DataType | None = None) -> pa.RecordBatch:
    if not isinstance(values, pa.Array):
        values = pa.array(values, kind)
    return pa.record_batch([values], ["x"])


def fitted(values: list[Any] | pa.Array, **options: Any) -> Number:
    return Number(**options).named("x").fit([rows(values)])


finite = st.floats(-1e140, 1e140)


@pytest.mark.parametrize("scale", ["standard", "log", "quantile"])
@given(values=st.lists(finite, min_size=1, max_size=30))
@example(values=[1e17, 1e17 + 16, 1e17 + 64])
@example(values=[0.1, 0.1, 0.1])
@example(values=[1e9, 1e9 + 1e-7, 1e9 + 2e-7])
@example(values=[0.0, 1e-12, 1.0, -1e140])
def test_decoded_numbers_encode_to_the_same_bits(scale: str, values: list[float]) -> None:
    column = fitted(values, scale=scale)
    once = column.encode(rows(values))
    again = column.encode(rows(column.decode(once.values), pa.float64()))
    assert once.values.tobytes() == again.values.tobytes()


@pytest.mark.parametrize("scale", ["log", "quantile"])
def test_a_heavy_tail_is_bent(scale: str) -> None:
    rng = np.random.default_rng(0)
    values = pa.array(np.exp(rng.normal(8.0, 3.0, 4000)))
    column = fitted(values, scale=scale)
    encoded = column.encode(rows(values)).values
    assert (encoded**4).mean() == pytest.approx(3.0, abs=0.4)  # as of a normal distribution
    assert np.argsort(encoded, kind="stable").tolist() == np.argsort(values.to_numpy()).tolist()
    far = column.encode(rows([-5.0, 1e12]))
    assert not far.errors
    if scale == "quantile":
        assert far.values.tolist() == [encoded.min(), encoded.max()]


@given(st.lists(finite, min_size=1, max_size=80))
def test_edges_are_quantiles_in_the_tensors_unit(values: list[float]) -> None:
    column = fitted(values)
    edges, encoded = np.array(column.port.edges), column.encode(rows(values)).values
    assert len(edges) <= 64
    assert (np.diff(edges) > 0).all()
    assert np.isin(edges, encoded).all()
    if len(np.unique(encoded)) > 1:
        assert (edges[0], edges[-1]) == (encoded.min(), encoded.max())
    else:
        assert not len(edges)


def test_edges_of_a_long_stream_come_from_a_bounded_sample() -> None:
    """300,000 rows in uneven chunks: the same edges as in one, near the true quantiles."""
    values = np.random.default_rng(1).normal(size=300_000)
    whole = Number().named("x").fit([rows(pa.array(values))])
    cuts = np.split(values, [10, 5000, 200_000])
    parts = Number().named("x").fit(rows(pa.array(cut)) for cut in cuts)
    assert np.allclose(parts.edges, whole.edges, atol=1e-6)
    true = np.quantile(column_of(whole, values), np.linspace(0, 1, 49))
    assert np.abs(np.array(whole.edges) - true)[2:-2].max() < 0.02


def column_of(column: Number, values: np.ndarray) -> np.ndarray:
    return column.encode(rows(pa.array(values))).values


@given(st.lists(st.lists(st.floats(-1e6, 1e6), max_size=8), min_size=1, max_size=5))
def test_statistics_are_those_of_all_chunks_together(chunks: list[list[float]]) -> None:
    column = Number().named("x").fit([rows(chunk, pa.float64()) for chunk in chunks])
    values = np.array([value for chunk in chunks for value in chunk])
    if len(set(values)) > 1 and values.std() > 1e-9 * np.abs(values).max():
        assert column.mean == pytest.approx(values.mean(), rel=1e-6, abs=1e-6 * values.std())
        assert column.deviation == pytest.approx(values.std(), rel=1e-5)


@given(st.lists(st.one_of(st.text(max_size=8), st.floats(-1e9, 1e9).map(repr)), max_size=10))
@example(["nan", "1"])
@example(["inf", "x"])
@example(["1_000", "0x1f", "1e5", "+.5", "5.", "\u0661"])
@example(["\u00a07\u2003", "-", ".", "e5"])
def test_a_text_is_read_the_same_whatever_stands_beside_it(texts: list[str]) -> None:
    column = fitted([0.0, 10.0])
    whole = column.encode(rows(texts, pa.string()))
    wrong = {error.row: error.expected for error in whole.errors}
    for place, text in enumerate(texts):
        alone = column.encode(rows([text]))
        assert alone.values[0] == whole.values[place]
        assert alone.present is not None and whole.present is not None
        assert alone.present[0] == whole.present[place]
        told = [wrong[place]] if place in wrong else []
        assert [error.expected for error in alone.errors] == told
        if alone.present[0]:
            assert column.decode(alone.values)[0] == pytest.approx(float(text), abs=1e-5, rel=1e-6)


@pytest.mark.parametrize("array", [
    pa.array([1, 2, None], pa.int8()),
    pa.array([1, 2, None], pa.uint64()),
    pa.array([1.0, 2.0, math.nan], pa.float32()),
    pa.array([False, True, None]),
    pa.array(["1", " 2.0 ", None]),
    pa.array(["1", "2", ""], pa.large_string()),
    pa.array(["1", "2", None]).dictionary_encode(),
    pa.array(["1e0", "+2", None], pa.string_view()),
], ids=lambda array: str(array.type))  # fmt: skip
def test_every_way_to_write_a_number(array: pa.Array) -> None:
    encoded = fitted(array).encode(rows(array))
    assert encoded.values.tolist() == [-1.0, 1.0, 0.0]
    assert encoded.present is not None
    assert encoded.present.tolist() == [True, True, False]
    assert not encoded.errors


def test_a_constant_column_stays_zero() -> None:
    column = fitted([0.1] * 1000)
    assert column.encode(rows([0.1, 0.1])).values.tolist() == [0.0, 0.0]


def test_nothing_but_missing_values_learns_nothing() -> None:
    assert fitted([None, None]).dump(learned=True) == Number().named("x").dump(learned=True)


def test_text_is_dropped_before_parsing() -> None:
    column = fitted(["1,250 sqft", "750 sqft"], drop=(" sqft", ","))
    assert (column.mean, column.deviation) == (1000.0, 250.0)


@given(
    values=st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), min_size=2, max_size=10),
    marks=st.sampled_from([(".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (".", "'")]),
    unit=st.sampled_from(["", " kg", "%", " sq ft", "km/h"]),
    money=st.sampled_from(["", "$", "€ "]),
)
def test_numbers_are_read_however_they_are_written(
    values: list[float], marks: tuple[str, str], unit: str, money: str
) -> None:
    decimal, thousands = marks
    texts = [f"{value:,.2f}" for value in values]
    swapped = str.maketrans({",": thousands, ".": decimal})
    written = [money + text.translate(swapped) + unit for text in texts]
    drop = tuple(text.strip() for text in (unit, money) if text.strip())
    column = fitted(written, drop=drop, decimal=decimal, thousands=thousands)
    encoded = column.encode(rows(written))
    assert not encoded.errors
    assert column.decode(encoded.values) == pytest.approx(
        values, rel=1e-6, abs=1e-3 * column.deviation
    )


@pytest.mark.parametrize(("values", "options"), [
    (["12,5", "3,25", "7"], {"decimal": ","}),
    (["1,234,567", "2,345", "3", "4.5"], {"thousands": ","}),
    (["$1,200.50", "$3.00", "$7.25"], {"drop": ["$"], "thousands": ","}),
    (["12.5 kg", "13 kg", "5kg"], {"drop": ["kg"]}),
    (["1.234,5", "2.000,25", "0,1"], {"decimal": ",", "thousands": "."}),
    (["1 234.5", "22 345", "7"], {"thousands": " "}),
    (["5%", "10.5%", "3%"], {"drop": ["%"]}),
])  # fmt: skip
def test_a_way_of_writing_is_found(values: list[str], options: dict[str, Any]) -> None:
    claim = Number.guess(pa.array([*values, None]))
    assert claim is not None
    assert (claim.options, claim.unsure) == (options, None)
    column = Number.parse({**claim.options}).named("x").fit([rows(values)])
    assert not column.encode(rows(values)).errors


def test_commas_that_could_be_either_are_asked_about() -> None:
    claim = Number.guess(pa.array(["1,234", "2,345"]))
    assert claim is not None
    assert claim.unsure == (
        "its numbers, such as '1,234', could be written with a decimal ',' or with thousands "
        "parted by ','. Say which, such as  NAME: {kind: number, thousands: \",\"}"
    )


@pytest.mark.parametrize(("text", "options"), [
    ("1,5", {"thousands": ","}),
    ("1.5", {"decimal": ","}),
    ("1234,567", {"thousands": ","}),
    ("12,34,567", {"thousands": ","}),
])  # fmt: skip
def test_a_mark_in_the_wrong_place_is_no_number(text: str, options: dict[str, Any]) -> None:
    (error,) = fitted(["1", "2"], **options).encode(rows([text])).errors
    assert error.expected == "a number"


@pytest.mark.parametrize("values", [["01234", "99999"] * 9, ["A11", "A12"], ["250/500", "100/300"],
                                    ["12", "n/a", "12kg"], ["10th", "1st"]])  # fmt: skip
def test_codes_are_no_numbers(values: list[str]) -> None:
    assert Number.guess(pa.array(values)) is None


@pytest.mark.parametrize(("value", "expected"), [
    ("1,250 sqft", "a number"),
    ("nan", "a number"),
    ("1e400", "a finite number below 1e150"),
    (-math.inf, "a finite number below 1e150"),
    (1e149, "a number less far from the training rows' mean 1.5, deviation 0.5"),
])  # fmt: skip
def test_what_is_no_number_is_told(value: object, expected: str) -> None:
    encoded = fitted([1.0, 2.0]).encode(rows([value]))
    (error,) = encoded.errors
    assert (error.row, error.expected) == (0, expected)
    assert str(error.got) == str(value)
    assert encoded.values.tolist() == [0.0]


def test_dates_are_refused_as_a_field() -> None:
    import datetime

    with pytest.raises(DataError, match=r"column 'x': got a field of type date32.* expected num"):
        fitted([datetime.date(2020, 1, 1)])


def test_an_empty_text_cannot_be_dropped() -> None:
    with pytest.raises(RecipeError, match=r"drop\.0"):
        Number.parse({"drop": [""]})


@pytest.mark.parametrize(("values", "confidence", "reason"), [
    (["0.1667", "80", None, "29.5"], 0.8, "0.1667 to 80, 1 missing"),
    ([1, 2, 3] * 10, 0.5, "1 to 3"),
    (["1"] * 30 + ["2,5"], 0.6, "1 to 1, 1 not a number, such as '2,5'"),
    ([12345, 20.5], 0.8, "20.5 to 12,345"),
])  # fmt: skip
def test_numbers_are_claimed_with_their_range(
    values: list[Any], confidence: float, reason: str
) -> None:
    claim = Number.guess(pa.array(values))
    assert claim is not None
    assert (claim.confidence, claim.reason) == (confidence, reason)


@pytest.mark.parametrize("values", [["a", "1"], [True, False], [None], [b"1"], [[1]]])
def test_other_fields_are_not_claimed(values: list[Any]) -> None:
    assert Number.guess(pa.array(values)) is None


@pytest.mark.parametrize(
    ("values", "claimed"),
    [
        (["word"] * 3000, False),
        (["word", "3"] * 1500, False),
        (["B12"] * 3000, False),
        (["1.5"] * 2990 + ["n/a"] * 10, True),
        (["n/a"] * 100 + ["1.5"] * 2900, True),
        (["n/a"] * 200 + ["1.5"] * 2800, False),
        ([f"{place},5" for place in range(3000)], True),
        ([f"{place} kg" for place in range(3000)], True),
        ([f"{place} kg" for place in range(2999)] + ["much"], False),
        ([None] * 2990 + ["12,5"] * 10, True),
        ([None] * 2990 + ["word"] * 10, False),
    ],
)
def test_a_few_texts_of_a_long_field_tell_what_all_would(
    values: list[str | None], claimed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Number.guess(pa.array(values))
    monkeypatch.setattr("sonde.data.columns.number._LOOKED_AT", len(values))
    assert Number.guess(pa.array(values)) == few
    assert (few is not None) == claimed


@pytest.mark.parametrize("scale", ["standard", "log", "quantile"])
def test_numbers_far_outside_those_of_training_are_strange(scale: str) -> None:
    """A quarter of the range beyond either end is near; examples are the numbers that were read."""
    column = fitted([float(place) for place in range(41)], scale=scale)
    asked = rows(["-9.9", "-10.5", "49.9", "50.5", None, "7", "1e9"])
    missing, far = column.strange(asked, column.encode(asked))
    assert missing.rows.tolist() == [4]
    assert far.rows.tolist() == [1, 3, 6]
    assert far.what == "lie far outside the training rows' 0 to 40"
    assert far.examples == ("-10.5", "50.5", "1,000,000,000")


def test_whatever_differs_from_a_constant_is_strange() -> None:
    column = fitted([7.0, 7.0])
    asked = rows([7.0, 8.0])
    (found,) = column.strange(asked, column.encode(asked))
    assert (found.rows.tolist(), found.examples) == ([1], ("8",))
    assert found.what == "lie far outside the training rows' constant 7"
