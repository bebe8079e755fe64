"""A place in a run, chosen beforehand, at which the process ends itself as `kill -9` would end it.

Nothing is timed. A place is so many calls after a step, or an operation on files.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

OPERATIONS = ("mkdir", "write", "fsync", "replace", "rename", "unlink", "rmdir")
"""What `os` has that our writers use to change the disk."""


@dataclass(frozen=True)
class Plan:
    """Where to end: at the first of these that comes; without any, the run goes to its end.

    Attributes:
        after_step: calls count once the run has done so many steps.
        calls: the number of calls until then, of Python's functions and built-in ones.
        function: the only function whose calls count, such as `Checkpoints.save`.
        operation: the number of operations on files until then, from the start of the process. A
            write is cut in the middle, any other operation is not begun.
        hold: do not end there, but wait for a line on standard input.
        counted: tell, with every step, how many calls came before it.
    """

    after_step: int = 0
    calls: int | None = None
    function: str | None = None
    operation: int | None = None
    hold: bool = False
    counted: bool = False

    def act(self) -> None:
        """End, or hold."""
        if not self.hold:
            os.kill(os.getpid(), signal.SIGKILL)
        sys.setprofile(None)
        hold()


def hold() -> None:
    """Say so, and wait; told to do it `again`, say and wait again."""
    print("holding", flush=True)
    while sys.stdin.readline() == "again\n":
        print("holding", flush=True)


class Calls:
    """Counts the calls of this thread and acts where the plan says."""

    def __init__(self, plan: Plan) -> None:
        self.count = 0
        self._plan = plan

    def begin(self) -> None:
        """From here on calls count."""
        sys.setprofile(self._see)

    def _see(self, frame: FrameType, event: str, argument: Any) -> None:
        if not self._counts(frame, event):
            return
        self.count += 1
        if self.count == self._plan.calls:
            self._plan.act()

    def _counts(self, frame: FrameType, event: str) -> bool:
        if self._plan.function is None:
            return event in ("call", "c_call")
        return event == "call" and frame.f_code.co_qualname == self._plan.function


def watch_operations(plan: Plan) -> list[str]:
    """Count operations on files from now on; the list of those that were begun grows."""
    begun: list[str] = []
    for name in OPERATIONS:
        setattr(os, name, _counted(name, getattr(os, name), plan, begun))
    return begun


def _counted(
    name: str, real: Callable[..., Any], plan: Plan, begun: list[str]
) -> Callable[..., Any]:
    def operation(*arguments: Any, **options: Any) -> Any:
        begun.append(f"{'checkpoint' if _saving() else 'run'} {name}")
        if len(begun) == plan.operation:
            if name == "write":
                descriptor, data = arguments
                real(descriptor, data[: len(data) // 2])
            plan.act()
        return real(*arguments, **options)

    return operation


def _saving() -> bool:
    """Whether a checkpoint is being written."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code.co_qualname == "Checkpoints.save":
            return True
        frame = frame.f_back
    return False


def saved_steps(folder: Path) -> tuple[int, bool]:
    """The newest checkpoint's step, 0 where there is none, and whether training ended with it."""
    names = sorted(path.name for path in (folder / "checkpoints").glob("step-*"))
    return (int(names[-1][5:13]), names[-1].endswith("-end")) if names else (0, False)
