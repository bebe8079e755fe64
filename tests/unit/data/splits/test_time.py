from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sonde.core.errors import DataError, RecipeError
from sonde.core.notice import listening
from sonde.data.splits.time import Time


@dataclass
class Days:
    values: pa.Array

    @property
    def count(self) -> int:
        return len(self.values)

    def field(self, name: str) -> pa.ChunkedArray:
        assert name == "day"
        return pa.chunked_array([self.values])


def shuffled(values: list[Any]) -> list[Any]:
    return [values[at] for at in np.random.default_rng(0).permutation(len(values))]


DATES = [np.datetime64("2011-01-01") + day for day in range(100)]


@pytest.mark.parametrize("values", [
    pa.array(shuffled(list(range(100)))),
    pa.array(shuffled([day.astype(date) for day in DATES])),
    pa.array(shuffled([f"{day}" for day in DATES])),
    pa.array(shuffled([f"{day}T05:30:00+02:00" for day in DATES])),
    pa.array(shuffled([datetime.fromisoformat(f"{day}") for day in DATES])),
    pa.array(shuffled([f"{1911 + month // 12}-{month % 12 + 1:02}" for month in range(100)])),
], ids=["numbers", "dates", "texts", "texts with zones", "timestamps", "months"])  # fmt: skip
def test_training_comes_before_validation_before_test(values: pa.Array) -> None:
    (made,) = Time(by="day", valid=0.2, test=0.1).folds(Days(values))
    order = np.argsort(np.argsort(values.to_numpy(zero_copy_only=False)))
    assert [len(part) for part in (made.train, made.valid, made.test)] == [70, 20, 10]
    assert order[made.train].max() < order[made.valid].min()
    assert order[made.valid].max() < order[made.test].min()


def test_rows_of_one_time_are_never_divided() -> None:
    times = np.repeat([1, 2, 3], [50, 49, 1])
    (made,) = Time(by="day").folds(Days(pa.array(times)))
    assert [set(times[made.part(p)]) for p in ("train", "valid", "test")] == [{1}, {2}, {3}]


def test_the_borders_are_told() -> None:
    heard: list[str] = []

    def listener(message: str, important: bool, facts: dict[str, Any]) -> None:
        heard.append(message)
        assert not important and not facts

    with listening(listener):
        list(Time(by="day").folds(Days(pa.array([str(day) for day in DATES]))))
    valid, test = "2011-03-12", "2011-03-27"
    assert heard == [f"rows to {p} begin at day {d}" for p, d in (("valid", valid), ("test", test))]


@pytest.mark.parametrize(("value", "shown"), [("31 March", "'31 March'"), (None, "None")])
def test_a_value_that_is_no_time_is_told_with_its_row(value: str | None, shown: str) -> None:
    values = [str(day) for day in DATES]
    values[7] = value
    with pytest.raises(DataError, match=f"field 'day', row 7: got {shown}, expected a date"):
        list(Time(by="day").folds(Days(pa.array(values))))


def test_fewer_times_than_parts_are_refused() -> None:
    with pytest.raises(DataError, match=r"2 distinct times in 10 rows.*need at least 3"):
        list(Time(by="day").folds(Days(pa.array([1, 2] * 5))))


def test_days_and_months_are_told_apart_by_all_rows_or_by_a_format() -> None:
    written = pa.array([day.astype(date).strftime("%d/%m/%Y") for day in DATES])
    (made,) = Time(by="day").folds(Days(written))
    assert made.test.tolist() == list(range(85, 100))
    unclear = pa.array([f"0{at % 9 + 1}/0{at // 9 + 1}/2011" for at in range(81)])
    with pytest.raises(DataError, match="may be read as '%d/%m/%Y', '%m/%d/%Y', which differ"):
        list(Time(by="day").folds(Days(unclear)))
    (made,) = Time(by="day", format="%d/%m/%Y").folds(Days(unclear))
    assert made.train.tolist() == list(range(len(made.train)))
    with pytest.raises(DataError, match="row 0: got '2011', expected a time like %d/%m/%Y"):
        list(Time(by="day", format="%d/%m/%Y").folds(Days(pa.array(["2011"] * 9))))


@pytest.mark.parametrize("gap", [5, "5d", "120h"])
def test_a_gap_is_left_out_before_each_border(gap: int | str) -> None:
    heard: list[str] = []
    days = pa.array([str(day) for day in DATES])
    with listening(lambda message, _important, _facts: heard.append(message)):
        (made,) = Time(by="day", valid=0.2, test=0.1, gap=gap).folds(Days(days))
    assert made.train.tolist() == list(range(65))
    assert made.valid.tolist() == list(range(70, 85))
    assert made.test.tolist() == list(range(90, 100))
    words = gap if isinstance(gap, str) else "5 rows"
    assert heard[-1] == f"10 rows are left out, in gaps of {words} before rows to valid and test"


def test_a_gap_of_rows_never_divides_a_time() -> None:
    times = np.repeat(np.arange(20), 10)
    (made,) = Time(by="day", valid=0.0, test=0.5, gap=11).folds(Days(pa.array(times)))
    assert (times[made.train].max(), times[made.test].min()) == (7, 10)


@pytest.mark.parametrize(("gap", "part"), [(15, "valid"), ("15d", "valid"), (500, "train")])
def test_a_gap_that_leaves_nothing_is_refused(gap: int | str, part: str) -> None:
    split = Time(by="day", gap=gap)
    with pytest.raises(DataError, match=f"a gap of {gap}.* leaves no rows to {part}. Give a short"):
        list(split.folds(Days(pa.array([str(day) for day in DATES]))))


def test_a_duration_needs_dates() -> None:
    with pytest.raises(DataError, match="'7d' is a duration, and field 'day' holds plain numbers"):
        list(Time(by="day", gap="7d").folds(Days(pa.array(range(100)))))


@pytest.mark.parametrize("gap", ["soon", "7", "-1d", -3])
def test_a_gap_that_cannot_be_read_is_refused(gap: int | str) -> None:
    with pytest.raises(RecipeError, match=r"gap: got .*, expected a number of rows such as 24, or"):
        Time.parse({"by": "day", "gap": gap})
