"""What commands print: people's words on a terminal, one JSON object with `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.core.errors import SondeError
from sonde.core.text import finite

if TYPE_CHECKING:
    from sonde.workflow.cross_validate import Runs

_MOST_SPREADS = 3
"""Scores whose spread over folds the terminal shows; a report has them all."""

STDIN = "/dev/stdin"
"""What `-` stands for among arguments: option parsers take a bare `-` for the name of an option."""


def emit(data: Any) -> None:
    """The one JSON object of `--json`, on stdout."""
    print(json.dumps(finite(data), ensure_ascii=False, allow_nan=False, default=str))


def noticed(message: str, important: bool, facts: dict[str, Any]) -> None:  # noqa: ARG001
    """What is found where no run listens, on stderr."""
    if important:
        print(message, file=sys.stderr)


def complain(error: SondeError, as_json: bool) -> int:
    """An error on stderr, and with `--json` also as the object on stdout; its exit code."""
    print(f"error: {error}", file=sys.stderr)
    if as_json:
        kind = type(error).__name__
        emit({"error": str(error), "kind": kind, "exit_code": error.exit_code})
    return error.exit_code


def megabytes(path: Path) -> str:
    """A file's size for people."""
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def aligned(rows: Sequence[Sequence[str]], *, gap: int = 3) -> str:
    """Cells in columns as wide as they need to be."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = (
        (" " * gap).join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def score_table(title: str, columns: Mapping[str, Mapping[str, Any]], most: int = 8) -> str:
    """Scores by metric, a column for the model and one for each rival.

    Args:
        title: top left.
        columns: heading -> metric -> `Score`.
        most: metrics shown; a report has them all.
    """
    from sonde.evaluate.scores import number, shown

    first, *rest = columns.values()
    rows = [[title, *columns]]
    for name in list(first)[:most]:
        others = [number(float(rival[name])) if name in rival else "-" for rival in rest]
        rows.append([f"  {name}", shown(first[name]), *others])
    return aligned(rows)


def gain_table(gains: Mapping[str, Mapping[str, Any]], metrics: Sequence[str]) -> str:
    """By how much the model is better than each rival, with paired intervals."""
    from sonde.evaluate.scores import signed

    def cell(gain: Any) -> str:
        if gain is None or gain.low is None or gain.high is None:
            return "-" if gain is None else signed(gain.value)
        return f"{signed(gain.value)} [{signed(gain.low)}, {signed(gain.high)}]"

    rows = [["gain", *(f"over {rival}" for rival in gains)]]
    for name in metrics:
        rows.append([f"  {name}", *(cell(found.get(name)) for found in gains.values())])
    return aligned(rows)


def folds_shown(runs: Runs) -> str:
    """A cross-validation for people: scores, spread over the folds, rivals, the plain sentence."""
    from sonde.evaluate.scores import number

    verdict, names = runs.verdict, list(runs.scores)
    title = f"{len(runs.folds)} folds, {verdict.rows:,} rows"
    lines = ["", score_table(title, {"sonde": verdict.scores, **verdict.baselines}, len(names))]
    if verdict.gains:
        lines += ["", gain_table(verdict.gains, names)]
    spread = [["over the folds", "mean", "from", "to"]]
    for name in names[:_MOST_SPREADS]:
        spread.append([f"  {name}", *(number(value) for value in runs.spread(name))])
    lines += ["", aligned(spread), "", *filter(None, [verdict.sentence])]
    lines.append(f"report     {runs.report}")
    if runs.bundle is not None:
        model = runs.path / "all" / "model.sonde"
        lines.append(f"model      {model}   (trained on the rows of all folds)")
    return "\n".join(lines)


def folds_summary(runs: Runs) -> dict[str, Any]:
    """A cross-validation as plain data."""
    plain = runs.verdict.dump()
    model = runs.path / "all" / "model.sonde"
    return {
        "runs": str(runs.path),
        "model": str(model) if runs.bundle is not None else None,
        "report": str(runs.report),
        "scores": plain["scores"],
        "spread": {name: runs.spread(name) for name in runs.scores},
        "verdict": plain,
    }
