"""What training remembers beside its weights is the same after a kill, value by value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from _children import KILLED, Ended, Nursery
from _kill import Plan
from _outcomes import Straight, check_checkpoints, events
from _recipes import SAVED_EVERY


def resumed(nursery: Nursery, folder: Path, step: int) -> Ended:
    """The process that went on with a run that was killed after a step."""
    killed = nursery.run("table", folder, Plan(after_step=step, calls=1))
    assert killed.code == KILLED and max(killed.steps) == step
    saved = check_checkpoints(folder).position.step
    assert saved == (step - 1) // SAVED_EVERY * SAVED_EVERY  # killed before this step's own save
    process = nursery.run("table", folder)
    assert process.code == 0, process.error
    assert min(process.steps) == saved + 1, "it began anew"
    return process


@pytest.mark.parametrize("worse", [1, 2])
def test_f34_patience_and_best_score(
    worse: int, nursery: Nursery, straight: Callable[[str], Straight], tmp_path: Path
) -> None:
    """Killed after one or two of three worse evaluations, it stops at the same step."""
    undisturbed = straight("table")
    best, last, epoch = undisturbed.best, undisturbed.steps, undisturbed.steps_per_epoch
    assert last == best + 3 * epoch, "the recipe does not stop early"
    process = resumed(nursery, tmp_path / "run", best + worse * epoch + epoch // 2)
    assert max(process.steps) == last
    assert [line["step"] for line in events(tmp_path / "run", "kept")] == [best]
    undisturbed.check(tmp_path / "run")


def test_f35_schedule_and_averaged_weights(
    nursery: Nursery, straight: Callable[[str], Straight], tmp_path: Path
) -> None:
    undisturbed = straight("table")
    process = resumed(nursery, tmp_path / "run", 33)
    for name in ("rate", "average"):
        found = {step: seen[name] for step, seen in process.steps.items()}
        expected = {step: undisturbed.process.steps[step][name] for step in found}
        assert found == expected
        assert len(set(expected.values())) == len(expected), f"the {name} stands still"
    undisturbed.check(tmp_path / "run")
