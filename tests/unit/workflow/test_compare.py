"""Runs beside runs: the same rows, paired, or a clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

import sonde
from sonde.app.cli import run as command
from sonde.core.errors import StorageError, UsageError
from sonde.run.directory import RunDirectory
from sonde.workflow.compare import compare
from sonde.workflow.judged import Answers, group_numbers, read_answers, write_answers

ROWS = 300
RECIPE: dict[str, Any] = {
    "split": {"kind": "random", "valid": 0.2, "test": 0.4},
    "columns": {"x": "number", "y": "number", "label": "category"},
    "task": {"kind": "classification", "target": "label"},
    "model": "linear",
    "paradigm": {
        "kind": "supervised",
        "budget": {"epochs": 8},
        "batch_size": 16,
        "optimizer": {"kind": "adamw", "learning_rate": 0.05},
    },
}


def table(rows: int = ROWS, seed: int = 0) -> pa.Table:
    x, y = np.random.default_rng(seed).normal(size=(2, rows))
    patient = np.arange(rows) // 3
    label = np.where(x + y > 0, "yes", "no")
    return pa.table({"x": x, "y": y, "patient": patient, "label": label})


def trained(home: Path, name: str, *, changes: dict[str, Any] | None = None) -> sonde.Run:
    return sonde.fit(RECIPE | (changes or {}), table(), run_dir=home / name, audit=False)


BLIND = {"columns": {"x": "number", "label": "category"}}
"""A model that sees half of what decides."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[sonde.Run, sonde.Run, sonde.Run]:
    home = tmp_path_factory.mktemp("runs")
    return (
        trained(home, "both"),
        trained(home, "blind", changes=BLIND),
        trained(home, "again", changes={"seed": 1}),
    )


def test_a_model_that_sees_more_is_shown_to_be_better(runs: tuple[sonde.Run, ...]) -> None:
    contest = compare(runs[0], runs[1].path)
    (by_auc,) = contest.by("auc")
    assert by_auc.is_shown and by_auc.gain.low is not None and by_auc.gain.low > 0
    assert contest.sentence.startswith("By auc on 120 rows: both is better than blind")
    scores = contest.scores["blind"]["auc"]
    assert scores.value == pytest.approx(float(runs[1].scores["auc"]))
    assert by_auc.gain.value == pytest.approx(
        float(runs[0].scores["auc"]) - float(runs[1].scores["auc"])
    )
    assert contest.facts["both"]["weights"] > contest.facts["blind"]["weights"]


def test_runs_and_models_say_in_a_line_what_they_are(runs: tuple[sonde.Run, ...]) -> None:
    told = repr(runs[0])
    assert told.startswith(f"Run('{runs[0].path}', Bundle(classification by ")
    assert told.endswith(f" weights; auc {runs[0].scores['auc']}))")


def test_models_that_differ_by_their_seed_are_not_told_apart(runs: tuple[sonde.Run, ...]) -> None:
    contest = compare(runs[0], runs[2])
    assert contest.sentence == "No difference in auc is shown on 120 rows."


def test_three_models_are_three_pairs_and_look_more_often(runs: tuple[sonde.Run, ...]) -> None:
    contest = compare(*runs)
    pairs = contest.by("accuracy")
    assert [(p.first, p.second) for p in pairs] == [
        ("both", "blind"), ("both", "again"), ("blind", "again")]  # fmt: skip
    assert all(p.adjusted >= p.p for p in pairs)
    assert max(p.adjusted / p.p for p in pairs) > 1.5
    assert "No other difference is shown" in contest.sentence


def test_the_command_says_the_same(
    runs: tuple[sonde.Run, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(each.path) for each in runs[:2]]
    assert command(["compare", *folders]) == 0
    printed = capsys.readouterr().out
    assert "both over blind" in printed and "By auc on 120 rows" in printed
    assert command(["compare", *folders, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["scores"]["both"]["auc"]["value"] == float(runs[0].scores["auc"])
    assert {found["metric"] for found in plain["differences"]} >= {"auc", "accuracy"}


def test_other_rows_are_refused_and_common_ones_offered(
    runs: tuple[sonde.Run, ...], tmp_path: Path
) -> None:
    other = trained(tmp_path, "other",
                    changes={"split": RECIPE["split"] | {"seed": 3}})  # fmt: skip
    with pytest.raises(UsageError, match=r"judged on different rows \(both 120, other 120; \d+ in "
                                         r"common\)\. Compare on those with --common"):  # fmt: skip
        compare(runs[0], other)
    contest = compare(runs[0], other, common=True)
    both = np.intersect1d(*(read_answers(r.directory).judged.rows for r in (runs[0], other)))
    assert contest.rows == len(both)
    judged = read_answers(other.directory).judged
    at = np.isin(judged.rows, both)
    expected = roc_auc_score(judged.truth["index"][at], judged.predicted["probability"][at, 1])
    assert contest.scores["other"]["auc"].value == pytest.approx(expected)


def test_what_cannot_be_compared_is_refused(runs: tuple[sonde.Run, ...], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two models or more"):
        compare(runs[0])
    with pytest.raises(UsageError, match="compared with itself"):
        compare(runs[0], runs[0])
    with pytest.raises(StorageError, match=r"holds no run: expected run\.json, or fold-0"):
        compare(runs[0], tmp_path)
    elsewhere = sonde.fit(RECIPE, table(seed=1), run_dir=tmp_path / "data", audit=False)
    with pytest.raises(UsageError, match="judged on different data"):
        compare(runs[0], elsewhere)
    size = {"task": {"kind": "regression", "target": "x"},
            "columns": {"x": "number", "y": "number"}}  # fmt: skip
    with pytest.raises(UsageError, match=r"both does classification of label, size does regressio"):
        compare(runs[0], trained(tmp_path, "size", changes=size))
    closed = sonde.fit(RECIPE, table(), run_dir=tmp_path / "closed", judge=False, audit=False)
    with pytest.raises(StorageError, match="its test part was not opened"):
        compare(runs[0], closed)


KFOLD = {"split": {"kind": "kfold", "num_folds": 3, "valid": 0.2}}


def test_cross_validations_are_compared_over_rows_and_over_folds(tmp_path: Path) -> None:
    seen = sonde.cross_validate(
        RECIPE | KFOLD, table(), refit=False, audit=False, run_dir=tmp_path / "seen"
    )
    blind = sonde.cross_validate(
        RECIPE | KFOLD | BLIND, table(), refit=False, audit=False, run_dir=tmp_path / "blind"
    )
    contest = compare(seen, tmp_path / "blind")
    (found,) = contest.by("auc")
    assert contest.rows == ROWS and found.is_shown
    assert found.over_folds is not None and found.over_folds < 0.05
    assert contest.scores["blind"]["auc"].value == pytest.approx(float(blind.scores["auc"]))


def test_rivals_are_pooled_over_folds_with_paired_intervals(tmp_path: Path) -> None:
    runs = sonde.cross_validate(
        RECIPE | KFOLD | BLIND, table(), refit=False, audit=False, run_dir=tmp_path / "cv"
    )
    assert list(runs.verdict.baselines) == list(runs.folds[0].bundle.task.baselines())
    assert repr(runs) == f"Runs('{runs.path}', {len(runs.folds)} folds: {runs.verdict.sentence})"
    for rival, gains in runs.verdict.gains.items():
        assert gains["auc"].rows == ROWS
        expected = float(runs.scores["auc"]) - float(runs.verdict.baselines[rival]["auc"])
        assert gains["auc"].value == pytest.approx(expected)
    assert "rows" in runs.verdict.sentence
    page = runs.report.read_text(encoding="utf-8")
    assert "Fold by fold" in page and "over gradient boosting" in page and "folds won" in page


GROUPED = {"split": {"kind": "group", "by": "patient", "valid": 0.2, "test": 0.4}}


def test_a_split_by_group_makes_scores_uncertain_by_group(tmp_path: Path) -> None:
    run = trained(tmp_path, "grouped", changes=GROUPED)
    judged = read_answers(run.directory).judged
    assert judged.groups is not None
    patients = table()["patient"].to_numpy()[judged.rows]
    assert len(np.unique(judged.groups)) == len(np.unique(patients))
    for group in np.unique(judged.groups):
        assert len(np.unique(patients[judged.groups == group])) == 1


def test_rows_without_a_group_stand_alone_and_groups_have_one_number_everywhere() -> None:
    rows = np.array([4, 7, 9, 12])
    numbers = group_numbers(pa.array(["a", None, "a", None]), rows)
    assert numbers[0] == numbers[2] and len(set(numbers)) == 3
    again = group_numbers(pa.array(["b", "a"]), rows[:2])
    assert again[1] == numbers[0]


def test_answers_come_back_as_they_were_written(tmp_path: Path) -> None:
    from sonde.contracts.task import Judged

    judged = Judged({"index": np.array([1, 0])}, {"index": np.array([1, 1])}, np.array([3, 8]))
    rivals = {"gradient boosting": {"index": np.array([0, 0])}}
    directory = RunDirectory(tmp_path)
    write_answers(directory, Answers(judged, rivals))
    found = read_answers(directory)
    assert found.judged.groups is None and list(found.rivals) == ["gradient boosting"]
    assert found.of("gradient boosting").predicted["index"].tolist() == [0, 0]
    assert found.judged.truth["index"].tolist() == [1, 1]


def test_the_report_tells_where_a_model_errs(tmp_path: Path) -> None:
    """The label follows x, but for one shop that turns it round and the model does not see."""
    rng = np.random.default_rng(0)
    x, shop = rng.normal(size=1200), np.array(["north", "south"])[rng.integers(0, 2, 1200)]
    turned = (shop == "south") & (rng.random(1200) < 0.7)
    label = np.where((x > 0) ^ turned, "yes", "no")
    data = pa.table({"x": x, "shop": shop, "label": label})
    run = sonde.fit(RECIPE | BLIND, data, run_dir=tmp_path / "run", audit=False)
    page = run.report.read_text(encoding="utf-8")
    assert "Where it errs" in page
    assert "shop is &#x27;south&#x27;" in page or "shop is not &#x27;north&#x27;" in page
    calm = sonde.fit(RECIPE, table(), run_dir=tmp_path / "calm", audit=False)
    assert "No weak segment is shown." in calm.report.read_text(encoding="utf-8")
