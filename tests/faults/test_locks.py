"""One process at a time works on a run, and the lock of a dead one is no lock."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _children import KILLED, Child, Nursery, command_line
from _kill import Plan
from _outcomes import Straight, names
from _recipes import table_file

from sonde.core.errors import RunLocked


@pytest.fixture
def holder(nursery: Nursery, tmp_path: Path) -> Iterator[Child]:
    """A process that stands in the middle of a run."""
    child = nursery.start(
        str(table_file(tmp_path)), tmp_path / "run", Plan(after_step=17, calls=1, hold=True)
    )
    child.until_it_holds()
    yield child
    child.end()


def test_f18_a_second_process_is_refused_and_changes_nothing(
    holder: Child, nursery: Nursery, tmp_path: Path
) -> None:
    before = names(tmp_path / "run")
    second = nursery.run(str(tmp_path / "recipe.yaml"), tmp_path / "run")
    assert second.code == RunLocked.exit_code
    assert f"process {holder.pid}" in second.error
    assert not second.steps
    assert names(tmp_path / "run") == before


def test_f18_so_is_a_second_command(holder: Child, tmp_path: Path) -> None:
    arguments = ["train", str(tmp_path / "recipe.yaml"), "--run-dir", str(tmp_path / "run")]
    second = command_line(arguments, tmp_path / "cache")
    assert second.returncode == RunLocked.exit_code
    assert f"process {holder.pid}" in second.stderr


def test_f18_a_third_takes_over_from_a_killed_one(
    holder: Child, nursery: Nursery, straight: Callable[[str], Straight], tmp_path: Path
) -> None:
    holder.send(signal.SIGKILL)
    assert holder.wait().code == KILLED
    third = nursery.run(str(tmp_path / "recipe.yaml"), tmp_path / "run")
    assert third.code == 0, third.error
    straight("table").check_steps(third)
    straight("table").check(tmp_path / "run")
