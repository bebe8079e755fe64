"""The journal: every line that was written is read, a half one is passed over."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from sonde.run.journal import Journal, last_of_each_step, read_journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def steps(path: Path, *numbers: int, loss: float = 1.0) -> None:
    journal = Journal(path)
    for number in numbers:
        journal.step(number, "main", {"loss": torch.tensor(loss)})
    journal.flush()


def test_no_journal_has_no_lines(path: Path) -> None:
    assert list(read_journal(path)) == []


def test_steps_and_events_come_back_in_order(path: Path) -> None:
    journal = Journal(path)
    journal.step(1, "main", {"loss": torch.tensor(0.5)})
    journal.event("epoch", step=1, accuracy=0.25)
    first, second = read_journal(path)
    assert first == {"event": "step", "step": 1, "phase": "main", "loss": 0.5}
    assert second | {"time": ""} == {"event": "epoch", "time": "", "step": 1, "accuracy": 0.25}


def test_what_is_not_finite_is_spelled_out(path: Path) -> None:
    """Each line stays JSON."""
    for value in (math.nan, math.inf, -math.inf):
        steps(path, 1, loss=value)
    assert [line["loss"] for line in read_journal(path)] == ["nan", "inf", "-inf"]


@pytest.mark.parametrize("kept", range(1, 50, 7))
def test_a_line_that_a_kill_cut_short_is_passed_over(path: Path, kept: int) -> None:
    steps(path, 1, 2)
    whole = path.read_bytes()
    second = whole.index(b"\n") + 1
    path.write_bytes(whole[: second + kept])
    steps(path, 3, 4)
    assert [line["step"] for line in read_journal(path)] == [1, 3, 4]
    assert path.read_bytes().startswith(whole[: second + kept] + b"\n")


def test_a_character_that_a_kill_cut_in_two_is_passed_over(path: Path) -> None:
    line = json.dumps({"event": "nötice"}, ensure_ascii=False).encode()
    path.write_bytes(line[: line.index(b"\xc3") + 1])
    steps(path, 1)
    assert [line["step"] for line in read_journal(path)] == [1]


def test_a_step_done_again_after_a_resume_counts_once(path: Path) -> None:
    steps(path, 1, 2, 3, loss=1.0)
    steps(path, 3, 4, loss=2.0)
    Journal(path).step(3, "other", {})
    found = last_of_each_step(path, "step")
    assert [(line["step"], line["loss"]) for line in found] == [(1, 1), (2, 1), (3, 2), (4, 2)]
