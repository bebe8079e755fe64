"""A language model goes the whole way: from a file to a sealed model that writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import sonde
from sonde.app.commands.predict import predict
from sonde.core.batch import Padded
from sonde.core.errors import UsageError
from sonde.core.notice import listening
from sonde.core.text import from_json
from sonde.run.journal import read_journal
from tests.contracts._strain import Strain
from tests.contracts._strains import strains
from tests.contracts.test_paradigms import trained


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    """Trained from a file of lines until it has learned something."""
    folder = tmp_path_factory.mktemp("write")
    strain = strains()["writing"]
    path = folder / "lines.txt"
    path.write_text("\n".join(strain.data["text"].to_pylist()), encoding="utf-8")
    paradigm = {"kind": "supervised", "batch_size": 24, "budget": {"epochs": 12},
                "optimizer": {"kind": "adamw", "learning_rate": 0.01}}  # fmt: skip
    recipe = strain.recipe | {
        "source": {"kind": "plain-text", "path": str(path)},
        "model": {"kind": "decoder", "width": 16, "layers": 1, "heads": 2, "context": 32,
                  "dropout": 0.0},
        "paradigm": paradigm,
    }  # fmt: skip
    return sonde.fit(recipe, run_dir=folder / "run")


def test_it_learns_what_is_written(run: sonde.Run) -> None:
    epochs = [line for line in read_journal(run.directory.journal_path) if line["event"] == "epoch"]
    assert epochs[-1]["nats"] < epochs[0]["nats"] / 2
    assert epochs[-1]["nats"] == pytest.approx(epochs[-1]["loss"], rel=1e-5)
    assert epochs[-1]["perplexity"] == pytest.approx(np.exp(epochs[-1]["nats"]), rel=1e-6)
    verdict = from_json(run.directory.scores.read_text(encoding="utf-8"))
    assert list(verdict["baselines"]) == ["5-grams"]
    assert set(verdict["scores"]) == {"nats", "perplexity", "bits per character"}


def test_its_score_is_that_of_all_test_words(run: sonde.Run) -> None:
    """What `predict` says of each test text adds up to the score to 1e-6."""
    strain = strains()["writing"]
    texts = strain.data["text"].to_pylist()
    parts = pq.read_table(run.directory.split)
    rows = [{"text": texts[row]} for row, part in zip(*parts.to_pydict().values(), strict=True)
            if part == "test"]  # fmt: skip
    answers = run.bundle.predict(rows)
    nats, tokens = (sum(answer[name] for answer in answers) for name in ("nats", "tokens"))
    assert tokens == sum(len(row["text"]) + 1 for row in rows)
    assert float(run.scores["nats"]) == pytest.approx(nats / tokens, rel=1e-6)
    letters = sum(len(row["text"]) for row in rows)
    bits = float(run.scores["bits per character"])
    assert bits == pytest.approx(nats / np.log(2) / letters, rel=1e-6)


def test_it_draws_equal_texts_of_an_equal_seed(run: sonde.Run) -> None:
    opened = sonde.Bundle.load(run.directory.model)
    drawn = opened.predict(count=6, seed=1, longest=40)
    assert drawn == run.bundle.predict(count=6, seed=1, longest=40)
    assert drawn[:2] == opened.predict(count=2, seed=1, longest=40)
    assert drawn != opened.predict(count=6, seed=2, longest=40)
    assert len({row["text"] for row in drawn}) > 1
    known = {"anna", "bert", "ida", "sees", "hears", "no", "and"}
    words = [word for row in drawn for word in row["text"].split()]
    assert sum(word in known for word in words) > len(words) / 2


def test_it_goes_on_from_what_it_is_given(run: sonde.Run) -> None:
    options = {"temperature": 0, "longest": 30}
    [alone] = run.bundle.predict(count=1, prompt="anna s", **options)
    assert alone["text"].startswith("anna s")
    rows = [{"text": "ida"}, {"text": "anna s"}, {"text": ""}]
    answers = run.bundle.predict(rows, give="text", **options)
    assert answers[1] == alone
    assert answers[0]["text"].startswith("ida")
    assert answers[2] == run.bundle.predict(count=1, **options)[0]


def test_what_is_unknown_in_a_prompt_is_told(run: sonde.Run) -> None:
    heard: list[str] = []
    with listening(lambda message, *_: heard.append(message)):
        run.bundle.predict(count=2, prompt="ida", longest=9)
        [answer] = run.bundle.predict(count=1, prompt="anna \u00e9", longest=9)
    assert answer["text"].startswith("anna \ufffd")
    assert [message[:44] for message in heard] == ["prompt: 1 of what it is made of stood in no "]


def test_the_command_line_takes_options_of_two_words(
    run: sonde.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = {"top-p": "0.5", "top-k": "3", "count": "2", "longest": "9", "prompt": "ida "}
    predict(str(run.directory.model), **chosen)
    lines = capsys.readouterr().out.splitlines()
    written = run.bundle.predict(top_p=0.5, top_k=3, count=2, longest=9, prompt="ida ")
    assert [from_json(line) for line in lines] == written


def test_greedy_writing_says_what_the_network_finds_likeliest(run: sonde.Run) -> None:
    """Each word written is the argmax of the whole text passed through at once."""
    [row] = run.bundle.predict(count=1, temperature=0, longest=25)
    column, network = run.bundle.columns["text"], run.bundle.network
    places = column.encode(pa.RecordBatch.from_pydict({"text": [row["text"]]})).values
    words = torch.tensor([[2, *places.tolist()]])
    with torch.no_grad():
        scores = network({"text": Padded(words, torch.tensor([words.shape[1]]))})["text"]
    scores[..., :5] = -torch.inf
    assert scores[0, :-1].argmax(dim=1).tolist() == places.tolist()


def test_the_report_shows_what_it_writes(run: sonde.Run) -> None:
    report = run.report.read_text(encoding="utf-8")
    for title in ("What it writes", "Where it was surprised", "Nats by place in the text",
                  "What costs most"):  # fmt: skip
        assert f">{title}<" in report


def test_a_network_that_does_not_say_words_is_refused(tmp_path: Path) -> None:
    strain = strains()["writing"]
    with pytest.raises(UsageError, match="sequence"):
        trained(Strain(strain.recipe | {"model": "transformer"}, strain.data), tmp_path / "run")
