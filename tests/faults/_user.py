"""What a user meets: a command, its exit code, what it says, and the memory it took."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from _children import ONE_THREAD

from sonde.app import cli

_CHILD = """
import sys
from sonde.app import cli
code = cli.run(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(f"\\npeak {peak.split()[1]}", file=sys.stderr)
sys.exit(code)
"""

_LONGEST = 300
"""Seconds after which a command that hangs is ended, so that its test fails."""


@dataclass(frozen=True)
class Said:
    """What a command ended with.

    Attributes:
        peak: the most memory it held, in bytes; 0 where it was not alone.
    """

    code: int
    out: str
    err: str
    peak: int


def sonde(*words: str | Path, home: Path) -> Said:
    """`sonde ...` in a folder, in this process: quick, for what cannot hang or eat memory."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(home), redirect_stdout(out), redirect_stderr(err):
        code = cli.run([str(word) for word in words])
    return Said(code, out.getvalue(), err.getvalue(), 0)


def sonde_alone(*words: str | Path, home: Path) -> Said:
    """`sonde ...` in a folder, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *map(str, words)],
        cwd=home,
        env=os.environ | ONE_THREAD,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
    )
    err, _, peak = done.stderr.rpartition("\npeak ")
    return Said(done.returncode, done.stdout, err, int(peak) * 1024 if peak else 0)


def refused(said: Said, code: int, *parts: str) -> None:
    """The command ended with this code and one message that holds all of these parts."""
    assert said.code == code, said
    assert said.err.count("error: ") == 1, said.err
    assert "Traceback" not in said.err
    for part in parts:
        assert part in said.err, said.err
