"""How long preparing a large table takes, beside pandas with scikit-learn, and how much memory.

    python -m bench.prepare                       5 million rows, 3 rounds
    python -m bench.prepare --rows 200000         less of them
    python -m bench.prepare --keep table.csv      keeps the table for the next time

Each round prepares the same file once each way, in a process of its own with an empty cache; at
last a run trains for one epoch. Memory is the unique set size, summed over a process and its
children, sampled twenty times a second. `_prepared_by` says what each way does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench._mixed import write_mixed

_PAUSE = 0.05
"""Seconds between two looks at memory."""


@dataclass(frozen=True)
class Took:
    """What one process took.

    Attributes:
        seconds: by the clock, without imports.
        core_seconds: of all cores together.
        peak: bytes of memory that were its own.
    """

    seconds: float
    core_seconds: float
    peak: int

    def __str__(self) -> str:
        return (
            f"{self.seconds:7.2f} s ({self.core_seconds:.2f} s of cores), "
            f"{self.peak / 1e9:.2f} GB at most"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.prepare", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, metavar="FILE")
    parser.add_argument("--no-training", action="store_true")
    asked = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        table = asked.keep or Path(folder) / "mixed.csv"
        if not table.exists():
            write_mixed(table, asked.rows)
        print(f"{asked.rows:,} rows, 10 columns, {table.stat().st_size / 1e6:.0f} MB")
        rounds = [_round(table) for _ in range(asked.rounds)]
        for name, of in (("the clock", "seconds"), ("cores", "core_seconds")):
            ratios = [getattr(theirs, of) / getattr(ours, of) for ours, theirs in rounds]
            print(f"  median ratio, by {name}: {statistics.median(ratios):.1f}")
        if not asked.no_training:
            print(f"  train   {measured('train', table)}")
    return 0


def measured(way: str, table: Path) -> Took:
    """One preparation in a process of its own, with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench._prepared_by", way, str(table), folder]
        env = {**os.environ, "SONDE_CACHE": str(Path(folder) / "cache")}
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as child:
            peak = 0
            while child.poll() is None:
                peak = max(peak, own_memory(child.pid))
                time.sleep(_PAUSE)
            assert child.stdout is not None
            said = child.stdout.read().strip().splitlines()
    if child.returncode:
        raise SystemExit(f"{way} ended with exit code {child.returncode}")
    return Took(**json.loads(said[-1]), peak=peak)


def own_memory(pid: int) -> int:
    """Bytes that only this process and its children hold; 0 where it has just ended."""
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
        return sum(int(process.memory_full_info().uss) for process in family)
    except psutil.Error:
        return 0


def _round(table: Path) -> tuple[Took, Took]:
    """What each way takes, one after the other, printed."""
    ours, theirs = measured("sonde", table), measured("pandas", table)
    print(f"  sonde   {ours}")
    print(f"  pandas  {theirs}   {theirs.seconds / ours.seconds:.1f} times as long", flush=True)
    return ours, theirs


if __name__ == "__main__":
    raise SystemExit(main())
