"""A run's folder: found again by what it computes, locked by one process."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sonde.core.errors import RunLocked, StorageError, UsageError
from sonde.run.directory import RunDirectory, choose, claim

ONE, OTHER = {"recipe": "a", "data": "b"}, {"recipe": "a", "data": "c"}


def test_the_same_recipe_and_data_go_on_where_they_stand(tmp_path: Path) -> None:
    first = choose(tmp_path, "table", ONE)
    assert choose(tmp_path, "table", ONE).path == first.path == tmp_path / "table-1"
    assert choose(tmp_path, "table", OTHER).path == tmp_path / "table-2"


def test_a_finished_run_is_left_alone(tmp_path: Path) -> None:
    choose(tmp_path, "table", ONE).note(status="finished")
    assert choose(tmp_path, "table", ONE).path.name == "table-2"


def test_the_newest_unfinished_one_is_taken_by_number_not_by_letter(tmp_path: Path) -> None:
    for number in (2, 9, 10):
        (tmp_path / f"table-{number}").mkdir()
        RunDirectory(tmp_path / f"table-{number}").note(**ONE)
    assert choose(tmp_path, "table", ONE).path.name == "table-10"
    assert choose(tmp_path, "table", OTHER).path.name == "table-11"


@pytest.mark.parametrize("name", ["a b/c", "../up", "", "...", "ünï"])
def test_any_title_makes_a_folder_inside(name: str, tmp_path: Path) -> None:
    made = choose(tmp_path / "runs", name, ONE)
    assert made.path.parent == tmp_path / "runs"
    assert made.path.is_dir()


def test_two_at_once_never_take_the_same_number(tmp_path: Path) -> None:
    identities = [{"recipe": str(number)} for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        paths = list(pool.map(lambda i: choose(tmp_path, "table", i).path, identities))
    assert len(set(paths)) == 12


def test_a_named_folder_is_new_or_the_same_run(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "run"
    assert claim(home, ONE).facts == ONE | {"status": "started"}
    assert claim(home, ONE).path == home
    with pytest.raises(UsageError, match="another run: not the same data"):
        claim(home, OTHER)


def test_a_folder_given_back_is_anyones(tmp_path: Path) -> None:
    """What the run that failed left goes, what the user put there stays."""
    home = claim(tmp_path / "run", ONE)
    home.columns.write_text("of the run that failed")
    with home.locked():
        home.give_back()
    (home.path / "notes.txt").touch()
    again = claim(home.path, OTHER)
    assert again.facts == OTHER | {"status": "started"}
    assert {path.name for path in home.path.iterdir()} == {"run.json", "lock", "notes.txt"}


def test_what_has_learned_is_not_given_back(tmp_path: Path) -> None:
    home = claim(tmp_path / "run", ONE)
    (home.checkpoints / "step-1").mkdir(parents=True)
    home.give_back()
    assert claim(home.path, ONE).facts["status"] == "started"
    with pytest.raises(UsageError, match="another run"):
        claim(home.path, OTHER)


def test_a_folder_given_back_is_not_taken_from_a_process_at_work(tmp_path: Path) -> None:
    home = claim(tmp_path / "run", ONE)
    home.give_back()
    with home.locked(), pytest.raises(RunLocked):
        claim(home.path, OTHER)
    assert home.given_back


def test_a_number_given_back_is_taken_next_but_not_instead_of_an_unfinished_run(
    tmp_path: Path,
) -> None:
    choose(tmp_path, "table", ONE)
    choose(tmp_path, "table", OTHER).give_back()
    assert choose(tmp_path, "table", ONE).path.name == "table-1"
    assert choose(tmp_path, "table", {"recipe": "c"}).path.name == "table-2"


def test_a_file_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").touch()
    with pytest.raises(UsageError, match=r"rows\.csv is a file"):
        claim(tmp_path / "rows.csv", ONE)


def test_a_folder_of_other_files_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").touch()
    with pytest.raises(UsageError, match="holds another run"):
        claim(tmp_path / "photos", ONE)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.png"]


def test_facts_that_cannot_be_read_are_not_taken_for_none(tmp_path: Path) -> None:
    home = claim(tmp_path / "run", ONE)
    (home.path / "run.json").write_text('{"recipe": "a"')
    with pytest.raises(StorageError, match=r"run\.json: cannot be read"):
        _ = home.facts


def test_one_process_at_a_time(tmp_path: Path) -> None:
    home = claim(tmp_path / "run", ONE)
    again = RunDirectory(home.path)
    with home.locked(), pytest.raises(RunLocked, match=f"process {os.getpid()}"), again.locked():
        pass
    with again.locked():
        assert (home.path / "lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_of_a_dead_process_is_no_lock(tmp_path: Path) -> None:
    home = claim(tmp_path / "run", ONE)
    code = (
        "import os, sys; from pathlib import Path; from sonde.run.directory import RunDirectory\n"
        "held = RunDirectory(Path(sys.argv[1])).locked(); held.__enter__(); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(home.path)], check=False)
    assert done.returncode == 9
    with home.locked():
        assert (home.path / "lock").read_text() == f"{os.getpid()}\n"
