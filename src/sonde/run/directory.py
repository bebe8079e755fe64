"""A run's folder: found again, locked, never shared.

The same recipe on the same data goes on in the newest unfinished folder; otherwise the next number
is taken.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sonde.core.errors import RunLocked, StorageError, UsageError
from sonde.core.text import from_json, to_json
from sonde.run.files import is_draft, replace, sweep
from sonde.run.journal import Journal


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
        for number in numbers:
            found = RunDirectory(root / f"{safe}-{number}")
            if not found.finished and _same(found.facts, identity):
                return found
            if _is_blank(found.path):
                return _new(found.path, identity)
        return _new(root / f"{safe}-{numbers[0] + 1 if numbers else 1}", identity)


def claim(path: Path, identity: dict[str, Any]) -> RunDirectory:
    """The run at a path the caller named: new, or with this identity.

    Raises:
        UsageError: another run lies there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _choosing(path.parent):
        found = RunDirectory(path)
        if _is_blank(path):
            return _new(path, identity)
        if _same(found.facts, identity):
            return found
    differs = [key for key, value in identity.items() if found.facts.get(key) != value]
    raise UsageError(
        f"{path} holds another run: not the same {' and '.join(differs)}. "
        "Name another folder, or leave the name out to get the next number."
    )


def _new(path: Path, identity: dict[str, Any]) -> RunDirectory:
    path.mkdir(exist_ok=True)
    made = RunDirectory(path)
    made.note(**identity, status="started")
    return made


def _is_blank(path: Path) -> bool:
    """Whether nothing lies there but what a killed process left half written."""
    return not path.exists() or all(is_draft(entry) for entry in path.iterdir())


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
