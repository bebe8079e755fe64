"""Labelled words: columns of the shared tasks, and the numbered words of CoNLL-U."""

from __future__ import annotations

from pathlib import Path

import pytest

from sonde.contracts.data import RowError
from sonde.data.guess import guess_source
from sonde.data.sources._in_parts import by_part
from sonde.data.sources.conll import Conll

UNIVERSAL = """\
# text = Vamos al mar
1\tVamos\tir\tVERB\t_\t_\t0\troot\t_\t_
2-3\tal\t_\t_\t_\t_\t_\t_\t_\t_
2\ta\ta\tADP\t_\t_\t4\tcase\t_\t_
3\tel\tel\tDET\t_\t_\t4\tdet\t_\t_
4\tmar\tmar\tNOUN\t_\t_\t1\tobl\t_\t_

# text = Bob and Al
1\tBob\tBob\tPROPN\t_\t_\t0\troot\t_\t_
1.1\tgoes\tgo\tVERB\t_\t_\t_\t_\t_\t_
"""
SENTENCES = [
    {"tokens": ["Vamos", "a", "el", "mar"], "labels": ["VERB", "ADP", "DET", "NOUN"]},
    {"tokens": ["Bob"], "labels": ["PROPN"]},
]


def rows(path: Path) -> tuple[list[dict[str, list[str]]], list[RowError]]:
    source = guess_source(str(path))
    assert isinstance(source, Conll)
    told: list[RowError] = []
    batches = source.scan(["tokens", "labels"], told.append)
    return [row for batch in batches for row in batch.to_pylist()], told


@pytest.mark.parametrize("name", ["es.conllu", "es.conll"])
def test_conll_u_is_told_by_its_columns(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(UNIVERSAL, encoding="utf-8")
    assert rows(path) == (SENTENCES, [])


def test_a_folder_of_conll_u_has_parts(tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        (tmp_path / f"es-ud-{part}.conllu").write_text(UNIVERSAL, encoding="utf-8")
    found, told = rows(tmp_path)
    assert (found, told) == (3 * SENTENCES, [])
    assert "#part" in [field.name for field in guess_source(str(tmp_path)).fields()]


WORDS = "EU NNP B-ORG\nrejects VBZ O\nGerman JJ B-MISC\ncalls NNS I-MISC\n\n"


def test_stretches_are_told_by_their_labels(tmp_path: Path) -> None:
    """CoNLL 2003 comes as .txt; ten words are enough to be sure."""
    for part in ("train", "valid", "test"):
        (tmp_path / f"{part}.txt").write_text(3 * WORDS)
    (tmp_path / "README").write_text("whose")
    sentence = {"tokens": ["EU", "rejects", "German", "calls"]}
    sentence |= {"labels": ["B-ORG", "O", "B-MISC", "I-MISC"]}
    assert rows(tmp_path / "train.txt") == (3 * [sentence], [])
    assert rows(tmp_path) == (9 * [sentence], [])
    others = (WORDS.replace("B-MISC", "misc"), WORDS.replace(" ", ", "))
    for text in (2 * WORDS, 3 * WORDS + "one more\n", *(3 * other for other in others)):
        (tmp_path / "other.txt").write_text(text)
        assert not isinstance(guess_source(str(tmp_path / "other.txt")), Conll)


def test_files_that_begin_differently_are_no_parts_of_one_another() -> None:
    assert by_part("top", ["a-train.conll", "b-test.conll"]) == {}
    found = by_part("top/", ["my.train.conll", "my.dev.conll"])
    assert found == {"path": "top/my.train[-_.]*", "valid": "top/my.dev[-_.]*"}


def test_the_shared_tasks_keep_the_last_column(tmp_path: Path) -> None:
    path = tmp_path / "news.conll"
    path.write_text("-DOCSTART- -X- O O\n\nAnn NNP B-NP B-PER\nate VBD B-VP O\n", encoding="utf-8")
    assert rows(path) == ([{"tokens": ["Ann", "ate"], "labels": ["B-PER", "O"]}], [])
