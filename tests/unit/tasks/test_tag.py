"""Labels of words: stretches as a reference counts them, and a tagger that finds names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sonde
from sonde.contracts.data import Ragged, RowError
from sonde.contracts.task import Design
from sonde.core.errors import DataError, SondeError
from sonde.core.port import PAD, TOKENS, UNKNOWN
from sonde.data.sources.conll import Conll
from sonde.metrics._stretches import Scheme
from sonde.metrics.entity_f1 import EntityF1
from sonde.metrics.token_accuracy import TokenAccuracy
from sonde.tasks._tags import commonest
from sonde.workflow.verdict import read_verdict

LABELS = ("B-LOC", "B-PER", "E-PER", "I-LOC", "I-PER", "O", "S-LOC")


def reference(labels: list[str]) -> set[tuple[int, int, str]]:
    """Stretches by walking from word to word, as the script of CoNLL-2003 does."""
    found, begun, before = set(), None, ("O", "")
    for at, label in enumerate([*labels, "O"]):
        prefix, _, kind = label.partition("-")
        ended = before[0] != "O" and (
            prefix in ("B", "S", "O") or kind != before[1] or before[0] in ("E", "S")
        )
        if ended:
            found.add((begun, at, before[1]))
        started = prefix != "O" and (
            prefix in ("B", "S") or before[0] in ("O", "E", "S") or kind != before[1]
        )
        if started:
            begun = at
        before = (prefix, kind)
    return found


def places(rows: list[list[str]]) -> np.ndarray:
    tags = np.zeros((len(rows), max(map(len, rows))), np.int64)
    for row, labels in enumerate(rows):
        tags[row, : len(labels)] = [LABELS.index(label) + TOKENS for label in labels]
    return tags


def test_stretches_are_those_of_the_reference() -> None:
    rng = np.random.default_rng(0)
    rows = [rng.choice(LABELS, rng.integers(1, 12)).tolist() for _ in range(400)]
    scheme = Scheme(LABELS)
    assert scheme.kinds == ("LOC", "PER")
    found: list[set[tuple[int, int, str]]] = [set() for _ in rows]
    for row, start, end, kind in scheme.stretches(places(rows)).tolist():
        found[row].add((start, end, scheme.kinds[kind]))
    assert found == [reference(row) for row in rows]


def test_f1_over_all_stretches_is_the_references() -> None:
    rng = np.random.default_rng(1)
    true = [rng.choice(LABELS, rng.integers(1, 12)).tolist() for _ in range(200)]
    said = [[t if rng.random() < 0.7 else str(rng.choice(LABELS)) for t in row] for row in true]
    hits = sum(len(reference(a) & reference(b)) for a, b in zip(said, true, strict=True))
    both = sum(len(reference(a)) + len(reference(b)) for a, b in zip(said, true, strict=True))
    arrays = {"tags": places(said)}, {"tags": places(true)}
    assert EntityF1(labels=LABELS).score(*arrays) == pytest.approx(2 * hits / both, abs=1e-12)
    right = sum(a == b for x, y in zip(said, true, strict=True) for a, b in zip(x, y, strict=True))
    words = sum(map(len, true))
    assert TokenAccuracy().score(*arrays) == pytest.approx(right / words, abs=1e-12)


def test_a_sentence_with_a_broken_line_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "news.conll"
    path.write_text("-DOCSTART- -X- O\n\nAnna NNP B-PER\nsleeps\n\n# # O\nParis NNP B-LOC\n")
    told: list[RowError] = []
    source = Conll(str(path))
    (batch,) = source.scan(None, told.append)
    assert batch.to_pylist() == [{"tokens": ["#", "Paris"], "labels": ["O", "B-LOC"]}]
    assert [(error.row, error.place) for error in told] == [(4, f"{path}, line 4")]
    assert source.describe() == "labelled words, utf-8"
    path.write_text("\n\n")
    with pytest.raises(DataError, match="no sentence in it"):
        list(source.scan())


FIRST = ["Anna", "Otto", "Mira", "Paul", "Ines", "Karl", "Rosa", "Emil", "Lena", "Hugo"]
TOWNS = ["Rome", "Oslo", "Bern", "Lyon", "Cork", "York", "Ghent", "Porto"]


def write(path: Path, count: int, seed: int) -> None:
    """Who goes where: a name after 'yes ,', a town after 'to', so that the place decides."""
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(count):
        name, town = rng.choice(FIRST), rng.choice(TOWNS)
        family = [f"{name}sen I-PER"] if number % 2 else []
        new = [f"New B-LOC\n{town} I-LOC"] if number % 3 == 0 else [f"{town} B-LOC"]
        said = ["yes O", ", O", f"{name} B-PER", *family, "goes O", "to O", *new, ". O", ""]
        lines += said
    path.write_text("\n".join(lines))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    home = tmp_path_factory.mktemp("tag")
    for at, (part, count) in enumerate({"train": 120, "valid": 30, "test": 40}.items()):
        write(home / f"{part}.conll", count, at)
    recipe = {
        "source": {"kind": "conll", "path": str(home / "train.conll"),
                   "valid": str(home / "valid.conll"), "test": str(home / "test.conll")},
        "split": "given",
        "columns": {
            "tokens": "tokens",
            "shapes": {"kind": "tokens", "field": "tokens", "of": "shapes"},
            "labels": {"kind": "labels", "along": "tokens"},
        },
        "task": {"kind": "tag", "target": "labels"},
        "model": {"kind": "tagger", "embedding": 12, "hidden": 12, "dropout": 0.1,
                  "embedding_dropout": 0.1},
        "paradigm": {"kind": "supervised", "batch_size": 16, "budget": {"epochs": 12},
                     "optimizer": {"kind": "adamw", "learning_rate": 0.02}},
    }  # fmt: skip
    return sonde.fit(recipe, run_dir=home / "run")


def test_a_tagger_finds_names_and_is_judged_by_whole_ones(run: sonde.Run) -> None:
    assert float(run.scores["entity f1"]) > 0.95
    assert float(run.scores["token accuracy"]) > 0.97
    report = (run.path / "report.html").read_text()
    assert "By kind" in report
    assert "LOC" in report


def ragged(rows: list[list[int]]) -> Ragged:
    lengths = np.array([len(row) for row in rows], np.int64)
    return Ragged(
        np.array([step for row in rows for step in row], np.uint16),
        np.cumsum(lengths) - lengths,
        lengths,
    )


def test_the_rival_gives_each_word_its_commonest_label() -> None:
    a, b, c = 5, 6, 9
    first, second, third = TOKENS, TOKENS + 1, TOKENS + 2
    known = {
        "words": ragged([[a, b, a], [a, b], [], [UNKNOWN, b], [c, c]]),
        "labels": ragged([[second, first, third], [second, third], [], [third, third], [first]]),
    }
    asked = {"words": ragged([[b, a, UNKNOWN], [], [c, 40]])}
    nothing = np.zeros((5, 0), np.float32), np.zeros(0, bool), {}
    found = commonest(
        Design(*nothing, steps=known.__getitem__),
        Design(*nothing, steps=asked.__getitem__),
        0,
        words="words",
        labels="labels",
    )
    usual = third  # c's row has not as many labels as words; nobody has met 40
    assert found["tags"].tolist() == [[third, second, third], [PAD] * 3, [usual, usual, PAD]]


def test_the_rival_stands_beside_the_tagger(run: sonde.Run) -> None:
    verdict = read_verdict(run.directory)
    assert verdict is not None
    rival = verdict.baselines["commonest label"]
    assert rival.keys() == verdict.scores.keys()
    assert 0 < float(rival["entity f1"]) < float(verdict.scores["entity f1"])
    assert verdict.notes == {"commonest label": "without shapes"}, "it reads the words alone"


def test_an_answer_has_words_labels_and_the_characters_of_entities(run: sonde.Run) -> None:
    text = "yes, Anna Annasen goes to New Rome."
    listed = ["yes", ",", "Otto", "goes", "to", "Oslo", "."]
    first, empty = run.bundle.predict([{"tokens": text}, {"tokens": ""}])
    (second,) = run.bundle.predict([{"tokens": listed}])
    assert first["words"] == ["yes", ",", "Anna", "Annasen", "goes", "to", "New", "Rome", "."]
    assert len(first["labels"]) == 9
    assert [e["text"] for e in first["entities"]] == ["Anna Annasen", "New Rome"]
    assert [e["kind"] for e in first["entities"]] == ["PER", "LOC"]
    for entity in first["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
    assert second["words"] == listed
    assert [e["text"] for e in second["entities"]] == ["Otto", "Oslo"]
    assert empty == {"words": [], "labels": [], "entities": []}


def test_a_sealed_tagger_opens_and_answers_as_it_did(run: sonde.Run) -> None:
    rows = [{"tokens": ["yes", ",", "Karl", "goes", "to", "Bern", "."]}]
    again = sonde.Bundle.load(run.path / "model.sonde")
    assert again.predict(rows) == run.bundle.predict(rows)


def test_rows_without_a_label_for_each_word_are_refused(tmp_path: Path) -> None:
    data = {"tokens": [["a", "b"]] * 30, "labels": [["X", "Y"]] * 29 + [["X"]]}
    recipe = {
        "columns": {"tokens": "tokens", "labels": {"kind": "labels", "along": "tokens"}},
        "split": {"kind": "random", "valid": 0.2, "test": 0.2},
        "task": {"kind": "tag", "target": "labels"},
    }
    with pytest.raises(SondeError, match=r"2, one a word"):
        sonde.fit(recipe, data, run_dir=tmp_path / "run")
