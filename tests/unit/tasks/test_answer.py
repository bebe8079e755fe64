"""Answering questions about texts: from files to an answer cut out of its context."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import sonde
from sonde.contracts.panels import Table, Texts
from sonde.contracts.task import Design, Judged
from sonde.core.batch import Padded
from sonde.core.errors import DataError, UnknownColumn, UsageError
from sonde.core.port import PRESENT, Port
from sonde.data.columns.number import Number
from sonde.data.columns.set import Set
from sonde.data.columns.span import Span
from sonde.data.columns.text import Text
from sonde.nets.blocks import reader as block
from sonde.nets.models.reader import Reader
from sonde.tasks import _answer_panels
from sonde.tasks._answer_rows import judged_together, no_answer, true_texts
from sonde.tasks._spans import best_cut, best_spans, covered
from sonde.tasks.answer import Answer

THINGS, LOOKS = ["lamp", "door", "car", "hat", "Straße", "猫"], ["red", "very old", "big 🎈", "<b>"]


def questions(count: int, seed: int) -> list[dict[str, Any]]:
    """Contexts of two facts, and a question about one of them, or about something else."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        there, looks = rng.permutation(THINGS)[:2], rng.choice(LOOKS, 2)
        facts = [f"The {t} is {w}." for t, w in zip(there, looks, strict=True)]
        context = "  ".join(facts)
        is_there = bool(rng.random() < 0.7)
        asked = there[1] if is_there else next(t for t in THINGS if t not in there)
        start = context.index(f"{there[1]} is ") + len(f"{there[1]} is ")
        found.append({
            "question": f"How is the {asked}?",
            "context": context,
            "answers": [{"text": str(looks[1]), "answer_start": start}] if is_there else [],
            "is_impossible": not is_there,
        })  # fmt: skip
    return found


def as_squad(path: Path, rows: list[dict[str, Any]]) -> str:
    paragraphs = [
        {"context": row["context"], "qas": [{k: v for k, v in row.items() if k != "context"}]}
        for row in rows
    ]
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), encoding="utf-8")
    return str(path)


RECIPE: dict[str, Any] = {
    "columns": {
        "question": {"kind": "text", "shares": "words"},
        "context": {"kind": "text", "shares": "words"},
        "answers": {"kind": "span", "start": "starts", "within": "context"},
    },
    "task": {"kind": "answer", "target": "answers", "longest": 4},
    "model": {"kind": "reader", "embedding": 12, "hidden": 12, "dropout": 0.1},
    "paradigm": {
        "kind": "supervised",
        "batch_size": 16,
        "optimizer": {"kind": "adamw", "learning_rate": 0.02},
        "budget": {"epochs": 8},
    },
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    folder = tmp_path_factory.mktemp("answers")
    parts = {"path": (240, 0), "valid": (60, 1), "test": (60, 2)}
    files = {part: as_squad(folder / f"{part}.json", questions(*of)) for part, of in parts.items()}
    return sonde.fit(RECIPE | {"source": {"kind": "squad", **files}}, run_dir=folder / "run")


def test_it_learns_to_answer_and_beats_silence(run: sonde.Run) -> None:
    assert float(run.scores["f1 (answerable)"]) > 0.8
    assert float(run.scores["auc"]) > 0.9
    assert float(run.scores["f1"]) > 0.7
    report = (run.path / "report.html").read_text(encoding="utf-8")
    assert "no answer" in report and "By length of the context" in report
    assert "<b>." not in report  # what stands in a text is no markup


def test_the_sealed_model_cuts_answers_out_of_their_contexts(run: sonde.Run) -> None:
    opened = sonde.Bundle.load(run.directory.model)
    rows = [
        {"question": "How is the 猫?", "context": "The hat is red.  The 猫 is big 🎈."},
        {"question": "How is the car?", "context": "The hat is red.  The lamp is red."},
        {"question": "How is the car?", "context": ""},
    ]
    first, second, third = opened.predict(rows)
    assert (first["answers"], first["start"]) == ("big 🎈", 29 - 3)
    assert first["answerable"] > 0.5 > second["answerable"]
    assert second["answers"] is None and third["answers"] is None
    forced = opened.predict(rows, always=True)
    assert all(answer["answers"] for answer in forced[:2]) and forced[2]["answers"] is None
    assert isinstance(run.bundle.task, Answer) and run.bundle.task.cut is not None


def test_a_table_of_what_several_people_answered(tmp_path: Path) -> None:
    """Places as pairs, a word for no answer; a question is judged once, by all its answers."""
    lines = []
    for at, row in enumerate(questions(120, 3)):
        answers = [(a["text"], (a["answer_start"], a["answer_start"] + len(a["text"])))
                   for a in row["answers"]]  # fmt: skip
        for text, place in (*answers, ("NONE", (0, 1)), *answers[:1])[:2]:
            lines.append([str(at), row["question"], row["context"], text, str(place)])
    header = ["id", "question", "context", "said", "place"]
    with (tmp_path / "people.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *lines])
    recipe = RECIPE | {
        "source": {"kind": "table", "path": str(tmp_path / "people.csv")},
        "split": {"kind": "group", "by": "id", "valid": 0.2, "test": 0.2},
        "columns": {
            **{name: RECIPE["columns"][name] for name in ("question", "context")},
            "said": {"kind": "span", "start": "place", "within": "context", "none": ["NONE"]},
        },
        "task": {"kind": "answer", "target": "said", "longest": 4, "together": "id"},
        "paradigm": RECIPE["paradigm"] | {"budget": {"epochs": 1}},
    }
    run = sonde.fit(recipe, run_dir=tmp_path / "run")
    score = run.scores["f1"]
    assert score.rows == len({line[0] for line in lines}) // 5
    assert float(run.scores["f1 (answerable)"]) >= 0
    assert run.bundle.predict(lines_as_rows(lines[:1], header))[0].keys() >= {"said", "start"}


def lines_as_rows(lines: list[list[str]], header: list[str]) -> list[dict[str, str]]:
    return [
        {name: value for name, value in zip(header, line, strict=True)
         if name in ("question", "context")}
        for line in lines
    ]  # fmt: skip


def test_answers_that_stand_nowhere_stop_the_run(tmp_path: Path) -> None:
    rows = questions(40, 0)
    for row in rows[:4]:
        row["answers"], row["is_impossible"] = [{"text": "nowhere", "answer_start": 3}], False
    source = {"kind": "squad", "path": as_squad(tmp_path / "q.json", rows)}
    with pytest.raises(DataError, match="4 of 40 rows are like this"):
        sonde.fit(RECIPE | {"source": source}, run_dir=tmp_path / "run")


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 999))
def test_the_best_span_is_the_best_of_all(steps: int, longest: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    start, end = torch.randn(2, 3, steps, generator=generator).log_softmax(dim=2)
    spans, score = best_spans(start, end, longest)
    for row in range(3):
        every = {
            (first, last): float(start[row, first] + end[row, last])
            for first in range(steps)
            for last in range(first, min(steps, first + longest))
        }
        assert tuple(spans[row].tolist()) == max(every, key=lambda span: every[span])
        assert float(score[row]) == pytest.approx(max(every.values()), rel=1e-5)


def test_a_span_covers_its_steps_and_no_answer_none() -> None:
    assert covered(np.array([[2, 4], [-1, -1], [0, 0]])).tolist() == [[3, 4, 5], [0] * 3, [1, 0, 0]]


def test_the_threshold_is_the_best_there_is() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(50).round(1)
    answerable = rng.random(50) < probability
    f1 = np.where(answerable, rng.random(50), 0.0)

    def score(cut: float) -> float:
        return float(np.where(probability >= cut, f1, ~answerable).mean())

    found = best_cut(probability, f1, answerable)
    assert found.score == pytest.approx(max(map(score, [0.0, 2.0, *probability])))
    assert score(found.cut) == pytest.approx(found.score)
    everywhere = best_cut(probability, np.zeros(50), np.ones(50, bool))
    assert everywhere.cut == 0.0  # nothing is won by silence, so it answers


def test_rows_of_one_question_are_judged_once() -> None:
    truth = true_texts([["red car"], [], ["big"], [], ["old hat", "hat"]])
    predicted = {"says": np.array([1, 1, 0, 1, 1]), "steps": np.arange(5)}
    judged = Judged(predicted, truth, np.arange(10, 15))
    one = judged_together(judged, ["a", "b", "a", None, None])
    assert one.rows.tolist() == [10, 11, 13, 14]
    assert one.truth["index"].tolist() == [1, 0, 0, 1]
    known = [(own != 0).any(axis=1).sum() for own in one.truth["words"]]
    assert known == [2, 0, 0, 2]
    assert one.predicted["steps"].tolist() == [0, 1, 3, 4]


def bound(**options: Any) -> Answer:
    rows = pa.RecordBatch.from_pylist([{"context": "a b c", "question": "a b"}])
    context, question = (
        Text(shares="words", at_least=1).named(name).fit([rows]) for name in ("context", "question")
    )
    span = Span(start="start", within="context").named("label").beside({"context": context})
    columns = {"question": question, "context": context, "label": span}
    return Answer(target="label", **options).bind(columns)


def test_a_row_without_an_answer_teaches_that_there_is_none_and_no_span() -> None:
    targets = {
        "label": torch.tensor([[1.0, 2.0], [-1.0, -1.0], [-1.0, -1.0]]),
        PRESENT + "label": torch.tensor([True, True, False]),
    }
    outputs = {"start": torch.zeros(3, 4), "end": torch.zeros(3, 4), "answerable": torch.zeros(3)}
    loss = bound(answerability=2.0).loss(outputs, targets)
    expected = [np.log(4) + 2 * np.log(2), 2 * np.log(2), 0.0]
    np.testing.assert_allclose(loss.sums, expected, rtol=1e-6)
    assert loss.weights.tolist() == [1, 1, 0]


def test_outputs_lie_in_the_context() -> None:
    task = bound()
    assert task.outputs["start"] == Port("vector", (None,), frame="context")
    assert set(task.inputs) == {"question", "context"} and task.given == ("question", "context")


def test_the_target_must_be_spans() -> None:
    words = Set().named("label").fit([pa.record_batch({"label": [["a"], ["b", "a"]]})])
    with pytest.raises(UsageError, match="expected span"):
        Answer(target="label").bind({"label": words})
    with pytest.raises(UsageError, match="is no input"):
        Answer(target="label").bind({"label": bound().columns["label"]})


def test_an_unknown_field_of_questions_is_named(run: sonde.Run) -> None:
    task = run.bundle.task.model_copy(update={"together": "questin"}).bind(run.bundle.columns)
    rows = pa.RecordBatch.from_pylist(
        [{"question": "a", "context": "b", "answers": [], "starts": [], "#row": 0}]
    )
    with pytest.raises(UnknownColumn, match="'question'"):
        task.judge(run.bundle, [rows], 0)


def test_silence_is_as_sure_as_training_rows_are() -> None:
    spans = np.array([[0, 1], [-1, -1], [-1, -1], [-1, -1]], np.float32)
    rows = Design(np.zeros((2, 0)), np.zeros(0, bool), {"label": spans})
    said = no_answer(rows, rows, 0)
    assert np.asarray(said["probability"]).tolist() == [[0.75, 0.25]] * 2
    assert not np.asarray(said["says"]).any()


def test_what_was_said_and_what_is_true_are_marked_apart() -> None:
    places = [[(0, 3), (4, 7), (8, 11), (12, 15)]]
    arrays = {"span": np.array([[0, 1]]), "says": np.array([1]),
              "probability": np.array([[0.1, 0.9]])}  # fmt: skip
    shown = _answer_panels.mistakes(
        {"question": ["What?"]}, ["aaa bbb ccc ddd"], places, arrays, [(["bbb ccc"], (4, 11))]
    )
    assert isinstance(shown, Texts)
    marks = shown.items[0][1].spans
    assert [(m.start, m.end, m.label) for m in marks] == [
        (0, 4, "said"), (4, 7, "said, true"), (7, 11, "true")
    ]  # fmt: skip
    assert "said “aaa bbb”, true “bbb ccc”" in shown.remarks[0]


def test_quarters_by_length_hold_all_rows() -> None:
    predicted = {"words": np.ones((9, 1), np.int64), "says": np.ones(9), "steps": np.arange(9)}
    truth = {"words": np.ones((9, 1, 1), np.int64), "index": np.ones(9, np.int64)}
    table = _answer_panels.by_length(Judged(predicted, truth, np.arange(9)))
    assert isinstance(table, Table)
    assert sum(int(row[1]) for row in table.rows) == 9 and table.rows[0][0] == "0 to 2"


def test_contexts_of_one_length_are_never_parted() -> None:
    steps = np.array([20, 20, 20, 20, 20, 20, 21, 30])
    predicted = {"words": np.ones((8, 1), np.int64), "says": np.ones(8), "steps": steps}
    truth = {"words": np.ones((8, 1, 1), np.int64), "index": np.ones(8, np.int64)}
    table = _answer_panels.by_length(Judged(predicted, truth, np.arange(8)))
    assert isinstance(table, Table)
    assert [row[:2] for row in table.rows] == [["20", "6"], ["21 to 30", "2"]]


PORTS = {name: Port("sequence", size=12, alphabet="w") for name in ("question", "context")}
SPANS = {
    "start": Port("vector", (None,), frame="context"),
    "end": Port("vector", (None,), frame="context"),
    "answerable": Port("scalar"),
}


def a_batch(lengths: list[int]) -> dict[str, Padded]:
    generator = torch.Generator().manual_seed(0)
    batch = {}
    for name, sizes in (("question", [3] * len(lengths)), ("context", lengths)):
        values = torch.randint(1, 12, (len(sizes), max(sizes)), generator=generator)
        padded = Padded(values, torch.tensor(sizes))
        values[~padded.mask()] = 0
        batch[name] = padded
    return batch


def test_each_step_of_a_context_has_a_logit_and_none_beyond_it() -> None:
    torch.manual_seed(0)
    network = Reader(embedding=6, hidden=6).build(PORTS, SPANS).eval()
    found = network(a_batch([7, 2, 0]))
    assert found["start"].shape == (3, 7) and found["answerable"].shape == (3,)
    assert (found["end"][1, 2:] == block.OUTSIDE).all()
    assert (found["end"][0] != block.OUTSIDE).all()


def test_long_contexts_are_read_some_rows_at_a_time_to_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    network = Reader(embedding=6, hidden=6).build(PORTS, SPANS).eval()
    batch = a_batch([2, 9, 0, 4, 9, 1])
    whole = network(batch)
    monkeypatch.setattr(block, "_AT_ONCE", 18)
    for name, value in network(batch).items():
        torch.testing.assert_close(value, whole[name])


def test_unknown_words_match_nothing() -> None:
    matches = block.Matches(12)
    steps, row = matches(torch.tensor([[1, 7, 8, 0]]), torch.tensor([[1, 7, 0]]))
    assert steps[0, :, 0].tolist() == [0, 1, 0, 0]
    assert row[0, 3] == 1.0  # all of the question's known words are met


@pytest.mark.parametrize(
    ("ports", "message"),
    [
        ({"question": PORTS["question"]}, "two texts"),
        ({**PORTS, "age": Number().named("age").port}, "two texts"),
        ({"question": PORTS["question"], "context": Port("sequence", size=12)}, "shares"),
    ],
)
def test_it_reads_two_texts_of_one_alphabet(ports: dict[str, Port], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Reader().build(ports, SPANS)
