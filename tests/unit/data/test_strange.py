"""What a caller's rows have that no training row had: one notice a column, with counts."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from sonde.contracts.data import Column
from sonde.core.notice import SondeWarning, listening
from sonde.data.columns.category import Category
from sonde.data.columns.number import Number
from sonde.data.columns.set import Set
from sonde.data.strange import StrangeRows

Said = list[tuple[str, bool, dict[str, Any]]]


def said(column: Column, train: list[Any], asked: list[Any], chunk: int = 3) -> Said:
    """The notices on a column's rows, met a few at a time."""
    batch = pa.record_batch([pa.array(asked, pa.array(train).type)], ["x"])
    fitted = column.named("x").fit([pa.record_batch([pa.array(train)], ["x"])])
    strange = StrangeRows({"x": fitted})
    for start in range(0, len(batch), chunk):
        part = batch.slice(start, chunk)
        strange.add(part, {"x": fitted.encode(part)})
    heard: Said = []
    with listening(lambda message, important, facts: heard.append((message, important, facts))):
        strange.tell()
    return heard


def test_values_no_training_row_had_are_counted_over_all_chunks() -> None:
    asked = ["mauve", "red", "teal", "mauve", None, "red", " blue", "ochre", "umber", "rose"]
    (message, important, facts) = said(Category(), ["red", "blue", None], asked)[0]
    assert message == (
        "x: 6 of 10 rows hold values that no training row had (mauve, teal, ochre, ...); "
        "all such values count as one, for which nothing was learned"
    )
    assert important
    assert facts == {"columns": ["x"], "strange": [
        {"what": "hold values that no training row had", "rows": 6, "of": 10}]}  # fmt: skip


def test_one_notice_holds_all_that_is_strange_of_a_column() -> None:
    ((message, _, facts),) = said(Number(), [1.0, 5.0, 3.0], [2.0, None, 100.0, None])
    assert message == (
        "x: 2 of 4 rows have no value; every training row had one. 1 of 4 rows lie far outside the "
        "training rows' 1 to 5 (100); nothing was learned about such numbers"
    )
    assert [entry["rows"] for entry in facts["strange"]] == [2, 1]


@pytest.mark.parametrize(("column", "train", "asked"), [
    (Category(), ["red", None, "blue"], ["blue", None, "red"]),
    (Category(rare=2), ["red", "red", "blue"], ["blue"]),
    (Category(ignore_case=True), ["red", "Blue"], ["RED", "blue"]),
    (Category(), ["1", "2"], ["1.0", " 2 "]),
    (Number(), [1.0, None, 5.0], [None, 5.5, 0.5]),
    (Set(most=1), ["a|b", "a", None], ["b", "a|b", None]),
])  # fmt: skip
def test_what_training_rows_had_is_passed_over(
    column: Column, train: list[Any], asked: list[Any]
) -> None:
    assert said(column, train, asked) == []


def test_columns_of_which_the_same_is_to_be_said_share_a_notice() -> None:
    train = pa.record_batch({"x": [1.0, 2.0], "y": [3.0, 4.0], "z": [5.0, 6.0]})
    asked = pa.record_batch({"x": [None, 1.5], "y": [None, 3.5], "z": [5.5, 5.5]}, train.schema)
    fitted = {name: Number().named(name).fit([train]) for name in train.schema.names}
    strange = StrangeRows(fitted)
    strange.add(asked, {name: column.encode(asked) for name, column in fitted.items()})
    heard: list[str] = []
    with listening(lambda message, _, __: heard.append(message)):
        strange.tell()
    assert heard == ["x, y: 1 of 2 rows have no value; every training row had one"]


def test_words_of_a_set() -> None:
    ((message, _, _),) = said(Set(), ["a|b", "b|c"], ["a|z", "b", "z|y"])
    assert message == (
        "x: 2 of 3 rows hold words that no training row had (z, y); such words are passed over"
    )


def test_a_long_value_is_shortened() -> None:
    ((message, _, _),) = said(Category(), ["a", "b"], ["x" * 10_000])
    assert len(message) < 200


def test_without_a_listener_it_is_a_warning() -> None:
    column = Category().named("x").fit([pa.record_batch([pa.array(["a", "b"])], ["x"])])
    strange, rows = StrangeRows({"x": column}), pa.record_batch([pa.array(["c"])], ["x"])
    strange.add(rows, {"x": column.encode(rows)})
    with pytest.warns(SondeWarning, match="x: 1 of 1 rows hold values that no training row had"):
        strange.tell()
