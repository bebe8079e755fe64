"""`sonde evaluate`: what a model scores, on the run's test part or on rows of your own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sonde.app.checks import there
from sonde.app.output import emit, score_table
from sonde.core.errors import counted


def evaluate(model: str, data: str | None = None, /, *, json: bool = False) -> None:
    """Score a sealed model on labelled rows, or show what a run's test part said.

    Parameters
    ----------
    model
        A `model.sonde`, or a run's folder; the test part of a run that left it closed is opened.
    data
        Labelled rows the model has not seen; without it, the scores sealed into the model.
    json
        Print one JSON object on stdout.
    """
    path = Path(there(model))
    file = path / "model.sonde" if path.is_dir() else path
    if path.is_dir() and data is None and not (path / "scores.json").exists():
        from sonde.workflow.seal import seal_run

        seal_run(path, judge=True)
    from sonde.run.bundle import Bundle

    bundle = Bundle.load(there(str(file)))
    if data is None:
        scores, rows, title = bundle.scores, None, "sealed test scores"
    else:
        from sonde.data.guess import guess_source
        from sonde.workflow.judge import judge_rows

        source = guess_source(there(data))
        if source.fingerprint() == bundle.facts.get("data"):
            print(f"note: {data} is what the model was trained on", file=sys.stderr)
        judged, scores = judge_rows(bundle, source)
        rows, title = len(judged.rows), f"{data}, {counted(len(judged.rows), 'row')}"
    if json:
        plain: dict[str, Any] = {name: vars(score) for name, score in scores.items()}
        emit({"model": str(file), "data": data, "rows": rows, "scores": plain})
    else:
        print(score_table(title, {"sonde": scores}, most=len(scores)))
