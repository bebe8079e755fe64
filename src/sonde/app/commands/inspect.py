"""`sonde inspect`: look at data before anything is decided."""

from __future__ import annotations

from sonde.app.checks import there
from sonde.app.output import emit


def inspect(path: str, /, *, json: bool = False) -> None:
    """Show columns, the kinds they would get and why, what is missing, what is left out.

    Parameters
    ----------
    path
        A table (CSV, TSV, gzip) or a folder of pictures.
    json
        Print one JSON object instead.
    """
    from sonde.data.inspect import as_json, inspect_source, render
    from sonde.data.memory import guess_source

    source = guess_source(there(path))
    inspection = inspect_source(source)
    if json:
        emit(as_json(inspection))
    else:
        print(render(inspection, f"{path}   {inspection.rows:,} rows, {source.describe()}"))
