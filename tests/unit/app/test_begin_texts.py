"""Texts whose form says what is to be learned need no recipe."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.unit.data.sources.test_told_forms import CONLL, NAMES, PROSE, SQUAD, written

import sonde
from sonde.app.begin import begin
from sonde.app.checks import is_recipe
from sonde.app.given import _from_json, given
from sonde.core.errors import DataError, UnknownColumn, UsageError
from sonde.core.notice import listening
from sonde.data.guess import guess_source
from sonde.data.inspect import inspect_source
from sonde.data.show import render
from sonde.workflow.judge import judge_rows
from sonde.workflow.prepare import resolve

FILES = {"play.txt": PROSE, "names.txt": NAMES, "q.json": SQUAD, "news.conll": CONLL}


@pytest.mark.parametrize(("name", "task", "split"), [
    ("play.txt", {"kind": "write", "ends": False}, "time"),
    ("names.txt", {"kind": "write", "ends": True}, None),
    ("q.json", {"kind": "answer", "target": "answers"}, "group"),
    ("news.conll", {"kind": "tag", "target": "labels"}, None),
])  # fmt: skip
def test_what_its_form_says(
    name: str, task: dict[str, Any], split: str | None, tmp_path: Path
) -> None:
    path = str(written(tmp_path, FILES) / name)
    recipe = begin(path, None)
    assert recipe.task == type(recipe.task).parse(task)
    assert (recipe.split.kind if recipe.split else None) == split
    source = guess_source(path)
    shown = render(inspect_source(source), "", None, source.plan()["task"])
    assert shown.splitlines()[-1].startswith(f"Without a recipe: task {task['kind']}")


def test_something_else_may_be_asked_of_it(tmp_path: Path) -> None:
    path = str(written(tmp_path, FILES) / "news.conll")
    assert begin(path, None, changes={"task.label_smoothing": 0.1}).task.kind == "tag"
    assert begin(path, "tokens", task="multilabel").task.kind == "multilabel"
    with pytest.raises(UsageError, match="which column is to be predicted"):
        begin(path, None, task="classification")


@pytest.mark.parametrize("changes", [
    {"task": "verify"}, {"task.kind": "verify"}, {"task": {"kind": "verify"}},
    {"task": {"kind": "verify", "target": "who"}}, {"task": "verify", "task.target": "who"},
])  # fmt: skip
def test_a_task_may_be_set_whole_or_by_place(changes: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("who,x\na,1\nb,2\n")
    recipe = begin(str(tmp_path / "a.csv"), "who", changes=changes)
    assert (recipe.task.kind, recipe.task.targets) == ("verify", ("who",))


def test_of_two_columns_the_other_one_is_translated(tmp_path: Path) -> None:
    lines = [f"a dog {n} runs home,ein hund {n} rennt heim" for n in range(40)]
    (tmp_path / "pairs.csv").write_text("\n".join(["en,de", *lines, ""]))
    recipe = begin(str(tmp_path / "pairs.csv"), "de", task="translate")
    assert recipe.task.dump() | {"source": "en", "target": "de"} == recipe.task.dump()
    resolved, _ = resolve(recipe, guess_source(str(tmp_path / "pairs.csv")))
    assert {name: column.kind for name, column in (resolved.columns or {}).items()} == {
        "en": "text", "de": "text",
    }  # fmt: skip


def test_of_more_columns_the_one_to_be_translated_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("en,de,who\n" + "a dog,ein hund,al\n" * 3)
    path = str(tmp_path / "pairs.csv")
    with pytest.raises(UsageError, match=r"--set task\.source=NAME. Columns: en, who"):
        begin(path, "de", task="translate")
    recipe = begin(path, "de", task="translate", changes={"task.source": "en"})
    assert recipe.dump()["task"]["source"] == "en"


PAIRS = {
    f"{part}.{language}": "".join(f"{word} {part} {n}\n" for n in range(40))
    for part in ("train", "dev", "test")
    for language, word in {"en": "a boat", "de": "ein Boot"}.items()
}


def test_a_folder_of_translations_asks_only_into_which_language(tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu", reason="sacrebleu is not installed")
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    path = str(written(tmp_path / "pairs", PAIRS))
    with pytest.raises(UsageError, match=r"which column is to be predicted.*Columns: de, en"):
        begin(path, None)
    recipe = begin(path, "de")
    assert (recipe.task.kind, recipe.task.targets) == ("translate", ("de",))
    assert recipe.dump()["task"]["source"] == "en"
    shown = render(
        inspect_source(guess_source(path)), "", "de", guess_source(path).plan("de")["task"]
    )
    assert shown.splitlines()[-1] == "Without a recipe: task translate, target de."
    run = sonde.fit(
        recipe.dump()
        | {"model": {"kind": "seq2seq", "width": 16, "layers": 1, "heads": 2}}
        | {"paradigm": {"kind": "supervised", "budget": {"epochs": 1}}},
        run_dir=tmp_path / "run",
    )
    assert run.scores["bleu"].rows == 40
    task = run.bundle.task
    assert len(given(task, [path]).rows or ()) == 120
    (tmp_path / "one.json").write_bytes('{"en": "Caf\u00e9"}\n'.encode("latin-1"))
    (tmp_path / "note.txt").write_bytes("\ufeffA boat again.\r\n".encode())
    read = given(task, [str(tmp_path / "one.json"), str(tmp_path / "note.txt")]).rows
    assert read == [{"en": "Caf\u00e9"}, {"en": "A boat again."}]
    (tmp_path / "rows.txt").write_text("A boat, red.\n\na boat\n")
    told: list[str] = []
    with listening(lambda message, *_: told.append(message)):
        rows = given(task, [str(tmp_path / "rows.txt")]).rows
    assert rows == [{"en": "A boat, red."}, {"en": "a boat"}]
    assert [line.partition("rows.txt: ")[2] for line in told] == [
        "no answer to what is empty, line 2",
        "each line is taken for a text; in a folder each file is one",
    ]
    texts = {"b/2.txt": "A boat\n\nand another\n", "10": "one", "9.text": "two", "3.txt": " "}
    letters = written(tmp_path / "letters", texts | {"README": "whose", "x.pdf": "%PDF"})
    assert (found := given(task, [str(letters)])).rows == [
        {"en": text} for text in ("two", "one", "A boat\n\nand another")
    ]
    assert found.files == [f"{letters}/{name}" for name in ("9.text", "10", "b/2.txt")]
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", letters)
    assert given(task, [packed]).rows == found.rows
    assert given(task, [packed]).files == [
        f"{packed}/{name}" for name in ("9.text", "10", "b/2.txt")
    ]
    scans = written(tmp_path / "scans", {"a.png": "no text", "b.png": "nor this"})
    with pytest.raises(DataError, match=r"none of the fields this model reads: en"):
        given(task, [shutil.make_archive(str(scans), "zip", scans)])
    assert given(task, [f"{letters}/10"]).rows == [{"en": "one"}]
    (tmp_path / "rows").write_text('{"en": "a boat"}\n')
    assert given(task, [str(tmp_path / "rows")]).rows == [{"en": "a boat"}]
    assert len(given(task, [f"{path}/test.en"]).rows or ()) == 40
    with pytest.raises(DataError, match=r"test\.de has none of the fields"):
        given(task, [f"{path}/test.de"])
    (tmp_path / "two.jsonl").write_text('{"en": "a boat"}\n')
    with pytest.raises(UnknownColumn, match="no column 'de'"):
        judge_rows(run.bundle, guess_source(str(tmp_path / "two.jsonl")))


@pytest.mark.parametrize(("content", "recipe"), [
    ('{"task": {"kind": "write"}}', True), ("{}", True), ("not JSON", True),
    ('[{"text": "a"}]', False), (SQUAD, False), ('{"text": "a"}\n{"text": "b"}\n', False),
    ('{"data": [{"text": "a"}]}', False), ('{"source": "x.csv", "taks": {}}', True),
])  # fmt: skip
def test_json_may_be_a_recipe_or_data(content: str, recipe: bool, tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text(content)
    assert is_recipe(str(tmp_path / "q.json")) == recipe


def test_json_lines_say_which_line_is_none() -> None:
    with pytest.raises(DataError, match="stdin, line 3: not JSON"):
        _from_json('{"a": 1}\n\nnone\n', "stdin")
    with pytest.raises(DataError, match="stdin: not JSON"):
        _from_json("none", "stdin")


def test_a_book_trains_from_its_path(tmp_path: Path) -> None:
    written(tmp_path, {"book.txt": (PROSE + "\n") * 40})
    recipe = begin(str(tmp_path / "book.txt"), None).dump()
    recipe["model"] = {"kind": "decoder", "width": 16, "layers": 1, "heads": 2}
    recipe["paradigm"] = {"kind": "supervised", "budget": {"epochs": 1}}
    run = sonde.fit(recipe, run_dir=tmp_path / "run")
    assert run.scores["perplexity"].rows > 0
