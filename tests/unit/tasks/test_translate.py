"""Translating: what is asked for, what a caller gets, and a small run from files to answers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

import sonde
from sonde.contracts.panels import Curves, Heatmap, Table
from sonde.core.batch import Batch, Padded, as_arrays
from sonde.core.errors import DataError, RecipeError, UnknownColumn, UsageError
from sonde.core.port import END, START, TOKENS
from sonde.core.said import SAID
from sonde.data.batches import batch_of
from sonde.data.columns.number import Number
from sonde.data.columns.text import Text
from sonde.tasks import _teaching
from sonde.tasks.translate import Translate
from sonde.workflow.verdict import read_verdict

pytest.importorskip("sacrebleu", reason="sacrebleu is not installed")

WORDS = {
    "one": "eins",
    "two": "zwei",
    "three": "drei",
    "red": "rot",
    "dog": "Hund",
    "sees": "sieht",
}


def pairs(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Sentences of two to five words, translated word by word."""
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(list(WORDS), rng.integers(2, 6)) for _ in range(count)]
    return [(" ".join(words), " ".join(WORDS[word] for word in words)) for words in drawn]


@pytest.fixture(scope="module")
def rows() -> pa.RecordBatch:
    read, said = zip(*pairs(40), strict=True)
    return pa.RecordBatch.from_pydict({"en": list(read), "de": list(said)})


@pytest.fixture(scope="module")
def task(rows: pa.RecordBatch) -> Translate:
    columns = {name: Text(at_least=1).named(name).fit([rows]) for name in ("en", "de")}
    return Translate(source="en", target="de").bind(columns)


@pytest.fixture(scope="module")
def batch(task: Translate, rows: pa.RecordBatch) -> Batch:
    return batch_of({name: column.encode(rows) for name, column in task.columns.items()})


def padded(batch: Batch, name: str) -> Padded:
    value = batch[name]
    assert isinstance(value, Padded)
    return value


def test_each_word_is_asked_for_after_those_before_it(task: Translate, batch: Batch) -> None:
    inputs, targets = task.arrange(batch, True, None)
    words, said, asked = padded(batch, "de"), padded(inputs, SAID), padded(targets, "de")
    assert set(inputs) == {"en", "#present:en", SAID}
    for row, length in enumerate(words.lengths.tolist()):
        own = words.values[row, :length].tolist()
        assert said.values[row, : length + 1].tolist() == [START, *own]
        assert asked.values[row].tolist() == [*own, END, *[0] * (words.values.shape[1] - length)]
    assert said.lengths.tolist() == asked.lengths.tolist() == (words.lengths + 1).tolist()


def test_what_was_said_is_no_field_a_caller_gives(task: Translate) -> None:
    assert set(task.inputs) == {"en", SAID}
    assert task.given == ("en",)
    assert task.inputs[SAID] == task.outputs["de"]


def test_columns_of_one_alphabet_share_it_with_what_is_said(rows: pa.RecordBatch) -> None:
    columns = {n: Text(shares="both").named(n).fit([rows]) for n in ("en", "de")}
    bound = Translate(source="en", target="de").bind(columns)
    assert bound.inputs["en"].alphabet == bound.inputs[SAID].alphabet == "both"


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_smoothing_against_a_loop(smoothing: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 7, generator=generator, dtype=torch.float64)
    lengths = [4, 1, 3]
    asked = Padded(torch.randint(7, (3, 4), generator=generator), torch.tensor(lengths))
    found = _teaching.smoothed_loss(logits, asked, smoothing)
    for row, length in enumerate(lengths):
        total = 0.0
        for place in range(length):
            scores = logits[row, place].tolist()
            whole = math.log(sum(math.exp(score) for score in scores))
            for word, score in enumerate(scores):
                is_true = word == int(asked.values[row, place])
                share = (1 - smoothing) * is_true + smoothing / 7
                total -= share * (score - whole)
        assert float(found.sums[row]) == pytest.approx(total, rel=1e-6)
    assert found.weights.tolist() == lengths


def test_what_is_watched_needs_no_search(task: Translate, batch: Batch) -> None:
    _, targets = task.arrange(batch, False, None)
    size, asked = task.outputs["de"].size or 0, padded(targets, "de")
    certain = 20.0 * torch.nn.functional.one_hot(asked.values, size)
    even = torch.zeros(*asked.values.shape, size)
    for outputs, perplexity, accuracy in ((certain, 1.0, 1.0), (even, size, 0.0)):
        noted, truth = task.noted({"de": outputs}, targets)
        scores = {
            name: metric.score(task.predicted(as_arrays(noted)), task.truth(as_arrays(truth)))
            for name, metric in task.watched().items()
        }
        assert scores["perplexity"] == pytest.approx(perplexity, rel=1e-4)
        assert scores["nats"] == pytest.approx(math.log(perplexity), abs=1e-4)
        assert scores["word accuracy"] == accuracy
    assert not task.watched()["perplexity"].higher_is_better


def test_likely_words_are_read_up_to_the_end(task: Translate) -> None:
    size = task.outputs["de"].size or 0
    words = torch.tensor([[TOKENS, TOKENS + 1, END, TOKENS], [END, TOKENS, TOKENS, TOKENS]])
    read = task.read({"de": torch.nn.functional.one_hot(words, size).float()}, task.Options())
    texts = [row["de"] for row in task.answer(as_arrays(read))]
    column = task.columns["de"]
    assert isinstance(column, Text)
    assert texts == [" ".join(column.words[:2]), ""]


def test_what_is_no_text_is_refused(rows: pa.RecordBatch) -> None:
    text = Text(at_least=1).named("en").fit([rows])
    numbers = pa.RecordBatch.from_pydict({"age": [1.0, 2.0]})
    with pytest.raises(UnknownColumn, match="unknown column 'de'"):
        Translate(source="en", target="de").bind({"en": text})
    with pytest.raises(UsageError, match=r"'age' is of kind 'number'.*Declare it as  age: text"):
        Translate(source="en", target="age").bind(
            {"en": text, "age": Number().named("age").fit([numbers])}
        )
    with pytest.raises(RecipeError, match="source and target are both 'en'"):
        Translate.parse({"kind": "translate", "source": "en", "target": "en"})


FORMS: dict[str, dict[str, Any]] = {
    "transformer": {"positions": "learned", "width": 48, "layers": 1, "heads": 4, "dropout": 0.0},
    "recurrent": {"form": "recurrent", "width": 32, "layers": 1, "dropout": 0.0},
}
LEAST = {"transformer": 30, "recurrent": 70}
"""BLEU after some seconds: attention takes longer to find which word is which."""


def recipe(folder: Path, form: str, **task: object) -> dict[str, Any]:
    parts = {"train": pairs(1200), "valid": pairs(40, 1), "test": pairs(60, 2)}
    parts["train"][5] = ("one", "")  # no translation: cannot teach
    parts["test"][7] = ("", "eins")
    places: dict[str, dict[str, str]] = {}
    for part, sentences in parts.items():
        for name, texts in zip(("en", "de"), zip(*sentences, strict=True), strict=True):
            (folder / f"{part}.{name}").write_text("\n".join(texts) + "\n", encoding="utf-8")
            places.setdefault(part, {})[name] = f"{part}.{name}"
    return {
        "source": {"kind": "parallel", "root": str(folder), **places},
        "columns": {"en": {"kind": "text", "at_least": 1}, "de": {"kind": "text", "at_least": 1}},
        "task": {"kind": "translate", "source": "en", "target": "de", "beam": 2, **task},
        "model": {"kind": "seq2seq", **FORMS[form]},
        "paradigm": {
            "kind": "supervised",
            "batch_size": 32,
            "optimizer": {"kind": "adam", "learning_rate": 0.01},
            "budget": {"epochs": 8},
            "average": 0.98,
            "precision": "float32",
        },
    }


@pytest.fixture(scope="module", params=list(FORMS))
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    folder = tmp_path_factory.mktemp(request.param)
    return sonde.fit(recipe(folder, request.param), run_dir=folder / "run")


def test_files_become_a_model_that_translates(run: sonde.Run) -> None:
    form = run.bundle.recipe["model"]["form"]
    bleu = run.scores["bleu"]
    assert bleu.low is not None and bleu.low < bleu.value and bleu.value > LEAST[form]
    assert run.scores["chrf"].value > LEAST[form] and bleu.rows == 60
    answers = run.bundle.predict([{"en": "two red dog"}, {"en": ""}, {"en": "one dog sees red"}])
    assert answers[1]["de"] == "" and answers[0]["log_prob"] < 0
    if form == "recurrent":
        wanted = ["zwei rot Hund", "", "eins Hund sieht rot"]
        assert [answer["de"] for answer in answers] == wanted


def test_it_is_judged_beside_a_translation_memory(run: sonde.Run) -> None:
    verdict = read_verdict(run.directory)
    assert verdict is not None
    rival = verdict.baselines["translation memory"]["bleu"]
    assert 5 < rival.value < 100 and rival.rows == 60
    assert "translation memory" in verdict.sentence


def test_a_row_is_answered_alike_beside_others(run: sonde.Run) -> None:
    texts = [{"en": text} for text, _ in pairs(12, 5)]
    together = run.bundle.predict(texts)
    alone = [run.bundle.predict([text])[0] for text in texts]
    assert [answer["de"] for answer in together] == [answer["de"] for answer in alone]
    for one, other in zip(together, alone, strict=True):
        assert one["log_prob"] == pytest.approx(other["log_prob"], abs=1e-5)


def test_several_answers_and_where_it_looked(run: sonde.Run) -> None:
    options = {"beam": 4, "best": 3, "give": "attention"}
    [answer] = run.bundle.predict([{"en": "two dog"}], **options)
    best = [other["log_prob"] for other in answer["best"]]
    assert answer["best"][0]["text"] == answer["de"]
    assert len(best) == 3 and len({other["text"] for other in answer["best"]}) == 3
    seen = answer["attention"]
    assert seen["source"] == ["two", "dog"] and " ".join(seen["target"]) == answer["de"]
    assert np.array(seen["weights"]).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_more_answers_than_the_beam_holds_are_refused(run: sonde.Run) -> None:
    with pytest.raises(UsageError, match="best 3 of a beam of 2; widen the beam"):
        run.bundle.predict([{"en": "two dog"}], beam=2, best=3)


def test_an_answer_has_no_more_words_than_it_may(run: sonde.Run) -> None:
    [answer] = run.bundle.predict([{"en": "one two three red dog"}], longest=0.001)
    assert len(answer["de"].split()) <= 10


def test_the_report_shows_samples_and_pictures(run: sonde.Run) -> None:
    task = run.bundle.task
    assert isinstance(task, Translate)
    rows = pa.RecordBatch.from_pydict(
        {"en": [a for a, _ in pairs(30, 3)], "de": [b for _, b in pairs(30, 3)],
         "#row": np.arange(30)}
    )  # fmt: skip
    judged = task.judge(run.bundle, [rows.slice(0, 11), rows.slice(11)], 0)
    assert judged.rows.tolist() == list(range(30))
    tables = [panel for panel in judged.shown if isinstance(panel, Table)]
    assert [panel.title.split()[0] for panel in tables] == ["Best", "Median", "Worst"]
    assert float(tables[0].rows[0][0]) >= float(tables[1].rows[0][0]) >= float(tables[2].rows[0][0])
    curves, *others = task.panels(judged)
    assert others == list(judged.shown)
    assert isinstance(curves, Curves) and set(curves.series) == {"bleu", "chrf"}
    report = (run.directory.path / "report.html").read_text(encoding="utf-8")
    assert "Worst translations" in report and "Scores by length" in report


def test_pictures_show_where_it_looked(run: sonde.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from sonde.tasks import _translations

    monkeypatch.setattr(_translations, "_READABLE", range(2, 5))
    rows = pa.RecordBatch.from_pydict(
        {"en": ["one", "two red dog"], "de": ["eins", "zwei rot Hund"], "#row": [4, 9]}
    )
    judged = run.bundle.task.judge(run.bundle, [rows], 0)
    [picture] = [panel for panel in judged.shown if isinstance(panel, Heatmap)]
    assert picture.title == "Where it looked, row 9"
    assert list(picture.column_labels) == ["two", "red", "dog"]
    assert picture.values.sum(axis=1) == pytest.approx(100, abs=2)


def test_unequal_files_stop_the_run(tmp_path: Path) -> None:
    asked = recipe(tmp_path, "transformer")
    (tmp_path / "valid.de").write_text("eins\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"valid\.de, line 2: there is none"):
        sonde.fit(asked, run_dir=tmp_path / "run")
