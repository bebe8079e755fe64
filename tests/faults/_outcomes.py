"""What a run ended with, and whether that is what an undisturbed one ended with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _children import Ended, Nursery
from _kill import Plan
from _recipes import RUNS

from sonde.run.archive import read_archive
from sonde.run.bundle import Bundle
from sonde.run.checkpoint import Checkpoint, Checkpoints
from sonde.run.directory import RunDirectory
from sonde.run.golden import to_jsonable_answers
from sonde.run.journal import last_of_each_step, read_journal


@dataclass(frozen=True)
class Outcome:
    """All that two runs must have in common to be the same.

    Attributes:
        weights: SHA-256 of the weights in the model file.
        scores: what the run wrote down of the test part, but for how often it was opened.
        answers: SHA-256 of what the model answers to every row.
        journal: every step with its loss, every evaluation with its scores, once each.
    """

    weights: str
    scores: dict[str, Any]
    answers: str
    journal: list[dict[str, Any]] = field(repr=False)


def outcome(folder: Path, rows: Any) -> Outcome:
    """What a finished run ended with."""
    run = RunDirectory(folder)
    assert run.finished
    weights = read_archive(run.model).members["weights.safetensors"]
    scores = json.loads(run.scores.read_text(encoding="utf-8"))
    del scores["opened"]
    answers = json.dumps(to_jsonable_answers(Bundle.load(run.model).predict(rows)))
    steps, epochs = (last_of_each_step(run.journal_path, event) for event in ("step", "epoch"))
    journal = [{k: v for k, v in line.items() if k != "time"} for line in [*steps, *epochs]]
    return Outcome(_sha(weights), scores, _sha(answers.encode()), journal)


def _sha(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Straight:
    """A run that nothing disturbed, and what others are compared with."""

    recipe: str
    folder: Path
    process: Ended
    outcome: Outcome

    @classmethod
    def of(cls, nursery: Nursery, recipe: str, home: Path) -> Straight:
        """Run it."""
        process = nursery.run(recipe, home / "run", Plan(counted=True))
        assert process.code == 0, process.error
        return cls(recipe, home / "run", process, outcome(home / "run", RUNS[recipe].rows()))

    @property
    def steps(self) -> int:
        """How many it took."""
        return max(self.process.steps)

    @property
    def best(self) -> int:
        """The step whose weights early stopping kept."""
        return int(events(self.folder, "kept")[-1]["step"])

    @property
    def steps_per_epoch(self) -> int:
        """Steps until the first evaluation."""
        return int(events(self.folder, "epoch")[0]["step"])

    def check_steps(self, process: Ended) -> None:
        """Every step that a process took left behind what it left here."""
        for step, seen in process.steps.items():
            assert seen == self.process.steps[step], f"step {step} differs"

    def check(self, folder: Path) -> None:
        """Another run ended with the same, in the same files: nothing half written is left."""
        assert outcome(folder, RUNS[self.recipe].rows()) == self.outcome
        assert names(folder) == names(self.folder)


def names(folder: Path) -> set[str]:
    """Every file and folder below."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def events(folder: Path, event: str) -> list[dict[str, Any]]:
    """The journal's lines of one kind."""
    return [line for line in read_journal(folder / "journal.jsonl") if line["event"] == event]


def check_checkpoints(folder: Path) -> Checkpoint:
    """The checkpoint a run is taken up from, which can be read."""
    found, _ = Checkpoints(folder / "checkpoints").valid()
    assert found[0].load()["weights"]
    return found[0]
