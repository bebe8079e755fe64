"""`sonde predict`: answers to raw rows."""

from __future__ import annotations

import csv
import io
import json as text
import sys
from collections.abc import Iterator, Mapping
from inspect import signature
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.app.checks import there
from sonde.app.given import Given, given
from sonde.app.output import STDIN, emit
from sonde.core.errors import DataError, UsageError
from sonde.core.notice import listening, say

if TYPE_CHECKING:
    import numpy as np

    from sonde.app.pictures import Kept
    from sonde.contracts.data import RowError
    from sonde.run.bundle import Bundle

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
        file, a text file with a text on each line, one or more pictures, or a folder, zip or
        tar.gz of pictures or texts; of several, answers hold the `file`, and of what cannot be read
        an `error`.
    output
        Write the answers there instead of to stdout: as a table into a .csv, else one JSON object a
        line. Pictures among the answers, such as masks, are files in a folder of that name, by
        default `predicted`.
    json
        Print one JSON object with all answers.
    draw
        Also draw what was found over each picture, as `drawn` among the answers: boxes, outlines,
        lines, what was before beside what is after.
    options
        What the model's task lets you choose when it answers, such as `--count 4` of a task that
        draws, or `--tiles` behind the rows. Most leave nothing: the levels of an interval
        (`quantiles: [0.05, 0.5, 0.95]`) and the threshold of a class are learned, and so they stand
        in the recipe's `task`.
    """
    there(model)
    for path in rows:
        if path != STDIN:
            there(path)
    from sonde.run.bundle import Bundle

    bundle = Bundle.load(model)
    if not rows and not bundle.task.draws:
        _refuse_swallowed(options)
    chosen: dict[str, Any] = {name.replace("-", "_"): value for name, value in options.items()}
    notices: list[str] = []
    with listening(lambda message, *_: notices.append(message)):
        answers, written = _answers(bundle, given(bundle.task, rows), output, draw, chosen)
    for message in notices:
        print(f"note: {message}", file=sys.stderr)
    if written:
        print(written, file=sys.stderr)
    lines = "".join(text.dumps(a, ensure_ascii=False, default=str) + "\n" for a in answers)
    if output is not None and not Path(output).is_dir():
        content = _table(answers) if output.lower().endswith(".csv") else lines
        Path(output).write_text(content, encoding="utf-8", newline="")
        print(f"{len(answers):,} answers in {output}", file=sys.stderr)
    if json:
        emit({"model": model, "answers": answers, "notices": notices})
    elif output is None or Path(output).is_dir():
        sys.stdout.write(lines)


def _table(answers: list[dict[str, Any]]) -> str:
    """Answers as CSV, a line each below their names; what holds several values stands as JSON."""
    lines = io.StringIO()
    names = dict.fromkeys(name for answer in answers for name in answer)
    writer = csv.DictWriter(lines, list(names), lineterminator="\n")
    writer.writeheader()
    for answer in answers:
        writer.writerow({
            name: text.dumps(value, ensure_ascii=False, default=str)
            if isinstance(value, dict | list | tuple) else value
            for name, value in answer.items()
        })  # fmt: skip
    return lines.getvalue()


class _Gathered:
    """Answers in the order of their rows, an error in place of one where a row cannot be read."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._answers: list[dict[str, Any]] = []
        self._wrong: dict[int, RowError] = {}

    def unread(self, error: RowError) -> None:
        """A row that has no answer, told before those behind it come."""
        self._wrong[error.row] = error

    def add(self, answer: dict[str, Any]) -> None:
        """The next answer."""
        self._add_errors()
        self._answers += self._kept.add([answer])

    def finish(self) -> list[dict[str, Any]]:
        """All of them; how many are errors is said.

        Raises:
            DataError: all are.
        """
        self._add_errors()
        if self._wrong:
            first = _in_words(next(iter(self._wrong.values())))
            if len(self._wrong) == len(self._answers):
                raise DataError(f"none of {len(self._answers):,} rows can be read; row 0: {first}")
            say(f"{len(self._wrong):,} of {len(self._answers):,} rows cannot be read, and have an "
                f"`error` in place of an answer; the first: {first}")  # fmt: skip
        return self._answers

    def _add_errors(self) -> None:
        while (error := self._wrong.get(len(self._answers))) is not None:
            self._answers += self._kept.add([{"error": _in_words(error)}])


def _in_words(error: RowError) -> str:
    return f"got {error.got!r}, expected {error.expected}"


def _answers(
    bundle: Bundle, asked: Given, output: str | None, draw: bool, options: dict[str, Any]
) -> tuple[list[dict[str, Any]], str]:
    """The answers, pictures replaced by the names of their files, and what was written.

    Raises:
        UsageError: they are to be drawn, and the task draws nothing.
    """
    from sonde.app.pictures import Kept
    from sonde.run.bundle import BATCH

    grids = [port for port in bundle.task.outputs.values() if port.kind == "grid"]
    masks = any(port.size for port in grids)  # their values are classes: nothing to look at
    together = _DRAWN if draw or masks else None
    kept = Kept(output, len(asked.rows or ()), files=asked.files, together=together)
    found = _Gathered(kept)
    size = _FEW if draw or grids else BATCH
    unread = None if len(asked.rows or ()) < 2 else found.unread
    for chunk, part in bundle.predicting(asked.rows, batch_size=size, unread=unread, **options):
        drawn = _drawings(bundle, part, chunk) if draw else repeat(None)
        for answer, picture in zip(part, drawn, strict=False):
            found.add(answer if picture is None else answer | {_DRAWN: picture})
    answers = found.finish()
    if len(asked.files) > 1:
        named = zip(asked.files, answers, strict=True)
        answers = [{"file": file} | answer for file, answer in named]
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


def with_values(words: list[str]) -> list[str]:
    """The words of a command in which an option of the task without a value means true."""
    own = {"help", *signature(predict).parameters}
    found = []
    for word, after in zip(words, [*words[1:], "--"], strict=True):
        alone = word.startswith("--") and "=" not in word and after.startswith("--")
        name = word.removeprefix("--")
        found.append(f"{word}=true" if alone and name and name not in own else word)
    return found


def _refuse_swallowed(options: Mapping[str, str]) -> None:
    """Stop where the rows were read as the value of the option before them.

    Raises:
        UsageError: saying how it is written.
    """
    for name, value in options.items():
        if Path(value).exists():
            raise UsageError(
                f"which rows? {value} was read as the value of --{name}. Rows come before what "
                f"has no value:  sonde predict MODEL ROWS --{name}"
            )
