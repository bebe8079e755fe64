"""`sonde init`: write a recipe to edit."""

from __future__ import annotations

import sys
from pathlib import Path

from sonde.app.checks import there
from sonde.app.output import emit
from sonde.core.errors import UsageError


def init(
    path: str,
    /,
    *,
    target: str | None = None,
    task: str | None = None,
    output: str | None = None,
    json: bool = False,
) -> None:
    """Write the recipe that `sonde train PATH --target ...` would use, with nothing left to guess.

    Parameters
    ----------
    path
        A table (CSV, TSV, also gzip), Parquet, Arrow or JSON lines, one file or several by a
        pattern such as 'sales/*.csv'; arrays (.npz); or a folder, zip or tar.gz of pictures.
    target
        The column to predict.
    task
        What is to be done with it, where that does not follow from the column: verify, tag, ...
    output
        Where to write; by default the terminal.
    json
        Print one JSON object instead of YAML.
    """
    there(path)
    if output is not None and Path(output).exists():
        raise UsageError(f"{output} exists already. Name another file, or remove it first.")
    from sonde.app.begin import begin
    from sonde.core.text import to_yaml
    from sonde.workflow.fit import open_source
    from sonde.workflow.prepare import resolve

    recipe = begin(path, target, task=task)
    resolved, _ = resolve(recipe, open_source(recipe, None))
    plain = resolved.dump()
    if json:
        emit(plain)
    elif output is None:
        print(to_yaml(plain), end="")
    if output is not None:
        Path(output).write_text(to_yaml(plain), encoding="utf-8")
        print(f"recipe     {output}\n           sonde train {output}", file=sys.stderr)
