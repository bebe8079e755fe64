"""Which source reads a path is told by what lies there; of text as of pictures."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.annotated import png

from sonde.core.errors import DataError
from sonde.data.guess import guess_source
from sonde.data.sources._detect import is_table

PROSE = """First Citizen:
Before we proceed any further, hear me speak.

All:
Speak, speak.

First Citizen:
You are all resolved rather to die than to famish?
"""
NAMES = "Anna\nBruno\nCarla, the elder\nDora\nEmil\n"
QUESTION = '{"id": "1", "question": "d?", "answers": [{"text": "b", "answer_start": 0}]}'
SQUAD = '{"data": [{"title": "a", "paragraphs": [{"context": "b c", "qas": [' + QUESTION + "]}]}]}"
CONLL = "Anna\tB-PER\nsleeps\tO\n\n"
SPACED = "\n".join(f"{n} {n % 3} 1{n}00" for n in range(1, 20)) + "\n"


def written(top: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        place = top / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return top


@pytest.mark.parametrize(("name", "text", "kind"), [
    ("play.txt", PROSE, "plain-text"),
    ("PLAY.TXT", PROSE, "plain-text"),
    ("names.txt", NAMES, "plain-text"),
    ("play.csv", PROSE, "table"),
    ("table.txt", "size,town\n1,Ulm\n2,Bonn\n3,Kiel\n", "table"),
    ("spaced.txt", SPACED, "table"),
    ("questions.json", SQUAD, "squad"),
    ("rows.json", '{"data": 1, "paragraphs": 2}\n{"data": 3, "paragraphs": 4}\n', "jsonl"),
    ("rows.jsonl", '{"data": 1, "paragraphs": 2}\n', "jsonl"),
    ("rows.json", '{"data": 1}\n{"data": 3}\n', "jsonl"),
    ("news.conll", CONLL, "conll"),
])  # fmt: skip
def test_a_file(name: str, text: str, kind: str, tmp_path: Path) -> None:
    assert guess_source(str(written(tmp_path, {name: text}) / name)).kind == kind


def test_a_packed_file_is_told_alike(tmp_path: Path) -> None:
    for name, text, kind in [("a.txt.gz", PROSE, "plain-text"), ("a.json.gz", SQUAD, "squad")]:
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
        assert guess_source(str(tmp_path / name)).kind == kind


def test_one_long_text_is_read_in_pieces_and_short_ones_by_line(tmp_path: Path) -> None:
    chapters = "\n".join(" ".join(NAMES.split() * 99) for _ in range(3))
    written(tmp_path, {"play.txt": PROSE, "chapters.txt": chapters, "names.txt": NAMES})
    assert guess_source(str(tmp_path / "play.txt")).dump()["unit"] == "piece"
    assert guess_source(str(tmp_path / "chapters.txt")).dump()["unit"] == "piece"
    assert guess_source(str(tmp_path / "names.txt")).dump()["unit"] == "line"


@pytest.mark.parametrize("packed", [False, True])
def test_text_files_side_by_side_are_called_as_labels(packed: bool, tmp_path: Path) -> None:
    top = written(tmp_path / "names", {"Greek.txt": NAMES, "Irish.txt": NAMES})
    found = guess_source(str(zipped(top) if packed else top))
    assert (found.kind, found.dump()["label"]) == ("labelled-lines", "file")


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_of_no_form_is_told_what_is_read(packed: bool, tmp_path: Path) -> None:
    top = written(tmp_path / "notes", {"a/1.md": "x", "a/2.md": "y", "b.rst": "z"})
    with pytest.raises(DataError, match=r"It holds 2 x \.md, 1 x \.rst\. .*\.txt in a folder"):
        guess_source(str(zipped(top) if packed else top))


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_texts_for_each_label(packed: bool, tmp_path: Path) -> None:
    files = {f"{part}/{label}/{n}.txt": "some words" for part in ("train", "test")
             for label in ("pos", "neg") for n in range(2)}  # fmt: skip
    beside = {"README.md": "what this is", "train/urls.txt": "www"}
    top = written(tmp_path / "reviews", files | beside)
    assert guess_source(str(zipped(top) if packed else top)).kind == "labelled-files"


def test_words_with_labels_in_files_by_part(tmp_path: Path) -> None:
    top = written(tmp_path, {f"{part}.conll": CONLL for part in ("train", "dev", "test")})
    found = guess_source(str(top))
    assert found.kind == "conll" and {"valid", "test"} <= found.dump().keys()


def test_pictures_with_text_beside_them_stay_pictures(tmp_path: Path) -> None:
    written(tmp_path, {f"{label}/{n}.txt": "seen" for label in "ab" for n in range(2)})
    for label in "ab":
        for n in range(2):
            (tmp_path / label / f"{n}.png").write_bytes(png(seed=n))
    assert guess_source(str(tmp_path)).kind == "folder"


def zipped(top: Path) -> Path:
    path = top.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as packed:
        for file in top.rglob("*.*"):
            packed.write(file, file.relative_to(top.parent))
    return path


@given(st.integers(2, 6), st.integers(3, 60), st.sampled_from(",;\t| "), st.integers(0, 2**32 - 1))
def test_a_table_of_numbers_is_one_whatever_stands_between(
    columns: int, rows: int, delimiter: str, seed: int
) -> None:
    numbers = np.random.default_rng(seed).integers(0, 1000, (rows, columns))
    assert is_table("\n".join(delimiter.join(map(str, row)) for row in numbers))


@pytest.mark.parametrize("text", [
    "Anna Smith\nBob Jones\nKarl Marx\n",
    "Roses are red,\nViolets are blue,\n",
    "One line, with a comma.",
    "one\tline",
])  # fmt: skip
def test_words_between_spaces_and_a_single_line_are_text(text: str) -> None:
    assert not is_table(text)


def test_words_between_commas_without_spaces_are_a_table() -> None:
    assert is_table("red,round\ngreen,long\n")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_a_mark_of_an_encoding_hides_no_form(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(NAMES.encode(encoding))
    assert guess_source(str(tmp_path / "a.txt")).kind == "plain-text"
    (tmp_path / "a.json").write_bytes(SQUAD.encode(encoding))
    assert guess_source(str(tmp_path / "a.json")).kind == "squad"


def test_a_blank_line_or_two_do_not_make_lines_one_long_text(tmp_path: Path) -> None:
    lines = "\n".join(f"a short line of words {'very ' * (n % 3)}number {n}" for n in range(60))
    written(tmp_path, {"lines.txt": lines.replace("number 30", "number 30\n") + "\n\n"})
    assert guess_source(str(tmp_path / "lines.txt")).dump()["unit"] == "line"


@given(st.text(max_size=300))
def test_any_text_is_a_table_or_not(text: str) -> None:
    assert is_table(text) in (True, False)
