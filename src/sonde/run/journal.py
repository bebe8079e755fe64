"""The journal: a line of JSON for every step, epoch and event of a run, only ever added to.

A run that was killed has written steps that it does again after the resume; readers take the last
line of each step. A half line at the end, left by a kill, is passed over.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, SupportsFloat

from sonde.core.text import to_json

_AT_ONCE = 1.0
"""Seconds after which buffered step lines are written."""


class Journal:
    """Appends lines; step lines are buffered, everything else is written at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: list[dict[str, Any]] = []
        self._written = time.monotonic()
        if _cut_short(path):
            self._append("\n")

    def step(self, step: int, phase: str, values: Mapping[str, SupportsFloat]) -> None:
        """A training step and what its learner logged; read from the device when written."""
        self._held.append({"event": "step", "step": step, "phase": phase, "values": values})
        if time.monotonic() - self._written > _AT_ONCE:
            self.flush()

    def event(self, event: str, **facts: Any) -> None:
        """Anything else, with the time of day."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._held.append({"event": event, "time": stamp, **facts})
        self.flush()

    def flush(self) -> None:
        """Hand what is held to the operating system."""
        if self._held:
            self._append("".join(map(_line, self._held)))
        self._held.clear()
        self._written = time.monotonic()

    def _append(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)


def _cut_short(path: Path) -> bool:
    """Whether the file's last line has no end."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) != b"\n"


def _line(facts: dict[str, Any]) -> str:
    values = facts.pop("values", {})
    facts |= {name: float(value) for name, value in values.items()}
    finite = {k: str(v) if isinstance(v, float) and v - v != 0 else v for k, v in facts.items()}
    return to_json(finite) + "\n"


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line, in the order written."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue  # the line a kill cut short


def last_of_each_step(path: Path, event: str) -> list[dict[str, Any]]:
    """Lines of one event, one per (phase, step): steps done again after a resume count once."""
    found: dict[tuple[Any, Any], dict[str, Any]] = {}
    for line in read_journal(path):
        if line.get("event") == event:
            found[line.get("phase"), line.get("step")] = line
    return list(found.values())
