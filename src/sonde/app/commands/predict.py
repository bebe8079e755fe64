"""`sonde predict`: answers to raw rows."""

from __future__ import annotations

import json as text
import sys
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.app.checks import there
from sonde.app.output import STDIN, emit
from sonde.core.errors import DataError, UsageError, listed
from sonde.core.notice import listening

if TYPE_CHECKING:
    import numpy as np

    from sonde.run.bundle import Bundle

_JSON = (".json", ".jsonl", ".ndjson")
_TABLES = (".csv", ".tsv", ".txt", ".data", ".gz", ".parquet", ".pq", ".arrow", ".arrows",
           ".feather", ".ipc")  # fmt: skip

_DRAWN = "drawn"
"""The field of an answer that holds what was found, drawn over the picture."""

_FEW = 8
"""Rows answered at once where answers are pictures as large as those that were given."""


def predict(
    model: str,
    /,
    *rows: str,
    output: str | None = None,
    json: bool = False,
    draw: bool = False,
    **options: str,
) -> None:
    """Answer raw rows, one JSON object a line.

    Parameters
    ----------
    model
        A `model.sonde`.
    rows
        `-` for JSON on stdin (an object, a list, or one object a line), a .json, .jsonl or table
        file, or one or more pictures.
    output
        Write the answers there instead of to stdout. Pictures among the answers, such as masks, are
        files in a folder of that name, by default `predicted`.
    json
        Print one JSON object with all answers.
    draw
        Also draw what was found over each picture, as `drawn` among the answers: boxes, outlines,
        lines, what was before beside what is after.
    options
        What the model's task lets you choose when it answers, such as `--count 4` of a task that
        draws. Most leave nothing: the levels of an interval (`quantiles: [0.05, 0.5, 0.95]`) and
        the threshold of a class are learned, and so they stand in the recipe's `task`.
    """
    there(model)
    for path in rows:
        if path != STDIN:
            there(path)
    from sonde.run.bundle import Bundle

    bundle = Bundle.load(model)
    chosen: dict[str, Any] = {name.replace("-", "_"): value for name, value in options.items()}
    notices: list[str] = []
    with listening(lambda message, *_: notices.append(message)):
        answers, written = _answers(bundle, _rows(bundle, rows), output, draw, chosen)
    for message in notices:
        print(f"note: {message}", file=sys.stderr)
    if written:
        print(written, file=sys.stderr)
    lines = "".join(text.dumps(a, ensure_ascii=False, default=str) + "\n" for a in answers)
    if output is not None and not Path(output).is_dir():
        Path(output).write_text(lines, encoding="utf-8")
        print(f"{len(answers):,} answers in {output}", file=sys.stderr)
    if json:
        emit({"model": model, "answers": answers, "notices": notices})
    elif output is None or Path(output).is_dir():
        sys.stdout.write(lines)


def _answers(
    bundle: Bundle, rows: Any, output: str | None, draw: bool, options: dict[str, Any]
) -> tuple[list[dict[str, Any]], str]:
    """The answers, pictures replaced by the names of their files, and what was written.

    Raises:
        UsageError: they are to be drawn, and the task draws nothing.
    """
    from sonde.app.pictures import Kept
    from sonde.run.bundle import BATCH

    grids = [port for port in bundle.task.outputs.values() if port.kind == "grid"]
    masks = any(port.size for port in grids)  # their values are classes: nothing to look at
    kept = Kept(output, len(rows or ()), together=_DRAWN if draw or masks else None)
    answers: list[dict[str, Any]] = []
    size = _FEW if draw or grids else BATCH
    for chunk, part in bundle.predicting(rows, batch_size=size, **options):
        drawn = _drawings(bundle, part, chunk) if draw else repeat(None)
        for answer, picture in zip(part, drawn, strict=False):
            answers += kept.add([answer if picture is None else answer | {_DRAWN: picture}])
    return answers, kept.finish()


def _drawings(bundle: Bundle, answers: list[Any], chunk: Any) -> Iterator[np.ndarray]:
    """What was found, over the pictures it was found in, one after the other: each may be large.

    Raises:
        UsageError: the task has nothing to draw.
    """
    together = len(answers) if bundle.task.compares else 1
    for start in range(0, len(answers), together):
        some = answers[start : start + together]
        shown = [] if chunk is None else bundle.task.pictured(some, chunk.slice(start, together))
        if not shown:
            raise UsageError(
                f"--draw: a model of the task {bundle.task.kind!r} has nothing to draw over its "
                "rows. Leave --draw out."
            )
        yield from shown


def _rows(bundle: Bundle, paths: tuple[str, ...]) -> Any:
    """What the caller named, as rows."""
    given = bundle.task.given
    if not paths and bundle.task.draws:
        return None
    if not paths:
        raise UsageError(
            f"which rows? Give a file, or - for JSON on stdin with: {', '.join(given)}"
        )
    found: list[Any] = []
    for path in paths:
        if path == STDIN:
            found += _from_json(sys.stdin.read(), "stdin")
        elif path.endswith(_JSON):
            found += _from_json(Path(path).read_text(encoding="utf-8"), path)
        elif path.endswith(_TABLES):
            found += _from_table(path, given)
        elif len(given) == 1:
            found.append({given[0]: path})
        else:
            raise UsageError(
                f"{path}: this model needs {', '.join(given)} for each row. "
                "Give a .csv, .json or .jsonl file, or JSON on stdin."
            )
    return found


def _from_json(content: str, where: str) -> list[dict[str, Any]]:
    """An object, a list of objects, or one object a line."""
    try:
        rows = text.loads(content)
    except text.JSONDecodeError:
        try:
            rows = [text.loads(line) for line in content.splitlines() if line.strip()]
        except text.JSONDecodeError as error:
            raise DataError(
                f"{where}: not JSON: {error}. Give objects with named fields."
            ) from None
    rows = rows if isinstance(rows, list) else [rows]
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(f"{where}, row {number}: got {row!r:.60}, expected an object")
    return rows


def _from_table(path: str, given: tuple[str, ...]) -> list[dict[str, Any]]:
    from sonde.data.guess import guess_source

    source = guess_source(path)
    known = {field.name for field in source.fields()}
    names = [name for name in given if name in known]
    if not names:  # rows without a single field would be no rows at all
        raise DataError(
            f"{path} has none of the fields this model reads: {listed(given, 30)}. "
            f"It has: {listed(sorted(known), 30)}"
        )
    return [row for chunk in source.scan(names) for row in chunk.to_pylist()]
