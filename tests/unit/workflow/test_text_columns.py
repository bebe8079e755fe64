"""Pieces of words, two fields in one, and series of numbers: from raw rows to a sealed model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

import sonde
from sonde.data.memory import as_source
from sonde.run.bundle import Bundle


def test_texts_and_series_are_sealed_and_answered(tmp_path: Path) -> None:
    """The bundle holds joins and words as plain data, and reads raw rows as training did."""
    rng = np.random.default_rng(0)
    answers = rng.choice(["no", "yes"], 80)
    rows = pa.table({
        "question": [f"is {n} {word}?" for n, word in
                     enumerate(np.where(answers == "yes", "fine", "bad"))],
        "context": [f"straße {n} 我爱你" for n in rng.integers(0, 9, 80)],
        "readings": pa.array([rng.normal(size=(rng.integers(0, 4), 2)).tolist() for _ in range(80)],
                             pa.list_(pa.list_(pa.float64()))),
        "answer": answers,
    })  # fmt: skip
    recipe = {
        "columns": {
            "both": {"kind": "text", "tokens": "bpe", "vocabulary": 270,
                     "fields": ["question", "context"], "longest": 60},
            "question": {"kind": "text", "tokens": "characters"},
            "readings": "sequence",
            "answer": "category",
        },
        "task": {"kind": "classification", "target": "answer"},
        "model": {"kind": "rnn", "embedding": 4, "hidden": 4},
        "paradigm": {"kind": "supervised", "budget": {"epochs": 1}},
    }  # fmt: skip
    run = sonde.fit(sonde.Recipe.parse(recipe), as_source(rows), run_dir=tmp_path / "run")
    bundle = Bundle.load(run.path / "model.sonde")
    asked = {"question": "is it fine?", "context": "\u200d", "readings": [[1.0, 2.0]]}
    (answer,) = bundle.predict([asked])
    assert answer["answer"] in ("no", "yes")
    assert bundle.predict([asked] * 3)[2] == answer


def test_rivals_that_read_texts_stand_beside_all_folds_too(tmp_path: Path) -> None:
    words = np.random.default_rng(0).choice(["fine", "bad"], 60)
    rows = pa.table({"text": [f"{word} is number {n}" for n, word in enumerate(words)],
                     "kind": words})  # fmt: skip
    recipe = sonde.Recipe.parse({
        "columns": {"text": "text", "kind": "category"},
        "split": {"kind": "kfold", "num_folds": 2},
        "task": {"kind": "classification", "target": "kind"},
        "model": {"kind": "textcnn", "embedding": 4, "maps": 2},
        "paradigm": {"kind": "supervised", "budget": {"epochs": 1}},
    })  # fmt: skip
    runs = sonde.cross_validate(recipe, as_source(rows), run_dir=tmp_path / "run", refit=False)
    assert runs.verdict is not None
    assert float(runs.verdict.baselines["n-gram logistic regression"]["accuracy"]) == 1.0
