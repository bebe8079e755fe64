"""Folds and seals: scores over all folds, and a model file made anew."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score

import sonde
from sonde.core.errors import StorageError, UsageError
from sonde.run.directory import RunDirectory
from sonde.run.journal import read_journal
from sonde.workflow.seal import seal_run

ROWS = 90
RECIPE: dict[str, Any] = {
    "split": {"kind": "kfold", "num_folds": 3, "valid": 0.2, "stratify": "label"},
    "columns": {"x": "number", "y": "number", "label": "category"},
    "task": {"kind": "classification", "target": "label"},
    "model": "linear",
    "paradigm": {"kind": "supervised", "budget": {"epochs": 2}, "batch_size": 8},
}


def table(rare: int = 0) -> pa.Table:
    """Two classes, and a third of a few rows."""
    x, y = np.random.default_rng(0).normal(size=(2, ROWS))
    label = np.where(x + y > 0, "yes", "no").astype("U5")
    label[:rare] = "maybe"
    return pa.table({"x": x, "y": y, "label": label})


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> sonde.Runs:
    return sonde.cross_validate(RECIPE, table(), run_dir=tmp_path_factory.mktemp("folds") / "cv")


def test_every_row_is_answered_by_the_fold_that_had_not_seen_it(folds: sonde.Runs) -> None:
    truth, answers = table()["label"].to_pylist(), [""] * ROWS
    for run in folds.folds:
        parts = pq.read_table(RunDirectory(run.path).split)["part"].to_pylist()
        rows = [row for row in range(ROWS) if parts[row] == "test"]
        asked = table().drop_columns("label").take(rows)
        for row, answer in zip(rows, run.bundle.predict(asked), strict=True):
            assert answers[row] == ""
            answers[row] = answer["label"]
    assert float(folds.scores["accuracy"]) == pytest.approx(accuracy_score(truth, answers))
    assert folds.scores["accuracy"].rows == ROWS


def test_the_spread_is_over_folds(folds: sonde.Runs) -> None:
    values = [float(run.scores["accuracy"]) for run in folds.folds]
    mean, smallest, largest = folds.spread("accuracy")
    assert mean == pytest.approx(sum(values) / 3)
    assert (smallest, largest) == (min(values), max(values))


def test_a_last_model_is_trained_on_all_folds_and_judged_on_none(folds: sonde.Runs) -> None:
    assert folds.bundle is not None
    assert not folds.bundle.scores
    home = folds.folds[0].path.parent / "all"
    assert not [line for line in read_journal(home / "journal.jsonl")
                if line["event"] == "test opened"]  # fmt: skip


def test_the_same_call_again_trains_nothing(folds: sonde.Runs) -> None:
    journals = [(run.path / "journal.jsonl").read_bytes() for run in folds.folds]
    again = sonde.cross_validate(RECIPE, table(), run_dir=folds.folds[0].path.parent)
    assert [(run.path / "journal.jsonl").read_bytes() for run in again.folds] == journals
    assert again.scores == folds.scores


@pytest.mark.parametrize("rare", [1, 2])
def test_a_class_that_some_folds_never_meet_is_scored_as_wrong(rare: int, tmp_path: Path) -> None:
    """Folds then know different classes; index 1 of one is not index 1 of another."""
    recipe = RECIPE | {"split": {"kind": "kfold", "num_folds": 3, "valid": 0.2}}
    data = table(rare)
    runs = sonde.cross_validate(recipe, data, refit=False, run_dir=tmp_path / "cv")
    right = 0.0
    for run in runs.folds:
        score = run.scores["accuracy"]
        right += score.value * score.rows
    assert float(runs.scores["accuracy"]) == pytest.approx(right / ROWS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    home = tmp_path_factory.mktemp("seal")
    pyarrow.csv.write_csv(table(), home / "rows.csv")
    recipe = RECIPE | {
        "split": "random",
        "source": {"kind": "table", "path": str(home / "rows.csv")},
    }
    return sonde.fit(recipe, run_dir=home / "run")


def test_sealing_again_makes_the_same_bytes(trained: sonde.Run, tmp_path: Path) -> None:
    shutil.copytree(trained.path, tmp_path / "run")
    (tmp_path / "run" / "model.sonde").unlink()
    made = seal_run(tmp_path / "run", tmp_path / "out" / "model.sonde")
    assert made.read_bytes() == trained.directory.model.read_bytes()


def test_sealing_does_not_open_the_test_part(trained: sonde.Run, tmp_path: Path) -> None:
    shutil.copytree(trained.path, tmp_path / "run")
    seal_run(tmp_path / "run")
    events = [line["event"] for line in read_journal(tmp_path / "run" / "journal.jsonl")]
    assert events.count("test opened") == 1


def test_a_folder_that_holds_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"holds no run: it has no run\.json"):
        seal_run(tmp_path)


def test_rows_given_in_python_are_sealed_in_python(folds: sonde.Runs) -> None:
    with pytest.raises(UsageError, match=r"were given in Python; seal it there with"):
        seal_run(folds.folds[0].path)


def test_a_finished_run_is_opened_and_not_repeated(trained: sonde.Run) -> None:
    before = trained.directory.journal_path.read_bytes()
    again = sonde.fit(
        RECIPE | {"split": "random", "source": trained.bundle.recipe["source"]},
        run_dir=trained.path,
    )
    assert trained.directory.journal_path.read_bytes() == before
    assert again.scores == trained.scores


def test_a_run_without_validation_rows_trains_and_seals(tmp_path: Path) -> None:
    """Early stopping is refused there, with what to do."""
    rows = {"x": [float(row) for row in range(40)], "y": [2.0 * row for row in range(40)]}
    recipe = {
        "split": {"kind": "random", "valid": 0, "test": 0.2},
        "task": {"kind": "regression", "target": "y"},
        "model": "linear",
        "paradigm": {"kind": "supervised", "budget": {"epochs": 1}},
    }
    run = sonde.fit(recipe, rows, run_dir=tmp_path / "run")
    assert len(run.bundle.golden.rows) == 24
    stopping = recipe["paradigm"] | {"stop": {"patience": 2}}
    with pytest.raises(UsageError, match="needs validation rows"):
        sonde.fit(recipe | {"paradigm": stopping}, rows, run_dir=tmp_path / "stop")
