"""Rivals that read texts, and words that are left out of them."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest

from sonde.contracts.data import Column, Encoded
from sonde.contracts.task import Design, Judged
from sonde.core.port import TOKENS, Port
from sonde.data.columns.number import Number
from sonde.data.memory import as_source
from sonde.data.texts import raw_texts, text_fields
from sonde.tasks import _ngrams
from sonde.tasks._class_texts import surest_mistakes
from sonde.tasks._left_out import marks, pieces


class Words(Column):
    """Stands for any column of words."""

    fields: tuple[str, ...] = ("text",)

    @property
    def reads(self) -> tuple[str, ...]:
        return self.fields

    @property
    def port(self) -> Port:
        return Port("sequence", size=TOKENS + 3)

    def fit(self, chunks: object) -> Words:
        return self

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        raise NotImplementedError

    def decode(self, arrays: object) -> list[object]:
        raise NotImplementedError


def _design(texts: list[str], targets: list[int] | None = None) -> Design:
    numbers = np.full((len(texts), 1), np.nan, np.float32)
    known = {} if targets is None else {"label": np.array(targets)}
    return Design(numbers, np.zeros(1, bool), known, {"text": texts})


def test_ngrams_learn_words_their_order_and_letters_inside_them() -> None:
    train = ["not good", "good not", "unkind", "kind"] * 5
    told = _ngrams.logistic(
        _design(train, [0, 1, 0, 1] * 5),
        _design(["not good", "good not", "unkindly", "kindly", ""]),
        0, target="label", classes=3,
    )  # fmt: skip
    assert told["index"][:4].tolist() == [0, 1, 0, 1]
    assert told["probability"].shape == (5, 3)
    np.testing.assert_allclose(told["probability"].sum(axis=1), 1, rtol=1e-5)
    assert (told["probability"][:, 2] == 0).all()


def test_ngrams_answer_where_texts_are_empty_or_one_class_is_known() -> None:
    empty = _ngrams.logistic(
        _design([" ", ""] * 3, [0, 1] * 3), _design([""]), 0, target="label", classes=2
    )
    np.testing.assert_allclose(empty["probability"], 0.5, atol=1e-3)
    one = _ngrams.logistic(
        _design(["a", "b"], [1, 1]), _design(["a"]), 0, target="label", classes=2
    )
    assert one["index"].tolist() == [1]


def test_ridge_learns_a_value_from_words() -> None:
    texts = [f"{'dear' if n % 2 else 'cheap'} house {n % 7}" for n in range(40)]
    train = _design(texts)
    values = np.array([1.0 if n % 2 else -1.0 for n in range(40)], np.float32)
    given = Design(train.numbers, train.categorical, {"price": values}, train.texts)
    told = _ngrams.ridge(given, _design(["dear", "cheap"]), 0, target="price")["value"]
    assert told[0] > 0.3
    assert told[1] < -0.3


def test_raw_texts_come_in_the_order_asked_for_with_lists_joined() -> None:
    held = {
        "text": ["a", None, "c", "d"],
        "words": [["x", "y"], [], None, ["z"]],
        "n": [1, 2, 3, 4],
    }
    source = as_source(pa.table(held))
    columns = [Words(fields=("text", "words")).named("both"), Number().named("n")]
    assert text_fields(columns, {f.name: f.type for f in source.fields()}) == ["text", "words"]
    told = raw_texts(columns, source, np.array([3, 0, 1, 3]))
    assert told == {"text": ["d", "a", "", "d"], "words": ["z", "x y", "", "z"]}
    assert raw_texts(columns[1:], source, np.array([0])) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it's so, so", ["it's", "so", ",", "so"]),
        ("Anna", list("Anna")),
        ("", []),
        ("\N{CJK UNIFIED IDEOGRAPH-597D}" * 30, ["\N{CJK UNIFIED IDEOGRAPH-597D}"] * 30),
    ],
)
def test_pieces_are_words_or_letters(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in pieces(text)] == expected


def test_a_long_text_is_left_out_some_words_at_a_time() -> None:
    found = pieces("word " * 700)
    assert len(found) <= 64
    assert found[-1][1] == 3499
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(found))


def test_marks_are_the_words_a_score_hangs_on() -> None:
    rows = pa.record_batch({"text": ["a fine but dull film", "nothing"], "n": [1, 2]})

    def score(asked: pa.RecordBatch, of: np.ndarray) -> np.ndarray:
        texts = asked["text"].to_pylist()
        assert asked["n"].to_pylist() == [int(row) + 1 for row in of]
        return np.array([2.0 * ("fine" in t) - ("dull" in t) for t in texts])

    found = marks(rows, ["text"], score)
    assert [(s.start, s.end, s.strength) for s in found[0][0]] == [(2, 6, 1.0), (11, 15, -0.5)]
    assert found[1] == [[]]


class Sure:
    """Says the second class wherever a text holds 'trigger'."""

    def arrays(self, rows: pa.RecordBatch, options: object = None) -> dict[str, np.ndarray]:
        second = np.array([0.99 if "trigger" in t else 0.1 for t in rows["text"].to_pylist()])
        return {"probability": np.stack([1 - second, second], axis=1).astype(np.float32)}


def test_the_surest_mistakes_show_the_word_that_led_there() -> None:
    texts = ["plain words", "words with trigger inside", "trigger"]
    source = pa.record_batch({"text": texts})
    told = Sure().arrays(source)["probability"]
    judged = Judged(
        {"index": told.argmax(1), "probability": told}, {"index": np.array([0, 0, 1])},
        np.array([5, 6, 7]),
    )  # fmt: skip
    asked: list[int] = []

    def raw(rows: list[int]) -> pa.RecordBatch:
        asked.extend(rows)
        return source.take(pa.array([row - 5 for row in rows]))

    (panel,) = surest_mistakes({"t": Words()}, Sure(), judged, ["no", "yes"], raw)
    assert asked == [6]
    assert panel.remarks == ["said yes (0.99), is no"]
    (passage,) = panel.items[0]
    (span,) = passage.spans
    assert passage.text[span.start : span.end] == "trigger"
    assert span.strength == 1.0
    assert surest_mistakes({"n": Number()}, Sure(), judged, ["no", "yes"], raw) == []
