"""Labels of which a row may have several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn.metrics import f1_score, roc_auc_score

import sonde
from sonde.contracts.task import Judged
from sonde.core.batch import as_arrays
from sonde.core.errors import DataError
from sonde.core.port import PRESENT
from sonde.core.text import from_json, to_json
from sonde.data.columns.number import Number
from sonde.data.columns.set import Set
from sonde.tasks.multilabel import Multilabel

NAMES = ("action", "comedy", "drama")


def bound(**options: Any) -> Multilabel:
    columns = {"tags": Set().learn(name="tags", values=NAMES), "x": Number().learn(name="x")}
    return Multilabel(target="tags", **options).bind(columns)


def drawn(rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels that follow them; all probabilities are small."""
    rng = np.random.default_rng(0)
    logits = rng.normal(-2.0, 1.0, (rows, 3)).astype(np.float32)
    return logits, (rng.random((rows, 3)) < 1 / (1 + np.exp(-logits))).astype(np.float32)


def test_scores_are_scikit_learns() -> None:
    task, (logits, true) = bound(), drawn()
    read = as_arrays(task.read({"tags": torch.from_numpy(logits + 1.5)}, task.Options()))
    truth, said = task.truth({"tags": true}), read["labels"]
    scores = {name: metric.score(read, truth) for name, metric in task.metrics().items()}
    assert scores["f1 micro"] == pytest.approx(f1_score(true, said, average="micro"))
    assert scores["f1 macro"] == pytest.approx(f1_score(true, said, average="macro"))
    assert scores["auc macro"] == pytest.approx(roc_auc_score(true, read["label probability"]))


def test_each_label_settles_its_own_threshold() -> None:
    open_task, (logits, true) = bound(threshold="f1"), drawn()
    logits[:, 2] += 4.0  # said far too often
    targets = {"tags": true, PRESENT + "tags": np.arange(200) > 3}
    settled = open_task.settle({"tags": logits}, targets)
    assert settled.cuts[2] > 0.5 > settled.cuts[0]
    again = Multilabel.parse(from_json(to_json(settled.dump(learned=True)))).bind(settled.columns)
    scores = []
    for task in (open_task, again):
        read = as_arrays(task.read({"tags": torch.from_numpy(logits)}, task.Options()))
        scores.append(task.metrics()["f1 macro"].score(read, task.truth({"tags": true})))
    assert scores[1] > scores[0] + 0.05
    judged = Judged(read, again.truth({"tags": true}), np.arange(200))
    table, wrong = again.panels(judged)
    assert table.header[-1] == "said from" and len(wrong.rows) == 12


def test_a_missing_set_is_not_an_empty_one() -> None:
    task = bound()
    targets = {"tags": torch.zeros(2, 3), PRESENT + "tags": torch.tensor([True, False])}
    loss = task.loss({"tags": torch.zeros(2, 3)}, targets)
    assert loss.weights.tolist() == [1, 0]
    assert loss.sums.tolist() == pytest.approx([np.log(2), 0])
    with pytest.raises(DataError, match=r"1 of 2 rows have no 'tags'.*\[\] for no label"):
        task.truth(as_arrays(targets))


def test_answers_list_the_labels() -> None:
    task = bound()
    logits = torch.tensor([[2.0, -2.0, 1.0], [-1.0, -1.0, -1.0]])
    both, none = task.answer(as_arrays(task.read({"tags": logits}, task.Options())))
    assert both["tags"] == ["action", "drama"] and none["tags"] == []
    assert list(both["probabilities"]) == list(NAMES)
    assert both["probabilities"]["action"] == pytest.approx(0.8808, abs=1e-4)


def test_a_run_learns_and_folds_are_pooled(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(240, 2))
    tags = [
        [name for name, has in zip(NAMES, (a > 0, b > 0, a + b > 1), strict=True) if has]
        for a, b in x
    ]
    tags[0] = [*tags[0], "only once"]
    data = pa.table({"a": x[:, 0], "b": x[:, 1], "tags": tags})
    recipe = {
        "task": {"kind": "multilabel", "target": "tags", "threshold": "f1"},
        "split": {"kind": "kfold", "num_folds": 3, "valid": 0.2},
        "model": {"kind": "dense", "hidden": [16]},
        "paradigm": {"kind": "supervised", "budget": {"epochs": 20}, "batch_size": 16,
                     "optimizer": {"kind": "adam", "learning_rate": 0.01}},
    }  # fmt: skip
    runs = sonde.cross_validate(recipe, data, refit=False, run_dir=tmp_path)
    assert float(runs.scores["f1 micro"]) > 0.9
    first = runs.folds[0]
    assert "Label by label" in first.report.read_text()
    again = sonde.Bundle.load(first.directory.model)
    assert again.predict(data.slice(0, 5)) == first.bundle.predict(data.slice(0, 5))
