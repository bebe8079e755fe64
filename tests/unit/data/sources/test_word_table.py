"""Labelled words in a table: sentences by a column, whole or left out, and told by its names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sonde.app.begin import begin
from sonde.contracts.data import RowError
from sonde.core.errors import DataError, UnknownColumn
from sonde.core.port import PART
from sonde.data.guess import guess_source
from sonde.data.sources.table import Table
from sonde.data.sources.word_table import WordTable

ROWS = """\
Sentence #,Word,POS,Tag
Sentence: 1,Anna,NNP,B-per
,NA,NN,O
,"a, b",NN,O
Sentence: 2,York,NNP,B-geo
Sentence: 3,null,NN,
,too,,O
"""
SENTENCES = [
    {"tokens": ["Anna", "NA", "a, b"], "POS": ["NNP", "NN", "NN"], "Tag": ["B-per", "O", "O"]},
    {"tokens": ["York"], "POS": ["NNP"], "Tag": ["B-geo"]},
    {"tokens": ["null", "too"], "POS": ["NN", None], "Tag": [None, "O"]},
]


def read(source: Any) -> tuple[list[dict[str, Any]], list[RowError]]:
    told: list[RowError] = []
    return [row for batch in source.scan(None, told.append) for row in batch.to_pylist()], told


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_sentence_is_a_row(tmp_path: Path) -> None:
    path = written(tmp_path / "ner.csv", ROWS)
    source = guess_source(path)
    assert isinstance(source, WordTable)
    assert read(source) == (SENTENCES, [])
    recipe = begin(path, None)
    assert (recipe.task.kind, recipe.task.targets) == ("tag", ("Tag",))
    assert begin(path, "POS").task.targets == ("POS",)


def test_every_word_may_name_its_sentence(tmp_path: Path) -> None:
    """A number that comes again later is another sentence: only its neighbours are one with it."""
    rows = "sent_id\ttoken\tlabel\n" + "".join(f"{n}\tw{n}\tO\n" for n in (1, 1, 2, 1))
    found, _ = read(guess_source(written(tmp_path / "a.tsv", rows)))
    assert [row["tokens"] for row in found] == [["w1", "w1"], ["w2"], ["w1"]]


def test_files_are_parts_and_share_no_sentence(tmp_path: Path) -> None:
    one = "sentence_id,word,tag\n1,a,O\n1,b,O\n"
    places = [written(tmp_path / f"{part}.csv", one) for part in ("train", "test")]
    found, _ = read(WordTable(path=places[0], test=places[1]))
    assert [(row["tokens"], row[PART]) for row in found] == [
        (["a", "b"], "train"),
        (["a", "b"], "test"),
    ]


def test_a_sentence_that_lacks_a_word_is_told(tmp_path: Path) -> None:
    text = "sentence_id,word,tag\n1,a,O\n1,,O\n2,c,O\n"
    found, told = read(WordTable(path=written(tmp_path / "a.csv", text)))
    assert [row["tokens"] for row in found] == [["c"]]
    assert [(str(error.place).rpartition(", ")[2], error.got) for error in told] == [
        ("sentence 1", "a row without a word in 'a'")
    ]
    with pytest.raises(DataError, match="no sentence"):
        read(WordTable(path=written(tmp_path / "b.csv", "sentence_id,word,tag\n1,,O\n")))


def test_words_without_labels_are_to_be_answered(tmp_path: Path) -> None:
    source = guess_source(written(tmp_path / "a.csv", "Sentence #,Word\n1,a\n1,b\n2,c\n"))
    assert [row["tokens"] for row in read(source)[0]] == [["a", "b"], ["c"]]
    with_more = written(tmp_path / "b.csv", "sentence,word,count\n1,a,2\n")
    assert isinstance(guess_source(with_more), Table)


def test_columns_may_be_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "s,w,tag\n1,a,O\n2,b,X\n")
    assert isinstance(guess_source(path), Table)
    found, _ = read(WordTable(path=path, sentence="s", word="w"))
    assert [row["tag"] for row in found] == [["O"], ["X"]]
    with pytest.raises(UnknownColumn, match="called 'word' or the like"):
        read(WordTable(path=path, sentence="s"))
    with pytest.raises(UnknownColumn, match="no column 'z'"):
        read(WordTable(path=path, sentence="z", word="w"))
