"""The benchmark of preparation: one table, two ways that do the same work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench import prepare
from bench._mixed import write_mixed
from bench._prepared_by import by_pandas, by_sonde


def test_the_table_is_a_function_of_its_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_mixed(tmp_path / name, 500, seed)
    texts = [(tmp_path / name).read_bytes() for name in "abc"]
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0].splitlines()) == 501


def test_both_ways_prepare_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONDE_CACHE", str(tmp_path / "cache"))
    write_mixed(tmp_path / "t.csv", 4000)
    ours: Any = by_sonde(str(tmp_path / "t.csv"), tmp_path)()
    theirs: Any = by_pandas(str(tmp_path / "t.csv"), tmp_path)()
    sizes = [len(ours.parts.part(part)) for part in ("train", "valid", "test")]
    assert sizes == [len(part) for part in theirs] == [2800, 600, 600]
    age = ours.data.store["age"]
    assert float(age.values[ours.parts.train].mean()) == pytest.approx(0, abs=0.02)
    assert float(theirs[0][:, 0].mean()) == pytest.approx(0, abs=1e-6)
    assert len(ours.data.store) == 10
    assert ours.bad_rows == 0


def test_the_command_prints_times_memory_and_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare.main(["--rows", "1000", "--rounds", "1", "--no-training"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("1,000 rows, 10 columns")
    assert "GB at most" in printed
    assert "median ratio, by the clock" in printed
