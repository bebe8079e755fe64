"""The tests' side of processes: starting them, and reading what they printed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from _kill import Plan

KILLED = -signal.SIGKILL
_DRIVER = Path(__file__).with_name("_driver.py")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Ended:
    """A process that has ended.

    Attributes:
        code: its exit code, negative for the signal that ended it.
        steps: step -> what it left behind.
        calls: step -> calls until then, 0 -> 0, and the last key, after the last step, all calls.
        operations: operations on files, where it came to its end.
    """

    code: int
    steps: dict[int, dict[str, Any]]
    calls: dict[int, int]
    operations: list[str]
    error: str


class Child:
    """A process that runs."""

    def __init__(self, nursery: Nursery, pid: int, streams: tuple[int, int], error: BinaryIO):
        self.pid = pid
        self._nursery = nursery
        self._input = os.fdopen(streams[0], "w", buffering=1)
        self._output = os.fdopen(streams[1])
        self._error = error
        self._lines: list[str] = []

    def until_it_holds(self) -> None:
        """Wait until it stands at the place it was to hold at."""
        for line in self._output:
            if line == "holding\n":
                return
            self._lines.append(line)
        ended = self.wait()
        raise AssertionError(f"ended instead, with {ended.code}: {ended.error}")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def tell(self, word: str) -> None:
        """Let a holding one go on."""
        self._input.write(word + "\n")

    def end(self) -> None:
        """Kill it, where nobody has seen it end."""
        if not self._output.closed:
            self.send(signal.SIGKILL)
            self.wait()

    def wait(self) -> Ended:
        """What it was, once it has ended."""
        with self._input, self._output, self._error:
            self._lines += self._output
            code = self._nursery.wait(self.pid)
            self._error.seek(0)
            error = self._error.read().decode()
        said = [json.loads(line) for line in self._lines if line.startswith("{")]
        steps = {line.pop("step"): line for line in said if "step" in line}
        calls = {0: 0} | {step: line.pop("calls") for step, line in steps.items()}
        last: dict[str, Any] = next((line for line in said if "operations" in line), {})
        if last:
            calls[max(calls) + 1] = last["calls"]
        return Ended(code, steps, calls, last.get("operations", []), error)


class Nursery:
    """The process that runs are started from."""

    def __init__(self) -> None:
        self._link, theirs = socket.socketpair()  # one message is under way at a time
        number = theirs.fileno()
        self._process = subprocess.Popen(
            [sys.executable, _DRIVER, str(number)],
            pass_fds=[number],
            env=os.environ | ONE_THREAD,
        )
        theirs.close()

    def start(self, recipe: str, folder: Path, plan: Plan) -> Child:
        """`sonde.fit` of a recipe in a run's folder."""
        order = {"recipe": recipe, "folder": str(folder)}
        return self._start(order | {"cache": str(folder.parent / "cache"), "plan": asdict(plan)})

    def command(self, arguments: Sequence[str], cache: Path, plan: Plan) -> Child:
        """The command line; `cache` is its `SONDE_CACHE`."""
        order = {"command": list(arguments), "cache": str(cache), "plan": asdict(plan)}
        return self._start(order)

    def run(self, recipe: str, folder: Path, plan: Plan | None = None) -> Ended:
        """`start`, until it has ended."""
        return self.start(recipe, folder, plan or Plan()).wait()

    def wait(self, pid: int) -> int:
        """The exit code of a child."""
        self._link.send(json.dumps({"wait": pid}).encode())
        return int(self._link.recv(1 << 10))

    def close(self) -> None:
        """No more children."""
        self._link.close()
        self._process.wait()

    def _start(self, order: dict[str, Any]) -> Child:
        their_input, our_input = os.pipe()
        our_output, their_output = os.pipe()
        error = tempfile.TemporaryFile()  # noqa: SIM115 - the child's `wait` closes it
        theirs = [their_input, their_output, error.fileno()]
        socket.send_fds(self._link, [json.dumps(order).encode()], theirs)
        os.close(their_input)
        os.close(their_output)
        return Child(self, int(self._link.recv(1 << 10)), (our_input, our_output), error)


def command_line(arguments: Sequence[str], cache: Path) -> subprocess.CompletedProcess[str]:
    """`sonde ...` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "sonde.app.cli", *arguments],
        env=os.environ | ONE_THREAD | {"SONDE_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
