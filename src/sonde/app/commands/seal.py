"""`sonde seal`: make a run's model file anew."""

from __future__ import annotations

from pathlib import Path

from sonde.app.checks import there
from sonde.app.output import emit, megabytes


def seal(run: str, /, *, output: str | None = None, json: bool = False) -> None:
    """Seal the model of a trained run again, from its last checkpoint.

    Parameters
    ----------
    run
        The run's folder.
    output
        Where to write; by default `model.sonde` in the run's folder.
    json
        Print one JSON object on stdout.
    """
    there(run)
    from sonde.workflow.seal import seal_run

    path = seal_run(Path(run), Path(output) if output else None)
    if json:
        emit({"model": str(path), "bytes": path.stat().st_size})
    else:
        print(f"model      {path}   ({megabytes(path)}, verified)")
