"""One training in a process of its own, so that its peak of memory is its own.

Called by `bench.results`: the result is one JSON object in the file that is named.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench._machine import machine
from bench._rows import ROWS, Row
from sonde.contracts.recipe import Recipe
from sonde.run.journal import read_journal
from sonde.workflow.cross_validate import cross_validate
from sonde.workflow.fit import as_recipe, fit


def measure(row: Row, seed: int, run_dir: Path) -> dict[str, Any]:
    """Train, judge, and say what it came to, as the fields of a ledger entry.

    Args:
        row: what to train.
        seed: of everything but the split, which keeps its own.
        run_dir: gone on with where an earlier attempt lies there.
    """
    started, resumed = time.monotonic(), run_dir.exists()
    recipe = as_recipe(row.recipe).model_copy(update={"seed": seed})
    if row.how == "fit":
        score = fit(recipe, run_dir=run_dir).scores[row.score]
    else:
        score = cross_validate(recipe, refit=False, run_dir=run_dir).scores[row.score]
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "score": score.value,
        "low": score.low,
        "high": score.high,
        "rows": score.rows,
        "training_seconds": _training_seconds(run_dir),
        "seconds": seconds,
        "peak_bytes": peak * (1 if sys.platform == "darwin" else 1024),
        "resumed": resumed,
        "closed_form": _closed_form(recipe) if row.tolerance is not None else None,
        "machine": machine(),
    }


def _training_seconds(run_dir: Path) -> float:
    """Steps and validation of every fold and phase, over all attempts."""
    journals = (read_journal(path) for path in run_dir.rglob("journal.jsonl"))
    lines = itertools.chain.from_iterable(journals)
    ends: list[float] = [line["seconds"] for line in lines if line["event"] == "phase"]
    return sum(ends)


def _closed_form(recipe: Recipe) -> float:
    from bench._closed_form import closed_form_rmse

    with tempfile.TemporaryDirectory() as folder:
        return closed_form_rmse(recipe, Path(folder))


def main() -> None:
    """Measure the row that is named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("row", choices=[row.name for row in ROWS])
    parser.add_argument("seed", type=int)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("result", type=Path)
    asked = parser.parse_args()
    row = next(row for row in ROWS if row.name == asked.row)
    asked.result.write_text(json.dumps(measure(row, asked.seed, asked.run_dir)), encoding="utf-8")


if __name__ == "__main__":
    main()
