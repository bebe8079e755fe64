from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.core.errors import DataError, RecipeError
from sonde.data.columns.date import Date

moments = st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31))


def rows(values: list[Any] | pa.Array, kind: pa.DataType | None = None) -> pa.RecordBatch:
    if not isinstance(values, pa.Array):
        values = pa.array(values, kind)
    return pa.record_batch([values], ["x"])


def fitted(values: list[Any] | pa.Array, **options: Any) -> Date:
    return Date(**options).named("x").fit([rows(values)])


def read(values: list[Any], **options: Any) -> list[str]:
    column = fitted(values, **options)
    encoded = column.encode(rows(values))
    assert not encoded.errors
    return column.decode(encoded.values)


@given(st.lists(moments, min_size=1, max_size=20), st.sampled_from(["day", "minute", "second"]))
def test_what_is_decoded_is_the_moment_and_encodes_to_the_same_bits(
    values: list[datetime.datetime], finest: str
) -> None:
    cut = {"second": {}, "minute": {"second": 0}, "day": {"second": 0, "minute": 0, "hour": 0}}
    cleaned = [value.replace(microsecond=0, **cut[finest]) for value in values]
    texts = [value.isoformat(sep=" ") for value in cleaned]
    column = fitted(texts)
    once = column.encode(rows(texts))
    decoded = column.decode(once.values)
    assert [datetime.datetime.fromisoformat(text) for text in decoded] == cleaned
    assert column.encode(rows(decoded)).values.tobytes() == once.values.tobytes()


@given(st.lists(moments, min_size=1, max_size=10), st.sampled_from(
    ["%d.%m.%Y", "%m/%d/%Y", "%Y%m%d", "%d %b %Y", "%B %d, %Y", "%d/%m/%Y %H:%M:%S"]))  # fmt: skip
def test_a_declared_format_reads_what_strftime_writes(
    values: list[datetime.datetime], pattern: str
) -> None:
    texts = [value.strftime(pattern) for value in values if value.year > 999]
    want = [datetime.datetime.strptime(text, pattern) for text in texts]
    if texts:
        got = read(texts, format=pattern)
        assert [datetime.datetime.fromisoformat(text) for text in got] == want


@given(st.lists(st.text(alphabet="0123456789-/.: TZ+", max_size=16), max_size=10))
def test_any_text_is_a_date_or_an_error(texts: list[str]) -> None:
    """Nothing raises, and a text is read the same whatever stands beside it."""
    column = fitted(["2015-03-31", "2016-01-01 10:20"])
    whole = column.encode(rows(texts, pa.string()))
    wrong = {error.row for error in whole.errors}
    assert whole.present is not None
    for place, text in enumerate(texts):
        assert (place in wrong) == (bool(text.strip()) and not whole.present[place])
        assert np.array_equal(column.encode(rows([text])).values[0], whole.values[place])


@pytest.mark.parametrize(("values", "iso"), [
    (["31/03/2015", "01/02/2016"], ["2015-03-31", "2016-02-01"]),
    (["03/31/2015", "01/02/2016"], ["2015-03-31", "2016-01-02"]),
    (["31.3.2015", "1.2.2016"], ["2015-03-31", "2016-02-01"]),
    (["01-Jan-1995", "31-Dec-1997"], ["1995-01-01", "1997-12-31"]),
    (["Mar 3, 2015 3:15 PM", "Dec 31, 2015 12:00 am"], ["2015-03-03T15:15", "2015-12-31T00:00"]),
    (["20141013T000000", "20150225T000000"], ["2014-10-13", "2015-02-25"]),
    (["2015-03-31T12:00:30Z", "2015-03-31T12:00:30+02:00"],
     ["2015-03-31T12:00:30", "2015-03-31T10:00:30"]),
    ([datetime.date(2015, 3, 31), datetime.date(2016, 2, 29)], ["2015-03-31", "2016-02-29"]),
    ([datetime.datetime(2015, 3, 31, 7), datetime.datetime(2016, 2, 29)],
     ["2015-03-31T07:00", "2016-02-29T00:00"]),
])  # fmt: skip
def test_dates_are_found_and_read(values: list[Any], iso: list[str]) -> None:
    assert read(values) == iso
    claim = Date.guess(pa.array(values))
    assert claim is not None
    assert claim.unsure is None
    assert read(values, **claim.options) == iso


def test_numbers_since_1970_are_read_where_that_is_said() -> None:
    assert read([881250949, 881250950], format="epoch")[0] == "1997-12-04T15:55:49"
    assert read(["881250949500"], format="epoch-ms") == ["1997-12-04T15:55:49"]


@pytest.mark.parametrize("value", ["0000-00-00", "99999-01-01", "2015-02-29", "2015-13-01",
                                   "2015-01-01 25:00", "soon"])  # fmt: skip
def test_what_is_no_date_is_told(value: str) -> None:
    (error,) = fitted(["2015-03-31"]).encode(rows([value])).errors
    assert (error.got, error.expected) == (value, "a date that exists, like 2015-03-31")


def test_where_day_and_month_could_be_either_it_asks() -> None:
    values = ["03/04/2015", "05/06/2016"]
    with pytest.raises(DataError, match=r"could be %d/%m/%Y or %m/%d/%Y\. Say which") as raised:
        fitted(values)
    assert 'x: {kind: date, format: "%d/%m/%Y"}' in str(raised.value)
    claim = Date.guess(pa.array(values))
    assert claim is not None
    assert claim.unsure is not None
    assert "could be %d/%m/%Y or %m/%d/%Y" in claim.unsure


def test_neighbours_in_the_round_are_near() -> None:
    """The last minute of a year lies beside the first of the next."""
    column = fitted([f"{year}-{month:02}-15 {month}:30" for year in (2013, 2014, 2015)
                     for month in range(1, 13)])  # fmt: skip
    eve, day, summer = column.encode(
        rows(["2014-12-31 23:59", "2015-01-01 00:00", "2014-07-02 12:00"])
    ).values
    month = slice(2, 4)
    assert (
        np.linalg.norm(eve[month] - day[month]) < 0.6 < np.linalg.norm(eve[month] - summer[month])
    )
    assert abs(eve[0] - day[0]) < 0.01


def test_missing_dates_are_marked() -> None:
    column = fitted(["2015-03-31", None, ""])
    encoded = column.encode(rows(["2015-03-31", None, " "]))
    assert encoded.present is not None
    assert encoded.present.tolist() == [True, False, False]
    assert not encoded.errors
    assert column.port.optional
    assert not fitted(["2015-03-31"]).port.optional


@pytest.mark.parametrize("values", [
    ["123456", "234567"], [20150331, 99999999], ["1.5", "2.5"], ["a", "b"], [True], [None],
    ["521585", "342868"], [[1]], ["10:30", "11:45"],
])  # fmt: skip
def test_other_fields_are_not_claimed(values: list[Any]) -> None:
    assert Date.guess(pa.array(values)) is None


def test_a_format_without_a_year_is_refused() -> None:
    with pytest.raises(RecipeError, match="expected a year, a month and a day, each once"):
        Date.parse({"format": "%d.%m."})
    with pytest.raises(RecipeError, match="got %q, expected codes of"):
        Date.parse({"format": "%d.%m.%Y %q"})


def test_lists_are_refused_as_a_field() -> None:
    with pytest.raises(DataError, match=r"column 'x': got a field of type list.* expected dates"):
        fitted([[1, 2]])


def days(count: int, form: str) -> list[str]:
    start = datetime.date(2015, 1, 1)
    return [(start + datetime.timedelta(days=place)).strftime(form) for place in range(count)]


@given(
    form=st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%b-%y", "%Y%m%d"]),
    junk=st.integers(0, 49),
)
def test_formats_of_the_first_fifty_texts_are_those_of_all(form: str, junk: int) -> None:
    """Whatever stands before the first date, one among fifty texts tells the format of all."""
    texts = [*["closed"] * junk, *days(1200, form)]
    claim = Date.guess(pa.array(texts))
    assert claim is not None
    assert claim.options == ({} if form == "%Y-%m-%d" else {"format": form})
    assert claim.unsure is None
    assert claim.reason.startswith("2015-01-01 to 2018-04-14")
    assert (f"{junk} no date" in claim.reason) == bool(junk)


def test_a_field_whose_first_fifty_texts_are_no_dates_is_not_claimed() -> None:
    assert Date.guess(pa.array([*["closed"] * 50, *days(1200, "%Y-%m-%d")])) is None
    missing: list[str | None] = [None] * 500
    assert Date.guess(pa.array([*missing, *days(1200, "%Y-%m-%d")])) is not None


def test_what_settles_the_format_may_come_late() -> None:
    """The first fifty could be either; the thirteenth of a month settles it for all."""
    early = ["03/04/2015", "05/06/2016"] * 600
    claim = Date.guess(pa.array([*early, "25/12/2016"]))
    assert claim is not None
    assert (claim.options, claim.unsure) == ({"format": "%d/%m/%Y"}, None)


def test_dates_outside_those_of_training_are_strange() -> None:
    """To the finest part that training rows have: an hour of the last day is none."""
    column = fitted(["2015-01-01", "2016-06-30", "2015-07-01"])
    asked = rows(["2014-12-31", "2016-06-30 23:59", None, "2015-02-02", "2016-07-01", "2015-01-01"])
    missing, outside = column.strange(asked, column.encode(asked))
    assert missing.rows.tolist() == [2]
    assert outside.rows.tolist() == [0, 4]
    assert outside.what == "lie outside the training rows' 2015-01-01 to 2016-06-30"
    assert outside.examples == ("2014-12-31", "2016-07-01")
