"""Train every recipe that has a number to reach; what was finished before is not done again.

    python -m bench.results                                 every row, seeds 0, 1, 2
    python -m bench.results --only mnist-cnn --seeds 0      one training
    python -m bench.results --seeds                         only write the page anew

Each finished training is added to `docs/results.jsonl`, from which `docs/results.md` is made. A
training that was cut is gone on with. The data sets lie in the folder that SONDE_DATA names.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench._ledger import Entry, Key, Ledger, code_hash, present_key, recipe_key
from bench._page import page
from bench._row import ROOT, SEEDS, Row, example
from bench.rows import ROWS

DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "sonde"
RUNS = ROOT / "runs" / "results"


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; the number of trainings that failed."""
    asked = _asked(argv)
    ledger = Ledger(DOCS / "results.jsonl")
    failed = 0
    for seed in asked.seeds:  # every row once, before any row a second time
        for row in asked.rows:
            failed += not _done(row, seed, ledger)
            write_page(ledger)
    write_page(ledger)
    return failed


def write_page(ledger: Ledger) -> None:
    """`docs/results.md` from what is in the ledger now."""
    present = {row.name: present_key(row, ledger, PACKAGE) for row in ROWS}
    (DOCS / "results.md").write_text(page(ledger, present, ROWS), encoding="utf-8")


def _asked(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.results", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = [row.name for row in ROWS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="ROW")
    parser.add_argument("--seeds", nargs="*", type=int, default=list(SEEDS))
    asked = parser.parse_args(argv)
    asked.rows = [row for row in ROWS if row.name in asked.only]
    return asked


def _done(row: Row, seed: int, ledger: Ledger) -> bool:
    """Whether the training is in the ledger, after it was run where need be."""
    key = present_key(row, ledger, PACKAGE)
    if ledger.has(key, seed):
        print(f"{row.name}, seed {seed}: done before")
        return True
    print(f"{row.name}, seed {seed}: training", flush=True)
    entry = _trained(row, seed)
    if entry is None:
        print(f"{row.name}, seed {seed}: failed", flush=True)
        return False
    ledger.append(entry)
    print(f"{row.name}, seed {seed}: {row.unit.show(row.unit.of(entry.score))}", flush=True)
    return True


def _trained(row: Row, seed: int) -> Entry | None:
    """The entry of a training in a process of its own, or None where that failed."""
    RUNS.mkdir(parents=True, exist_ok=True)
    for made, script in row.makes.items():
        if not (ROOT / made).exists():
            subprocess.run([sys.executable, f"examples/{script}"], cwd=ROOT, check=True)
    whole = recipe_key(row, code_hash(PACKAGE))  # a run is gone on with by equal code alone
    run = _run(whole, seed)
    result = run.with_suffix(".json")
    job = {
        "recipe": str(row.recipe),
        "needs": {
            named: [str(example(name)), str(_run(whole._replace(row=name), seed))]
            for named, name in row.needs.items()
        },
        "how": row.how,
        "score": row.score,
        "told": list(row.told),
        "also": list(row.also),
        "beside": _beside(row, seed, whole.code) if row.told else {},
        "closed_form": row.tolerance is not None,
        "seed": seed,
        "run_dir": str(run),
        "result": str(result),
    }
    command = [sys.executable, "-m", "bench._train", json.dumps(job)]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        return None
    finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    measured = json.loads(result.read_text(encoding="utf-8"))
    key = whole._replace(code=code_hash(PACKAGE, measured["modules"]))
    return Entry(**key._asdict(), seed=seed, finished=finished, **measured)


def _run(key: Key, seed: int) -> Path:
    """The folder of a training."""
    return RUNS / f"{key.row}-{seed}-{key.recipe}-{key.code}"


def _beside(row: Row, seed: int, code: str) -> dict[str, str]:
    """The run of the row that this one stands beside, by name, where it has been trained."""
    found = {}
    for other in ROWS:
        if other.name in (row.beside, row.rival):
            run = _run(recipe_key(other, code), seed)
            if run.exists():
                found[other.name] = str(run)
            else:
                print(f"{row.name}, seed {seed}: {other.name} is not trained by this code")
    return found


if __name__ == "__main__":
    sys.exit(main())
