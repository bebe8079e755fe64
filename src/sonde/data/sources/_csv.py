"""Lines of a table as Arrow texts, in bounded memory, each with its line number.

pyarrow parses. Around it stand three things it does not do: text of any encoding reaches it as
UTF-8; a last line that we add ourselves comes back whole unless a quote was never closed; and line
numbers are true where a value spans lines.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from sonde.contracts.data import RowError
from sonde.core.errors import DataError
from sonde.data.sources._detect import Layout
from sonde.data.sources._files import open_file, reading

BLOCK = 1 << 22
"""Bytes parsed at a time, and the longest row that is read: 4 MiB."""

_SHOWN = 80
_END = "\x1eend of table\x1e"
_ADVICE = 'Close it, or say quote: "" in the recipe if quotes mean nothing in this file.'


def read_lines(
    path: str, layout: Layout, tell: Callable[[RowError], None]
) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    """Batches of texts under the layout's names, and the line (n,) int64 each row starts at.

    Rows with another number of fields, or with a NUL, are told and left out.

    Raises:
        StorageError: the file cannot be read.
        DataError: a quote is never closed, or a row is longer than `BLOCK`.
    """
    rejected: list[csv.InvalidRow] = []
    lines = _Lines(layout)
    with open_file(path) as file:
        stream = _Utf8(path, file, layout)
        for batch in _parse(path, stream, layout, rejected):
            starts, told = lines.number(batch, rejected, stream.has_quotes)
            for line, row in told:
                tell(_wrong_width(path, line, row, layout))
            if not batch.num_rows:
                continue
            if batch.column(0)[-1].as_py() == _END:
                stream.came_back = True
                batch, starts = batch.slice(0, batch.num_rows - 1), starts[:-1]
            yield _without_nul(path, batch, starts, tell) if layout.has_nul else (batch, starts)
    if not stream.came_back:
        line = lines.of_open(stream.open_record)
        raise DataError(
            f"{place(path, line)}: a quote ({layout.quote}) is opened and never closed. {_ADVICE}"
        )


def place(path: str, line: int) -> str:
    """Where in a file, for a message."""
    return f"{path}, line {line}"


def shorten(text: str) -> str:
    """What a message can hold of a text."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


class _Utf8(io.RawIOBase):
    """A file's text as UTF-8, with our last line after it."""

    def __init__(self, path: str, file: BinaryIO, layout: Layout) -> None:
        self._path, self._file = path, file
        self._is_utf8 = layout.encoding == "utf-8"
        self._decoder = codecs.getincrementaldecoder(layout.encoding)()
        self._quote = layout.quote.encode()
        self._end = layout.delimiter.join([_END] * len(layout.names)).encode() + b"\n"
        self._ready = bytearray()
        self._last = b"\n"
        self._is_over = False
        self.has_quotes = False
        self.came_back = False
        self.open_record: int | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; fewer only at the end."""
        while not self._is_over and (size < 0 or len(self._ready) < size):
            self._fill()
        out = bytes(self._ready if size < 0 else self._ready[:size])
        del self._ready[: len(out)]
        return out

    def _fill(self) -> None:
        with reading(self._path):
            raw = self._file.read(BLOCK)
        text = raw if self._is_utf8 else self._decoder.decode(raw, final=not raw).encode()
        self.has_quotes = self.has_quotes or bool(self._quote and self._quote in text)
        self._last = text[-1:] or self._last
        self._ready += text
        if not raw:
            self._ready += self._end if self._last in b"\r\n" else b"\n" + self._end
            self._is_over = True


class _Lines:
    """From records to lines: a value may span several."""

    def __init__(self, layout: Layout) -> None:
        self._next = layout.skip + 1
        self._breaks = layout.header_breaks
        self._last = 1

    def number(
        self, batch: pa.RecordBatch, rejected: list[csv.InvalidRow], has_quotes: bool
    ) -> tuple[np.ndarray, list[tuple[int, csv.InvalidRow]]]:
        """The first line (n,) of each row, and of each rejected record that stands before them.

        Those are taken out of `rejected`; the parser reads ahead, so others may remain.
        """
        count = batch.num_rows
        taken = np.array([row.number for row in rejected], np.int64)
        candidates = np.arange(self._next, self._next + count + len(taken))
        numbers = np.setdiff1d(candidates, taken, assume_unique=True)[:count]
        due = int(np.searchsorted(taken, numbers[-1])) if count else 0
        gone = rejected[:due]
        del rejected[:due]
        if not count:
            return numbers, []
        breaks = _breaks(batch) if has_quotes else np.zeros(count, np.int64)
        other = np.array([row.text.count("\n") for row in gone], np.int64)
        records, spans = np.append(numbers, taken[:due]), np.append(breaks, other)
        order = np.argsort(records)
        lines = np.empty_like(records)
        lines[order] = records[order] + self._breaks + np.cumsum(spans[order]) - spans[order]
        self._next = int(numbers[-1]) + 1
        self._breaks += int(spans.sum())
        self._last = int(lines[count - 1])
        return lines[:count], list(zip(lines[count:].tolist(), gone, strict=True))

    def of_open(self, record: int | None) -> int:
        """The line of the last record, whose quote is open: rejected, or else the last row."""
        return self._last if record is None else record + self._breaks


def _breaks(batch: pa.RecordBatch) -> np.ndarray:
    """(n,) int64: line breaks inside the values of each row."""
    counts = [pc.count_substring(column, "\n").to_numpy() for column in batch.columns]
    return np.asarray(np.sum(counts, axis=0), np.int64)


def _parse(
    path: str, stream: _Utf8, layout: Layout, rejected: list[csv.InvalidRow]
) -> Iterator[pa.RecordBatch]:
    """Batches as pyarrow gives them, our last line included."""

    def reject(row: csv.InvalidRow) -> str:
        if _END in row.text:
            stream.open_record = row.number
        else:
            rejected.append(row)
        return "skip"

    options: dict[str, Any] = {
        # one thread: otherwise a rejected row has no number
        "read_options": csv.ReadOptions(
            use_threads=False,
            block_size=BLOCK,
            column_names=list(layout.names),
            skip_rows_after_names=layout.skip,
        ),
        "parse_options": csv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char=layout.quote or False,
            newlines_in_values=bool(layout.quote),
            ignore_empty_lines=False,
            invalid_row_handler=reject,
        ),
        "convert_options": csv.ConvertOptions(
            column_types=dict.fromkeys(layout.names, pa.string()), strings_can_be_null=False
        ),
    }
    try:
        yield from csv.open_csv(stream, **options)
    except pa.ArrowInvalid as error:
        if "straddling" not in str(error):
            raise DataError(f"{path}: cannot be read as a table: {error}") from None
        raise DataError(
            f"{path}: a row is longer than {BLOCK >> 20} MiB. Is a quote ({layout.quote}) opened "
            f"and never closed? {_ADVICE}"
        ) from None


def _wrong_width(path: str, line: int, row: csv.InvalidRow, layout: Layout) -> RowError:
    wanted = f"{_fields(row.expected_columns)}{', as in the header' if layout.skip else ''}"
    got = f"{_fields(row.actual_columns)}: {shorten(row.text)}"
    return RowError(line, got=got, expected=wanted, place=place(path, line))


def _fields(count: int) -> str:
    return f"{count:,} field{'' if count == 1 else 's'}"


def _without_nul(
    path: str, batch: pa.RecordBatch, lines: np.ndarray, tell: Callable[[RowError], None]
) -> tuple[pa.RecordBatch, np.ndarray]:
    """The rows without a NUL character; the others are told."""
    found = np.zeros(batch.num_rows, bool)
    for column in batch.columns:
        found |= pc.match_substring(column, "\0").to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(found):
        text = shorten(", ".join(str(column[int(row)]) for column in batch.columns))
        line = int(lines[row])
        tell(RowError(line, got=text, expected="text without NUL bytes", place=place(path, line)))
    return batch.filter(pa.array(~found)), lines[~found]
