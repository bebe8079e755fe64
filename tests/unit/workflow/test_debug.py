"""Checks before a run find what was planted, and are content where nothing was."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import torch
from torch import nn

import sonde
from sonde.app.commands.train import train
from sonde.core.text import from_json, to_yaml
from sonde.workflow import _checks, _trial
from sonde.workflow._labels import wrong_labels
from sonde.workflow._trial import trial
from sonde.workflow.debug import Diagnosis

ROWS = 300


def rows(seed: int = 0) -> dict[str, np.ndarray]:
    """Two classes that x and y tell apart, with a few rows in between."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, ROWS))
    label = np.where(x + y + rng.normal(scale=0.2, size=ROWS) > 0, "yes", "no")
    return {"x": x, "y": y, "label": label}


def recipe(rate: float = 0.01, **paradigm: Any) -> dict[str, Any]:
    return {
        "columns": {"x": "number", "y": "number"},
        "task": {"kind": "classification", "target": "label"},
        "model": {"kind": "dense", "hidden": [16]},
        "paradigm": {"kind": "supervised", "batch_size": 32,
                     "optimizer": {"kind": "adam", "learning_rate": rate}, **paradigm},
    }  # fmt: skip


def finding(found: Diagnosis, name: str) -> Any:
    return next(each for each in found.findings if each.name == name)


def test_a_sound_recipe_passes() -> None:
    told: list[Any] = []
    found = sonde.debug(recipe(), rows(), on_finding=told.append)
    assert told == found.findings
    assert [f.name for f in found.findings if not f.ok] in ([], ["labels"]), str(found)
    assert finding(found, "first loss").said.endswith("0.693")
    assert found.dump()["findings"][0]["name"] == "inputs"


@pytest.mark.parametrize(("first", "ok"), [(0.05, True), (0.9, True), (1.1, False)])
def test_a_first_loss_below_that_of_zeros_is_no_fault(
    first: float, ok: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([first, 0.69])
    monkeypatch.setattr(_checks, "_loss", lambda *_: next(losses))
    attempt = SimpleNamespace(
        batches=lambda: iter([{}]), network=None, task=SimpleNamespace(outputs={})
    )
    found = _checks.first_loss(SimpleNamespace(attempt=lambda **_: attempt))  # type: ignore[arg-type]
    assert found.ok is ok


def test_a_learning_rate_of_ten_is_found() -> None:
    found = sonde.debug(recipe(rate=10.0), rows())
    assert not finding(found, "steps").ok or not finding(found, "16 rows").ok
    assert "learning rate" in str(found) or "rate" in str(found)
    assert not found.is_well


def test_fewer_rows_are_tried_for_longer_before_anything_is_said() -> None:
    """One recipe learns slowly; another would not learn a single row in any time."""
    with trial(recipe(rate=3e-3), rows()) as made:
        slow = _checks.one_batch(made, 40)
    assert slow.ok and slow.said.count("the best there is") == 2
    assert "; 4 rows: loss from" in slow.said and "in 160 steps" in slow.said
    with trial(recipe(rate=1e-6), rows()) as made:
        assert not _checks.one_batch(made, 40).ok


def test_dead_units_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Huge negative biases: no unit is ever above zero."""
    build = _trial.RunContext.build

    def dead(self: Any, *given: Any) -> nn.Module:
        network = build(self, *given)
        with torch.no_grad():
            next(p for n, p in network.named_parameters() if n.endswith("bias")).fill_(-1000.0)
        return network

    monkeypatch.setattr(_trial.RunContext, "build", dead)
    found = sonde.debug(recipe(), rows(), steps=40)
    assert not finding(found, "dead units").ok and "100%" in finding(found, "dead units").said
    assert not finding(found, "answers").ok


def test_shuffled_labels_teach_nothing() -> None:
    data = rows()
    data["label"] = np.random.default_rng(1).permutation(data["label"])
    found = sonde.debug(recipe(rate=1e-3), data, steps=60)
    assert not found.is_well
    assert not finding(found, "answers").ok or not finding(found, "labels").ok


def test_planted_wrong_labels_are_listed() -> None:
    data = rows()
    far = np.flatnonzero(np.abs(data["x"] + data["y"]) > 1.5)[:8]
    data["label"][far] = np.where(data["label"][far] == "yes", "no", "yes")
    found = sonde.debug(recipe() | {"split": {"kind": "random", "valid": 0, "test": 0}}, data)
    assert not finding(found, "labels").ok
    assert len(set(found.rows) & set(far.tolist())) >= 7, found.rows
    first = next(iter(found.rows.values()))
    assert "looks like" in first


def test_an_input_far_out_is_named() -> None:
    data = rows()
    data["x"][3] = 1e6
    whole = {"paradigm": {"kind": "supervised", "batch_size": ROWS},
             "split": {"kind": "random", "valid": 0, "test": 0}}  # fmt: skip
    found = sonde.debug(recipe() | whole, data, steps=20)
    assert not finding(found, "inputs").ok and finding(found, "inputs").said.startswith("x:")


@pytest.mark.parametrize("task", ["squared", "poisson", "quantile"])
def test_other_objectives_are_judged_by_what_is_possible(task: str) -> None:
    """A Poisson loss does not fall to zero: the best there is, is the measure."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=ROWS)
    data = {"x": x, "noise": rng.normal(size=ROWS), "sold": rng.poisson(np.exp(1 + 0.7 * x))}
    asked = {"kind": "regression", "target": "sold", "objective": task}
    plain = recipe() | {"columns": {"x": "number", "noise": "number"}, "task": asked}
    found = sonde.debug(plain, data)
    assert finding(found, "answers").ok and finding(found, "16 rows").ok, str(found)


def test_the_surest_mistakes_come_first() -> None:
    probability = np.array([[0.9, 0.1], [0.2, 0.8], [0.05, 0.95], [0.1, 0.9], [0.45, 0.55]])
    label = np.array([0, 1, 0, 1, 0])
    assert wrong_labels(probability, label).tolist() == [2]


def test_a_learning_rate_is_found_that_learns() -> None:
    found = sonde.find_learning_rate(recipe(), rows())
    assert 1e-4 < found.suggestion < 1.0
    assert (np.diff(found.rates) > 0).all() and len(found.rates) == len(found.losses)
    assert f"{found.suggestion:.2g}" in str(found).splitlines()[-1]
    run_recipe = recipe(rate=found.suggestion, budget={"epochs": 10})
    with _trial.trial(run_recipe, rows()) as made:
        losses = list(made.attempt().train(60))
    assert np.mean(losses[-10:]) < 0.4


@pytest.fixture
def recipe_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    pyarrow.csv.write_csv(pa.table(rows()), "rows.csv")
    Path("recipe.yaml").write_text(
        to_yaml(recipe() | {"source": {"kind": "table", "path": "rows.csv"}})
    )
    return "recipe.yaml"


def test_the_commands_do_not_train(recipe_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    train(recipe_file, debug=True, json=True)
    plain = from_json(capsys.readouterr().out)
    assert {each["name"] for each in plain["findings"]} >= {"inputs", "first loss", "steps"}
    train(recipe_file, find_learning_rate=True)
    shown = capsys.readouterr().out
    assert "suggested learning rate" in shown and "picture: learning-rate.svg" in shown
    picture = ElementTree.fromstring(Path("learning-rate.svg").read_text())
    assert picture.tag.endswith("svg") and len(picture) > 3
    assert not Path("runs").exists()
