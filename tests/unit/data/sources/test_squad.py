"""Files of SQuAD's form, whole and broken."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, StorageError
from sonde.core.port import PART
from sonde.data.guess import guess_source
from sonde.data.sources.squad import Squad

ANSWERS = [{"text": "Ann", "answer_start": 0}, {"text": "Ann saw", "answer_start": 0}]
GOOD = {"id": 7, "question": "Who?", "answers": ANSWERS}


def written(path: Path, questions: list[Any], **paragraph: Any) -> str:
    whole = {"version": "2.0", "data": [
        {"title": "T", "paragraphs": [{"context": "Ann saw it.", "qas": questions, **paragraph}]}
    ]}  # fmt: skip
    path.write_text(json.dumps(whole), encoding="utf-8")
    return str(path)


def read(source: Squad) -> tuple[list[dict[str, Any]], list[RowError]]:
    errors: list[RowError] = []
    return [row for chunk in source.scan(None, errors.append) for row in chunk.to_pylist()], errors


def test_a_row_is_a_question_with_its_context(tmp_path: Path) -> None:
    nothing = {"id": "8", "question": "Why?", "answers": [], "is_impossible": True}
    rows, errors = read(Squad(written(tmp_path / "q.json", [GOOD, nothing])))
    assert not errors
    assert rows[0] == {"id": "7", "title": "T", "question": "Who?", "context": "Ann saw it.",
                       "answers": ["Ann", "Ann saw"], "starts": [0, 0]}  # fmt: skip
    assert rows[1]["answers"] == [] and rows[1]["starts"] == []


FLAT = {"id": "7", "title": "T", "question": "Who?", "context": "Ann saw it.",
        "answers": {"text": ["Ann", "Ann saw"], "answer_start": [0, 0]}}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.jsonl", json.dumps(FLAT) + "\n\n" + json.dumps(FLAT) + "\n"),
        ("q.json", json.dumps([FLAT, FLAT])),
        ("q.json", json.dumps({"version": 2, "data": [FLAT, FLAT]}, indent=1)),
        ("q.jsonl", json.dumps(FLAT)),
    ],
)
def test_the_flat_form_is_recognised_and_gives_the_same_rows(
    name: str, content: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    source = guess_source(str(tmp_path / name))
    assert isinstance(source, Squad)
    rows, errors = read(source)
    nested, _ = read(Squad(written(tmp_path / "nested.json", [GOOD])))
    assert not errors
    assert rows == nested * content.count("Who?")


def test_a_flat_question_that_is_broken_is_told_with_its_place(tmp_path: Path) -> None:
    broken = {**FLAT, "answers": {"text": ["Ann"], "answer_start": []}}
    (tmp_path / "q.json").write_text(json.dumps([FLAT, broken]), encoding="utf-8")
    rows, errors = read(Squad(str(tmp_path / "q.json")))
    assert len(rows) == 1
    assert [(error.row, error.place) for error in errors] == [(2, f"{tmp_path / 'q.json'}, [1]")]


def test_files_for_validation_and_test_are_parts(tmp_path: Path) -> None:
    path = written(tmp_path / "q.json", [GOOD])
    packed = tmp_path / "t.json.gz"
    packed.write_bytes(gzip.compress(Path(path).read_bytes()))
    source = Squad(path, test=str(packed))
    rows, _ = read(source)
    assert [row[PART] for row in rows] == ["train", "test"]
    assert [field.name for field in source.fields()][-1] == PART
    assert source.fingerprint() != Squad(path).fingerprint()


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"id": 1, "answers": []}, "a question"),
        ({"question": " ", "answers": []}, "a question"),
        ({"question": "Who?"}, "answers, a list, or is_impossible: true"),
        ({"question": "Who?", "answers": [], "is_impossible": False}, "some, since"),
        ({**GOOD, "is_impossible": True}, "none, since is_impossible is true"),
        ({"question": "Who?", "answers": [{"text": "Ann"}]}, "an answer with answer_start"),
        ({"question": "Who?", "answers": [{"text": "A", "answer_start": -1}]}, "an answer with a"),
        ({"question": "Who?", "answers": [{"answer_start": 0}]}, "an answer with a text"),
        ({"question": "Who?", "answers": ["Ann"]}, "an answer with a text"),
        ("Who?", "an object with a question"),
    ],
)
def test_what_cannot_be_a_question_is_told_with_its_place(
    question: Any, expected: str, tmp_path: Path
) -> None:
    rows, errors = read(Squad(written(tmp_path / "q.json", [GOOD, question, GOOD])))
    assert len(rows) == 2
    assert [error.row for error in errors] == [2]
    assert errors[0].expected.startswith(expected)
    assert errors[0].place is not None and errors[0].place.endswith("data[0].paragraphs[0].qas[1]")


def test_a_broken_line_is_told_with_its_number_and_the_others_are_read(tmp_path: Path) -> None:
    path, good = tmp_path / "q.jsonl", json.dumps(FLAT)
    path.write_text(f"{good}\n\n{good[:40]}\n{good}\n[1]\n", encoding="utf-8")
    rows, errors = read(Squad(str(path)))
    assert len(rows) == 2
    assert [(error.row, error.place) for error in errors] == [
        (2, f"{path}, line 3"), (4, f"{path}, line 5")]  # fmt: skip
    assert errors[0].got == good[:40] and errors[0].expected.startswith("a JSON object (")


def test_questions_without_a_context_are_told(tmp_path: Path) -> None:
    rows, errors = read(Squad(written(tmp_path / "q.json", [GOOD, GOOD], context=None)))
    assert not rows and len(errors) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"data": [', "not JSON"),
        (b"[]", "got list '\\[\\]', expected the form of SQuAD"),
        (b'{"rows": []}', "an object with rows, expected the form"),
        (b'{"data": [{"title": "T"}]}', r"data\[0\]: got an object with title"),
        (b'{"data": [{"paragraphs": [{"context": "a"}]}]}', r"data\[0\].paragraphs\[0\]: got"),
        (b'{"data": [], "data": []}', "a key stands twice"),
        (b'{"data": "\xff"}', "byte 11 is not UTF-8"),
    ],
)
def test_what_is_no_such_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(Squad(str(path)))


def test_a_missing_file_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        Squad(str(tmp_path / "none.json")).fields()


@pytest.mark.parametrize(
    ("name", "questions"),
    [("xquad/xquad.de.json.gz", 1190), ("covid-qa/200423_covidQA.json.gz", 1380)],
)
def test_published_sets_are_read_whole(name: str, questions: int, shared_data: Path) -> None:
    rows, errors = read(Squad(str(shared_data / name)))
    assert len(rows) == questions and not errors
