"""Spans: from characters to the steps of their text and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sonde.contracts.data import Column
from sonde.core.errors import UnknownColumn, UsageError
from sonde.core.notice import listening
from sonde.data.columns.number import Number
from sonde.data.columns.span import Span
from sonde.data.columns.text import Text

CASES = [
    ("Der Zug fährt um 8.15 Uhr ab.", "8.15 Uhr"),
    ("我在北京大学学习中文。", "北京大学"),
    ("So good 👩‍👩‍👧 and  twice   spaced!", "👩‍👩‍👧 and  twice   spaced"),
    ("Cafe\u0301 noir, s'il vous plaît", "Cafe\u0301 noir"),
    ("one", "one"),
    ("  leading and trailing  ", "trailing"),
]


def table(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows)


def asked(context: str, answer: str | None, start: Any = None) -> dict[str, Any]:
    if answer is not None and start is None:
        start = context.index(answer)
    return {"context": context, "answer": [answer] if answer else [], "start": [start or 0]}


def columns(rows: pa.RecordBatch, **options: Any) -> tuple[Text, Span]:
    text = Text(**options).named("context").fit([rows])
    span = Span(start="start", within="context").named("answer").beside({"context": text})
    return text, span.fit([rows])


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_the_text_cut_out_is_the_answer(tokens: str) -> None:
    rows = table([asked(context, answer) for context, answer in CASES])
    text, span = columns(rows, tokens=tokens, at_least=1, vocabulary=256)  # bytes, where pieces
    encoded = span.encode(rows)
    assert not encoded.errors and encoded.present is not None and encoded.present.all()
    steps = text.encode(rows)
    assert steps.lengths is not None
    for at, (context, answer) in enumerate(CASES):
        places = text.offsets([context])[0]
        assert len(places) == steps.lengths[at]
        first, last = encoded.values[at].astype(int)
        assert context[places[first][0] : places[last][1]].strip() == answer.strip()
    assert span.places(rows) == [(c.index(a), c.index(a) + len(a)) for c, a in CASES]


def test_no_answer_is_a_value_and_a_missing_one_is_not_known() -> None:
    rows = table(
        [
            asked("red car", "car"),
            asked("red car", None),
            {"context": "red car", "answer": None, "start": [0]},
            {"context": None, "answer": ["car"], "start": [0]},
        ]
    )
    encoded = columns(rows)[1].encode(rows)
    assert encoded.values.tolist()[:2] == [[1.0, 1.0], [-1.0, -1.0]]
    assert encoded.present is not None and encoded.present.tolist() == [True, True, False, False]


def test_words_may_say_that_there_is_none() -> None:
    rows = pa.record_batch({"answer": ["NOTHING", "b c"], "start": ["(4, 11)", "(2, 5)"],
                            "context": ["a b NOTHING", "a b c"]})  # fmt: skip
    text = Text().named("context").fit([rows])
    span = Span(start="start", within="context", none=("NOTHING",)).named("answer")
    encoded = span.beside({"context": text}).encode(rows)
    assert encoded.values.tolist() == [[-1, -1], [1, 2]]
    assert span.beside({"context": text}).texts(rows) == [[], ["b c"]]


def test_of_several_answers_the_first_teaches_and_all_are_told() -> None:
    rows = table([{"context": "a b c d", "answer": ["", "c", "a"], "start": [0, 4, 0]}])
    said: list[str] = []
    with listening(lambda message, *_: said.append(message)):
        span = columns(rows)[1]
    assert span.encode(rows).values.tolist() == [[2, 2]]
    assert span.texts(rows) == [["c", "a"]]
    assert any("1 rows have several answers" in message for message in said)


def test_what_stands_beside_its_place_is_taken_where_it_stands_and_told() -> None:
    context = "HIV is a virus. HIV spreads."
    rows = table([asked(context, " HIV spreads", 14), asked(context, "virus", 9)])
    said: list[str] = []
    with listening(lambda message, *_: said.append(message)):
        span = columns(rows)[1]
    assert span.places(rows) == [(16, 27), (9, 14)]
    assert any("1 of 2 answers stand a few characters beside" in message for message in said)


def test_places_count_where_words_differ_and_it_is_told() -> None:
    rows = pa.record_batch({"context": ["the bass, mids and treble rock", "It's nice."],
                            "answer": ["the bass rock", "It 's nice ."],
                            "start": ["(0, 30)", "(0, 10)"]})  # fmt: skip
    said: list[str] = []
    with listening(lambda message, *_: said.append(message)):
        span = columns(rows)[1]
    assert span.places(rows) == [(0, 30), (0, 10)]
    assert len(said) == 2 and "other words" in said[1] and "other spaces" in said[0]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (asked("red car", "bus", 4), "the text at character 4, which is 'car'"),
        (asked("red car", "car", 400), "the text at character 400"),
        (asked("red car", "car", -5), "a start from 0 on"),
        ({"context": "red car", "answer": ["car"], "start": []}, "where the answer starts"),
        (asked("red   car", " ", 4), "an answer that covers a step"),
    ],
)
def test_an_answer_that_stands_nowhere_is_a_row_error(row: dict[str, Any], expected: str) -> None:
    rows = table([asked("red car", "red"), row])
    errors = columns(rows)[1].encode(rows).errors
    assert [error.row for error in errors] == [1]
    assert errors[0].expected.startswith(expected)


def test_an_answer_behind_what_is_read_is_a_row_error() -> None:
    rows = table([asked("a b c d e", "e")])
    errors = columns(rows, longest=3)[1].encode(rows).errors
    assert "`longest`" in errors[0].expected


def test_a_pair_outside_its_text_is_a_row_error() -> None:
    rows = pa.record_batch({"context": ["a b"], "answer": ["b"], "start": ["(2, 9)"]})
    errors = columns(rows)[1].encode(rows).errors
    assert "within the context's 3" in errors[0].expected


def test_it_must_lie_in_a_text_column() -> None:
    span = Span(start="start", within="contxt").named("answer")
    known: dict[str, Column] = {"context": Text().named("context"), "age": Number().named("age")}
    with pytest.raises(UnknownColumn, match="Did you mean 'context'"):
        span.beside(known)
    other = Span(start="start", within="age").named("answer")
    with pytest.raises(UsageError, match="expected a text"):
        other.beside(known)


def test_without_a_text_steps_are_characters() -> None:
    rows = pa.record_batch({"place": pa.array([[3, 7], [], None], pa.list_(pa.int64()))})
    encoded = Span().named("place").encode(rows)
    assert np.array_equal(encoded.values, [[3, 6], [-1, -1], [-1, -1]])
    assert Span().named("place").decode(encoded.values) == [[3, 7], [], []]
