"""What commands print: people's words on a terminal, one JSON object with `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sonde.core.errors import SondeError
from sonde.core.text import finite

STDIN = "/dev/stdin"
"""What `-` stands for among arguments: option parsers take a bare `-` for the name of an option."""


def emit(data: Any) -> None:
    """The one JSON object of `--json`, on stdout."""
    print(json.dumps(finite(data), ensure_ascii=False, allow_nan=False, default=str))


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
