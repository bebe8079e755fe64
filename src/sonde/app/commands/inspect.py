"""`sonde inspect`: look at data before anything is decided."""

from __future__ import annotations

from sonde.app.checks import there
from sonde.app.output import emit


def inspect(path: str, /, *, target: str | None = None, json: bool = False) -> None:
    """Show columns, the kinds they would get and why, what is missing, what is left out.

    Parameters
    ----------
    path
        A table (CSV, TSV, also gzip), Parquet, Arrow or JSON lines, one file or several by a
        pattern such as 'sales/*.csv'; arrays (.npz); a folder, zip or tar.gz of pictures or of
        texts by label, or of translations; plain text, SQuAD's JSON, CoNLL's labelled words.
    target
        The column to predict: columns that give it away are then pointed out.
    json
        Print one JSON object instead.
    """
    from sonde.data.audit.audit import audit_unsplit
    from sonde.data.guess import guess_source
    from sonde.data.inspect import inspect_source
    from sonde.data.show import as_json, render

    source = guess_source(there(path))
    inspection = inspect_source(source)
    if target:
        inspection = inspection.beside({target: ""})
    concerns = audit_unsplit(source, inspection, target)
    task = source.plan(target).get("task")
    if json:
        audit = [one.dump() for one in concerns]
        emit(as_json(inspection, target) | {"task": task, "audit": audit})
    else:
        head = f"{path}   {inspection.rows:,} rows, {source.describe()}"
        told = [line for one in concerns for line in (str(one), *(f"  {e}" for e in one.examples))]
        print("\n".join([render(inspection, head, target, task), *told]))
