"""Several targets at once: each row teaches what it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

import sonde
from sonde.core.batch import as_arrays
from sonde.core.errors import RecipeError
from sonde.core.port import PRESENT
from sonde.data.columns.category import Category
from sonde.data.columns.number import Number
from sonde.tasks.several import Several

PRICE = {"kind": "regression", "target": "price"}
LABEL = {"kind": "classification", "target": "label"}


def bound(**options: Any) -> Several:
    columns = {
        "size": Number().learn(name="size"),
        "price": Number().learn(name="price", mean=100.0, deviation=20.0),
        "label": Category().learn(name="label", values=("no", "yes"), counts=(3, 1)),
    }
    return Several.parse({"tasks": [PRICE, LABEL], **options}).bind(columns)


def targets() -> dict[str, torch.Tensor]:
    """Row 1 has no price, row 2 no label, row 3 neither."""
    return {
        "price": torch.tensor([1.0, 0.0, -1.0, 0.0]),
        PRESENT + "price": torch.tensor([True, False, True, False]),
        "label": torch.tensor([1, 0, 3, 3]),
    }


def outputs() -> dict[str, torch.Tensor]:
    return {"price": torch.tensor([0.5, 5.0, 0.0, 5.0]), "label": torch.zeros(4, 2)}


def test_a_missing_target_leaves_only_its_part_out() -> None:
    task = bound()
    loss = task.loss(outputs(), targets())
    expected = [0.25 + np.log(2), np.log(2), 1.0, 0.0]
    np.testing.assert_allclose(loss.sums, expected, rtol=1e-6)
    assert loss.weights.tolist() == [1.0, 0.5, 0.5, 0.0]


def test_where_all_is_there_the_loss_is_the_weighted_sum_of_the_means() -> None:
    task = bound(weights=[3.0, 1.0])
    whole = {name: value[:1] for name, value in targets().items()}
    loss = task.loss({name: value[:1] for name, value in outputs().items()}, whole)
    assert float(loss.sums / loss.weights) == pytest.approx(3 * 0.25 + np.log(2))


def test_no_task_reads_the_others_target() -> None:
    task = bound()
    assert set(task.inputs) == {"size"}
    assert all(set(inner.inputs) == {"size"} for inner in task.tasks)


def test_each_score_is_that_of_the_rows_with_its_target() -> None:
    task = bound()
    read = as_arrays(task.read(outputs(), task.Options()))
    predicted, truth = task.predicted(read), task.truth(as_arrays(targets()))
    assert truth["0:#known"].tolist() == [True, False, True, False]
    scores = {n: m.score(predicted, truth) for n, m in task.metrics().items()}
    assert scores["price mae"] == pytest.approx((10 + 20) / 2)
    assert scores["label accuracy"] == pytest.approx(0.5)  # no is said: right once of two rows
    mae = task.metrics()["price mae"]
    sums = mae.sums(predicted, truth, np.array([0, 0, 1, 1]), 2)
    assert mae.combine(sums.sum(axis=0)) == pytest.approx(15)
    twice = np.array([2.0, 7.0, 1.0, 7.0])
    assert mae.score(predicted, truth, twice) == pytest.approx((2 * 10 + 20) / 3)
    assert task.known(as_arrays(targets())).tolist() == [True, True, True, False]


def test_answers_say_whose_probability_it_is() -> None:
    task = bound()
    [first, *_] = task.answer(as_arrays(task.read(outputs(), task.Options())))
    assert first == {"price": 110.0, "label": "no", "label probability": 0.5}


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"tasks": [PRICE, PRICE]}, "expected each once"),
        ({"tasks": [PRICE, LABEL], "weights": [1.0]}, "expected one for each of the 2 tasks"),
        ({"tasks": [PRICE]}, "at least 2"),
        ({"tasks": [PRICE, {"kind": "classfication"}]}, "Did you mean 'classification'"),
    ],
)
def test_what_cannot_go_together_is_refused(plain: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        Several.parse(plain)


def rows(count: int = 300) -> pa.Table:
    """Both targets follow x; a third of each is missing, in other rows, and five have neither."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=count)
    seen = x + rng.normal(scale=0.7, size=count)  # an input that decides a target is left out
    price = [None if i % 3 == 0 else 50 + 10 * v for i, v in enumerate(x)]
    label = [None if i % 3 == 1 else ("yes" if v > 0 else "no") for i, v in enumerate(x)]
    price[:5] = label[:5] = [None] * 5
    return pa.table({"x": seen, "noise": rng.normal(size=count), "price": price, "label": label})


RECIPE = {
    "split": {"kind": "random", "valid": 0.2, "test": 0.2},
    "task": {"kind": "several", "tasks": [PRICE, LABEL | {"threshold": "f1"}]},
    "model": {"kind": "dense", "hidden": [16]},
    "paradigm": {"kind": "supervised", "budget": {"epochs": 30}, "batch_size": 16,
                 "optimizer": {"kind": "adam", "learning_rate": 0.01}},
}  # fmt: skip


def test_a_run_learns_both_from_rows_that_lack_one(tmp_path: Path) -> None:
    run = sonde.fit(RECIPE, rows(), run_dir=tmp_path / "run")
    assert float(run.scores["price r2"]) > 0.4 and float(run.scores["label auc"]) > 0.75
    again = sonde.Bundle.load(run.directory.model)
    assert again.predict(rows().slice(0, 9)) == run.bundle.predict(rows().slice(0, 9))
    assert again.task.tasks[1].cut is not None, "each part settles what it has to"
    report = run.report.read_text()
    assert "price: Residuals" in report and "label: Threshold" in report
    assert "mean and majority" in report


def test_folds_are_pooled_task_by_task(tmp_path: Path) -> None:
    split = {"kind": "kfold", "num_folds": 3}
    paradigm = RECIPE["paradigm"] | {"budget": {"epochs": 8}}  # type: ignore[operator]
    task = {"kind": "several", "tasks": [PRICE, LABEL]}
    recipe = RECIPE | {"split": split, "paradigm": paradigm, "task": task}
    runs = sonde.cross_validate(recipe, rows(120), refit=False, run_dir=tmp_path)
    assert float(runs.scores["price r2"]) > 0.2 and float(runs.scores["label auc"]) > 0.7
