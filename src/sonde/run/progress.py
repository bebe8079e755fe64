"""Progress on stderr: how far, how good, how much time is left. Quiet when nobody is looking."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Reporter(Protocol):
    """What the loop tells about itself."""

    def start(self, phase: str, total: int | None, done: int) -> None:
        """A phase begins, or goes on after `done` of `total` steps."""

    def step(self, done: int, epoch: str, loss: float | None) -> None:
        """Steps were done; called a few times a second."""

    def scores(self, line: str) -> None:
        """An evaluation has ended."""

    def tell(self, line: str) -> None:
        """What is good to know, for those who are looking."""

    def say(self, message: str) -> None:
        """Something happened that must not pass in silence."""

    def end(self) -> None:
        """The phase is over."""


class Quiet:
    """Says nothing but what must not pass in silence."""

    def start(self, phase: str, total: int | None, done: int) -> None:
        """Nothing."""

    def step(self, done: int, epoch: str, loss: float | None) -> None:
        """Nothing."""

    def scores(self, line: str) -> None:
        """Nothing."""

    def tell(self, line: str) -> None:
        """Nothing."""

    def say(self, message: str) -> None:
        """To stderr, since it must not pass in silence."""
        print(message, file=sys.stderr)

    def end(self) -> None:
        """Nothing."""


class Terminal:
    """A bar with the time left."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._scores = ""

    def start(self, phase: str, total: int | None, done: int) -> None:
        """Show the bar."""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task(phase, total=total, completed=done, facts="")
        self._bar.start()

    def step(self, done: int, epoch: str, loss: float | None) -> None:
        """Move the bar."""
        if self._bar is not None:
            facts = "" if loss is None else f"loss {loss:.4g}  "
            self._bar.update(
                self._task, completed=done, description=epoch, facts=facts + self._scores
            )

    def scores(self, line: str) -> None:
        """Keep the newest scores beside the bar."""
        self._scores = line

    def tell(self, line: str) -> None:
        """A line above the bar."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def say(self, message: str) -> None:
        """A line above the bar."""
        self.tell(message)

    def end(self) -> None:
        """Take the bar away, and leave its last line."""
        if self._bar is not None:
            self._bar.stop()
            last = self._bar.tasks[self._task]
            seconds = int(last.elapsed or 0)
            took = f"{seconds // 60}:{seconds % 60:02d}"
            self.tell(f"{last.description}   {last.fields['facts']}   {took}")
        self._bar = None


def reporter(*, quiet: bool = False) -> Reporter:
    """A bar where stderr is a terminal, silence elsewhere."""
    console = Console(stderr=True)
    return Terminal(console) if console.is_terminal and not quiet else Quiet()


class Pulse:
    """True a few times a second: bars need no more, and steps are not slowed."""

    def __init__(self, seconds: float = 0.25) -> None:
        self._seconds, self._last = seconds, 0.0

    def due(self) -> bool:
        """Whether it is time again."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True
