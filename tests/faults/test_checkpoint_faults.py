"""Checkpoints that were cut short or damaged are never trusted, and never lead nowhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from _children import KILLED, Nursery
from _kill import Plan
from _outcomes import Straight, check_checkpoints, events
from _recipes import SAVED_EVERY

from sonde.core.errors import DataError
from sonde.run.checkpoint import Checkpoints, Position

MOST_OPERATIONS = 180
"""More than a run has; what is beyond its last one is skipped."""


def killed_at(operation: int, nursery: Nursery, undisturbed: Straight, folder: Path) -> None:
    """A run that is killed at an operation on files has what it saved before, and goes on."""
    before = undisturbed.process.operations[: operation - 1]
    killed = nursery.run("pictures", folder, Plan(operation=operation))
    assert killed.code == KILLED, f"it was not reached: {killed.error}"
    if saves := before.count("checkpoint replace"):
        assert check_checkpoints(folder).position.step == saves * SAVED_EVERY
    again = nursery.run("pictures", folder)
    assert again.code == 0, again.error
    undisturbed.check_steps(again)
    undisturbed.check(folder)


@pytest.mark.parametrize("kind", ["write", "fsync", "replace", "unlink"])
def test_f2_a_kill_while_a_checkpoint_is_written(
    kind: str, nursery: Nursery, straight: Callable[[str], Straight], tmp_path: Path
) -> None:
    """At the middle one of each kind of operation."""
    operations = straight("pictures").process.operations
    places = [n for n, name in enumerate(operations, 1) if name == f"checkpoint {kind}"]
    killed_at(places[len(places) // 2], nursery, straight("pictures"), tmp_path / "run")


@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
def test_f2_a_kill_while_the_run_notes_something(
    place: int, nursery: Nursery, straight: Callable[[str], Straight], tmp_path: Path
) -> None:
    """When nothing else is in its folder yet, and when all is done but to say so."""
    operations = straight("pictures").process.operations
    places = [n for n, name in enumerate(operations, 1) if name == "run write"]
    killed_at(places[place], nursery, straight("pictures"), tmp_path / "run")


@pytest.mark.reliability
@pytest.mark.parametrize("operation", range(1, MOST_OPERATIONS))
def test_f2_a_kill_at_every_operation_on_files(
    operation: int, nursery: Nursery, straight: Callable[[str], Straight], tmp_path: Path
) -> None:
    count = len(straight("pictures").process.operations)
    assert count < MOST_OPERATIONS
    if operation > count:
        pytest.skip(f"a run has {count} operations")
    killed_at(operation, nursery, straight("pictures"), tmp_path / "run")


@pytest.fixture(scope="module")
def cut(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was killed with two checkpoints."""
    folder = tmp_path_factory.mktemp("cut") / "run"
    killed = nursery.run("pictures", folder, Plan(after_step=2 * SAVED_EVERY + 2, calls=1))
    assert killed.code == KILLED
    return folder


@pytest.fixture
def folder(cut: Path, tmp_path: Path) -> Path:
    """A copy of it, to be harmed."""
    return shutil.copytree(cut, tmp_path / "run")


def truncate(checkpoint: Path) -> None:
    file = checkpoint / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def flip_a_bit(checkpoint: Path) -> None:
    file = checkpoint / "optimizer.safetensors"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def take_the_manifest(checkpoint: Path) -> None:
    (checkpoint / "MANIFEST.json").unlink()


def empty(checkpoint: Path) -> None:
    for file in checkpoint.iterdir():
        file.unlink()


DAMAGES = [truncate, flip_a_bit, take_the_manifest, empty]


@pytest.mark.parametrize("damage", DAMAGES)
def test_f11_a_damaged_checkpoint_is_named_and_passed_over(
    damage: Callable[[Path], None],
    folder: Path,
    nursery: Nursery,
    straight: Callable[[str], Straight],
) -> None:
    newest = sorted((folder / "checkpoints").iterdir())[-1]
    damage(newest)
    process = nursery.run("pictures", folder)
    assert process.code == 0, process.error
    assert newest.name in process.error
    assert any(newest.name in line["message"] for line in events(folder, "notice"))
    assert min(process.steps) == SAVED_EVERY + 1, "the older one was not used"
    straight("pictures").check_steps(process)
    straight("pictures").check(folder)


def test_f12_with_no_whole_checkpoint_it_stops_and_deletes_nothing(
    folder: Path, nursery: Nursery
) -> None:
    places = sorted((folder / "checkpoints").iterdir())
    for place, damage in zip(places, (truncate, flip_a_bit), strict=True):
        damage(place)
    before = contents(folder / "checkpoints")
    process = nursery.run("pictures", folder)
    assert process.code == DataError.exit_code
    assert all(place.name in process.error for place in places)
    assert not process.steps
    assert contents(folder / "checkpoints") == before


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_damaged_checkpoints_do_not_push_out_what_is_saved_after_them(tmp_path: Path) -> None:
    """Two damaged ones of later steps lie there when the run saves itself again."""
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=2)

    def save(step: int, *, finished: bool = False) -> None:
        position = Position(int(not finished), "phase", step, step, finished)
        checkpoints.save(position, {"weights": {"weight": torch.ones(3)}})

    save(7, finished=True)
    for step in (14, 21):
        save(step)
        truncate(tmp_path / "checkpoints" / f"step-{step:08d}")
    save(10)
    found, _ = checkpoints.valid()
    assert [point.position.step for point in found] == [10, 7]
