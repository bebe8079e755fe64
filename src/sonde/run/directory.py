"""A run's folder: found again, locked, never shared.

The same recipe on the same data goes on in the newest unfinished folder; otherwise the next number
is taken. A run that ends before it has learned anything gives its folder back, so that the
corrected recipe takes its place.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import Any

from sonde.core.errors import RunLocked, StorageError, UsageError
from sonde.core.text import from_json, to_json
from sonde.run.files import is_draft, replace, sweep
from sonde.run.journal import Journal

_STARTED, _GIVEN_BACK = "started", "given back"
_RATES = "learning-rate"


class RunDirectory:
    """The paths of one run, and its lock while this process works on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.yaml"
        self.columns = path / "columns.json"
        self.column_arrays = path / "columns.safetensors"
        self.split = path / "split.parquet"
        self.quarantine = path / "quarantine.jsonl"
        self.audit = path / "audit.json"
        self.checkpoints = path / "checkpoints"
        self.pictures = path / "pictures"
        self.scores = path / "scores.json"
        self.judged = path / "judged.safetensors"
        self.report = path / "report.html"
        self.model = path / "model.sonde"
        self._facts = path / "run.json"

    @property
    def journal(self) -> Journal:
        """The journal, to write to."""
        return Journal(self.journal_path)

    @property
    def journal_path(self) -> Path:
        """Where the journal lies."""
        return self.path / "journal.jsonl"

    @property
    def rates(self) -> Path:
        """Where the picture of a search for a learning rate goes: a name that none has yet."""
        first = self.path / f"{_RATES}.svg"
        others = (self.path / f"{_RATES}-{number}.svg" for number in count(2))
        return next(place for place in chain([first], others) if not place.exists())

    @property
    def facts(self) -> dict[str, Any]:
        """What identifies the run: recipe and data hashes, threads, versions, status."""
        if not self._facts.exists():
            return {}
        try:
            facts = from_json(self._facts.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StorageError(f"{self._facts}: cannot be read: {error}") from None
        assert isinstance(facts, dict)
        return facts

    def note(self, **facts: Any) -> None:
        """Add to the facts."""
        replace(self._facts, to_json(self.facts | facts, indent=1))

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return self.facts.get("status") == "finished"

    @property
    def given_back(self) -> bool:
        """Whether a run ended here before it had learned anything."""
        return self.facts.get("status") == _GIVEN_BACK

    def give_back(self) -> None:
        """Leave the folder to the next run, unless something was learned; call it locked.

        What lies there, such as the rows that cannot be read, stays until that run begins.
        """
        if self.facts.get("status") == _STARTED and not any(self._learned()):
            with suppress(StorageError):  # a full disk is what the run failed of, and says so
                self.note(status=_GIVEN_BACK)

    def begin(self, identity: dict[str, Any]) -> None:
        """Make the folder a new run's own; what a run that was given back left there goes.

        Raises:
            RunLocked: another process works in it.
        """
        self.path.mkdir(exist_ok=True)
        if self.given_back:
            with self.locked():
                for left in (self.recipe, self.columns, self.column_arrays, self.split,
                             self.quarantine, self.audit, self.journal_path):  # fmt: skip
                    left.unlink(missing_ok=True)
        replace(self._facts, to_json(identity | {"status": _STARTED}, indent=1))

    def _learned(self) -> Iterator[Path]:
        """Checkpoints and what comes after them."""
        if self.checkpoints.is_dir():
            yield from (place for place in self.checkpoints.iterdir() if not is_draft(place))
        yield from (place for place in (self.scores, self.model) if place.exists())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else works on this run meanwhile; the lock of a dead process is no lock.

        Raises:
            RunLocked: another process has it.
        """
        place = self.path / "lock"
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise RunLocked(
                f"{self.path} is being worked on by process {holder}. Wait for it, or stop it; "
                "a run has one process at a time."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        try:
            sweep(self.path)
            yield
        finally:
            os.close(descriptor)


def choose(root: Path, name: str, identity: dict[str, Any]) -> RunDirectory:
    """The newest unfinished run with this identity, else a new one under the next number."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "run"
    root.mkdir(parents=True, exist_ok=True)
    with _choosing(root):
        numbers = sorted(_numbers(root, safe), reverse=True)
        known = [RunDirectory(root / f"{safe}-{number}") for number in numbers]
        for found in known:
            if not found.finished and _goes_on(found, identity):
                return found
        if known and _is_free(known[0]):
            made = known[0]
        else:
            made = RunDirectory(root / f"{safe}-{numbers[0] + 1 if numbers else 1}")
        made.begin(identity)
    return made


def claim(path: Path, identity: dict[str, Any]) -> RunDirectory:
    """The run at a path the caller named: new, or with this identity.

    Raises:
        UsageError: another run lies there, or a file.
        RunLocked: a process still works on the run that is given back there.
    """
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file, expected a run's folder or a name for a new one.")
    path.parent.mkdir(parents=True, exist_ok=True)
    found = RunDirectory(path)
    with _choosing(path.parent):
        if _goes_on(found, identity):
            return found
        if _is_free(found):
            found.begin(identity)
            return found
    differs = [key for key, value in identity.items() if found.facts.get(key) != value]
    raise UsageError(
        f"{path} holds another run: not the same {' and '.join(differs)}. "
        "Name another folder, or leave the name out to get the next number."
    )


def _is_free(found: RunDirectory) -> bool:
    """Whether no run is there, or one that was given back.

    What a killed process left half written is no run, nor are pictures of learning rates.
    """
    if found.given_back or not found.path.exists():
        return True
    return all(is_draft(place) or place.match(f"{_RATES}*.svg") for place in found.path.iterdir())


def _goes_on(found: RunDirectory, identity: dict[str, Any]) -> bool:
    return not found.given_back and _same(found.facts, identity)


def _same(facts: dict[str, Any], identity: dict[str, Any]) -> bool:
    return all(facts.get(key) == value for key, value in identity.items())


def _numbers(root: Path, name: str) -> Iterator[int]:
    for path in root.glob(f"{name}-*"):
        digits = path.name.removeprefix(f"{name}-")
        if digits.isdecimal() and path.is_dir():
            yield int(digits)


@contextmanager
def _choosing(root: Path) -> Iterator[None]:
    """One process at a time chooses a folder, so that two cannot take the same number."""
    descriptor = os.open(root / ".choosing", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
