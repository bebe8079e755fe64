"""Sentences go the whole way: from lines in a file to marked words in a report."""

from __future__ import annotations

import numpy as np
import pytest

import sonde
from sonde.core.text import from_json


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    """Reviews that 'fine' and 'dull' decide; a tenth of the labels are wrong."""
    home = tmp_path_factory.mktemp("reviews")
    rng = np.random.default_rng(0)
    filling = np.array(["the", "plot", "film", "<b>actors</b>", "we", "saw"])
    for part, count in {"train": 240, "test": 80}.items():
        good, wrong = rng.random(count) < 0.5, rng.random(count) < 0.1
        lines = []
        for is_good, is_wrong in zip(good, wrong, strict=True):
            words = [*rng.choice(filling, 5), "fine" if is_good else "dull"]
            label = "good" if is_good != is_wrong else "bad"
            lines.append(f"{label} {' '.join(rng.permutation(words))}")
        (home / f"{part}.txt").write_text("\n".join(lines))
    recipe = {
        "source": {"kind": "labelled-lines", "path": str(home / "train.txt"),
                   "test": str(home / "test.txt")},
        "split": {"kind": "given", "valid": 0.1},
        "task": {"kind": "classification", "target": "label"},
        "model": {"kind": "textcnn", "embedding": 8, "widths": [1], "maps": 8, "dropout": 0.1},
        "paradigm": {"kind": "supervised", "budget": {"epochs": 6}, "batch_size": 32,
                     "optimizer": {"kind": "adamw", "learning_rate": 0.02}},
    }  # fmt: skip
    return sonde.fit(recipe, run_dir=home / "run")


def test_the_text_column_is_found_and_learned(run: sonde.Run) -> None:
    assert run.bundle.columns["text"].kind == "text"
    assert float(run.scores["accuracy"]) > 0.75


def test_a_rival_reads_the_texts(run: sonde.Run) -> None:
    rivals = from_json((run.path / "scores.json").read_text())["baselines"]
    assert next(iter(rivals)) == "n-gram logistic regression"
    assert rivals["n-gram logistic regression"]["accuracy"]["value"] > 0.75
    assert rivals["linear"]["accuracy"]["value"] < 0.7


def test_the_words_that_led_to_a_mistake_are_marked(run: sonde.Run) -> None:
    page = (run.path / "report.html").read_text()
    _, _, after = page.partition("The surest mistakes, word by word")
    panel = after.partition("</figure>")[0]
    assert '<mark style="--strength:100%">fine</mark>' in panel or (
        '<mark style="--strength:100%">dull</mark>' in panel
    )
    assert "<b>actors" not in panel
    assert "actors" in panel
