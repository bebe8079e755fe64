"""Notices of a run: what a score says after every epoch and of every rival is said once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import sonde
from sonde.run.directory import RunDirectory
from sonde.run.journal import read_journal

RECIPE: dict[str, Any] = {
    "split": {"kind": "time", "by": "x", "valid": 0.2, "test": 0.2},
    "columns": {"x": "number", "y": "number"},
    "task": {"kind": "regression", "target": "y"},
    "model": "linear",
    "paradigm": {"kind": "supervised", "budget": {"epochs": 3}, "batch_size": 8},
}


def test_a_score_speaks_once_of_every_part(tmp_path: Path) -> None:
    """The last rows, for validation and test, hold zeros that MAPE leaves out."""
    x = np.arange(100.0)
    y = np.where(x % 5 == 0, 3.0, 0.5)  # of mean 1 and deviation 1, so that 0 is decoded as 0
    y[[71, 86, 91]] = 0.0
    run = sonde.fit(RECIPE, pa.table({"x": x, "y": y}), run_dir=tmp_path / "run")
    journal = read_journal(RunDirectory(run.path).journal_path)
    said = [line["message"] for line in journal if line["event"] == "notice"]
    left_out = sorted(message[:29] for message in said if message.startswith("mape"))
    assert left_out == ["mape leaves out 1 of 20 rows:", "mape leaves out 2 of 20 rows:"]
