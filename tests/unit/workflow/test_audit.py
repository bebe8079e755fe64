"""The audit of a run: told, written down, shown, and without influence on what is learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import sonde
from sonde.core.text import from_json
from sonde.run.journal import read_journal
from sonde.workflow.audit import read_audit

ROWS = 300


def visits() -> pa.Table:
    """A hundred patients with three visits each."""
    rng = np.random.default_rng(0)
    value = rng.normal(size=ROWS)
    label = np.where(value + rng.normal(size=ROWS) > 0, "yes", "no")
    return pa.table({"value": value, "patient": rng.permutation(ROWS) % 100, "label": label})


def trained(home: Path, *, audit: bool = True, **recipe: Any) -> sonde.Run:
    asked = {
        "columns": {"value": "number", "label": "category"},
        "task": {"kind": "classification", "target": "label"},
        "model": "linear",
        "paradigm": {"kind": "supervised", "budget": {"epochs": 1}},
        **recipe,
    }
    return sonde.fit(asked, visits(), run_dir=home, audit=audit)


def test_what_was_found_is_told_written_down_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(tmp_path / "run")
    (concern,) = read_audit(run.directory) or []
    assert concern.kind == "groups"
    assert f"audit: {concern.sentence}" in capsys.readouterr().err
    told = [line for line in read_journal(run.directory.journal_path)
            if line.get("concern") == "groups"]  # fmt: skip
    assert len(told) == 1
    page = run.report.read_text(encoding="utf-8")
    assert "Audit: groups" in page
    assert "pair 1" in page
    assert from_json((run.path / "audit.json").read_text())[0]["severity"] == "leak"


def test_an_audit_changes_nothing_and_can_be_left_out(tmp_path: Path) -> None:
    looked, unlooked = trained(tmp_path / "a"), trained(tmp_path / "b", audit=False)
    assert not (unlooked.path / "audit.json").exists()
    assert read_audit(unlooked.directory) is None
    assert looked.directory.model.read_bytes() == unlooked.directory.model.read_bytes()


def test_a_split_by_group_has_nothing_to_be_told(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", split={"kind": "group", "by": "patient"})
    assert read_audit(run.directory) == []


def test_of_a_cross_validation_the_first_fold_is_looked_at(tmp_path: Path) -> None:
    runs = sonde.cross_validate(
        {
            "columns": {"value": "number", "label": "category"},
            "task": {"kind": "classification", "target": "label"},
            "model": "linear",
            "split": {"kind": "kfold", "num_folds": 2},
            "paradigm": {"kind": "supervised", "budget": {"epochs": 1}},
        },
        visits(),
        refit=False,
        run_dir=tmp_path / "folds",
    )
    assert [read_audit(run.directory) is not None for run in runs.folds] == [True, False]
