"""Lines of a table as Arrow texts, in bounded memory, each with its line number.

pyarrow parses, blocks of whole lines side by side (`_blocks`) as long as it is certain where lines
end, then one line after another. Around it stand three things it does not do: text of any encoding
reaches it as UTF-8; a last line that we add ourselves comes back whole unless a quote was never
closed; and line numbers are true where a value spans lines.
"""

from __future__ import annotations

import codecs
import io
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, counted
from sonde.data.sources._blocks import read_blocks
from sonde.data.sources._detect import Layout
from sonde.data.sources._files import reading
from sonde.data.sources._parse import parse_options, with_nulls
from sonde.data.sources._within import open_within

BLOCK = 1 << 22
"""Bytes parsed at a time, and the longest row that is read: 4 MiB."""

_SHOWN = 80
_PATIENCE = 10  # seconds until the parser's thread has surely seen that nothing more comes
_END = "\x1eend-of-table\x1e"  # without a space, which may be the delimiter
_ADVICE = 'Close it, or say quote: "" in the recipe if quotes mean nothing in this file.'


Lines = Iterator[tuple[pa.RecordBatch, np.ndarray]]
"""Batches of texts, null where missing, and the line (n,) int64 each row starts at."""


def read_lines(
    path: str, layout: Layout, missing: Sequence[str], tell: Callable[[RowError], None]
) -> Lines:
    """Batches under the layout's names; `missing` are texts that mean a missing value.

    Rows with another number of fields, or with a NUL, are told and left out.

    Raises:
        StorageError: the file cannot be read.
        DataError: a quote is never closed, or a row is longer than `BLOCK`.
    """
    read = 0
    with open_within(path) as file:
        for block in read_blocks(_texts(path, file, layout), layout, missing, BLOCK):
            if block is None:
                break
            for row in block.rejected:
                tell(_wrong_width(path, row.number + read, row, layout))
            lines = block.lines + read
            read += block.num_lines
            if len(lines):
                yield block.rows, lines
        else:
            return
    for rows, lines in _read_with_care(path, layout, missing, _after(read, tell)):
        start = int(np.searchsorted(lines, read, side="right"))  # the others were read before
        if start < len(lines):
            yield rows.slice(start), lines[start:]


def _after(line: int, tell: Callable[[RowError], None]) -> Callable[[RowError], None]:
    """`tell` of what stands after a line."""
    return lambda error: tell(error) if error.row > line else None


def _read_with_care(
    path: str, layout: Layout, missing: Sequence[str], tell: Callable[[RowError], None]
) -> Lines:
    """The same for a whole file, on one thread, wherever quotes stand."""
    rejected: list[csv.InvalidRow] = []
    lines = _Lines(layout)
    with open_within(path) as file:
        stream = _Utf8(path, file, layout)
        for batch in _parse(path, stream, missing, rejected):
            starts, told = lines.number(batch, rejected, stream.has_quotes)
            for line, row in told:
                tell(_wrong_width(path, line, row, layout))
            if not batch.num_rows:
                continue
            if batch.column(0)[-1].as_py() == _END:
                stream.came_back = True
                batch, starts = batch.slice(0, batch.num_rows - 1), starts[:-1]
            _refuse_joined(path, layout, batch, starts)
            batch = with_nulls(batch, missing)
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


def _texts(path: str, file: BinaryIO, layout: Layout) -> Iterator[bytes]:
    """A file's text as UTF-8, about `BLOCK` bytes at a time."""
    is_utf8 = layout.encoding == "utf-8"
    decoder = codecs.getincrementaldecoder(layout.encoding)()
    raw = b"-"
    while raw:
        with reading(path):
            raw = file.read(BLOCK)
        yield raw if is_utf8 else decoder.decode(raw, final=not raw).encode()


class _Utf8(io.RawIOBase):
    """A file's text as UTF-8, with our last line after it."""

    def __init__(self, path: str, file: BinaryIO, layout: Layout) -> None:
        self.layout = layout
        self._texts = _texts(path, file, layout)
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
        text = next(self._texts, None)
        if text is None:
            self._ready += self._end if self._last in b"\r\n" else b"\n" + self._end
            self._is_over = True
            return
        self.has_quotes = self.has_quotes or bool(self._quote and self._quote in text)
        self._last = text[-1:] or self._last
        self._ready += text


class _Lent(io.RawIOBase):
    """A stream in the hands of the parser, whose own thread may read on when the parser is gone."""

    def __init__(self, stream: _Utf8, gone: _Gone) -> None:
        self._stream = stream
        self._gone = gone
        self.is_over = False
        gone.watch(self)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> memoryview:
        """What the stream reads; nothing more once it is over."""
        block = memoryview(b"" if self.is_over else self._stream.read(size))
        self._gone.watch(block)
        return block


class _Gone:
    """Whether all is gone that the parser was given, so that the interpreter may end.

    It aborts where another thread still has Python code to run, if only to give a block of bytes
    back. The word therefore comes from weak references by way of C alone: whoever let go of an
    object last runs nothing of ours after it.
    """

    def __init__(self) -> None:
        self._words: SimpleQueue[object] = SimpleQueue()
        self._watches: dict[int, object] = {}

    def watch(self, held: object) -> None:
        """Wait for this too."""
        while not self._words.empty():
            self._hear()
        watch = weakref.ref(held, self._words.put)
        self._watches[id(watch)] = watch

    def wait(self, seconds: float) -> None:
        """Until all are gone, at most so long for each."""
        with suppress(Empty):
            while self._watches:
                self._hear(seconds)

    def _hear(self, seconds: float = 0.0) -> None:
        del self._watches[id(self._words.get(timeout=seconds))]


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
    counts = [pc.fill_null(pc.count_substring(column, "\n"), 0) for column in batch.columns]
    return np.asarray(np.sum([count.to_numpy() for count in counts], axis=0), np.int64)


def _refuse_joined(path: str, layout: Layout, batch: pa.RecordBatch, starts: np.ndarray) -> None:
    """Between tabs a value that holds whole rows is two fields that begin with a quote each.

    Raises:
        DataError: naming the line.
    """
    if layout.delimiter != "\t":
        return  # a text may hold commas and line breaks
    tabs = len(layout.names) - 1
    for column in batch.columns if tabs else ():
        breaks = pc.count_substring(column, "\n")
        joined = pc.and_(
            pc.greater(breaks, 0),
            pc.equal(pc.count_substring(column, "\t"), pc.multiply(breaks, tabs)),
        )
        at = pc.index(joined, True).as_py()
        if at >= 0:
            raise DataError(
                f"{place(path, int(starts[at]))}: a quote ({layout.quote}) is opened and not "
                f"closed before the row ends, so that {breaks[at].as_py() + 1:,} lines would be "
                f"one. {_ADVICE}"
            )


def _parse(
    path: str, stream: _Utf8, missing: Sequence[str], rejected: list[csv.InvalidRow]
) -> Iterator[pa.RecordBatch]:
    """Batches as pyarrow gives them, our last line included."""
    layout = stream.layout

    def reject(row: csv.InvalidRow) -> str:
        if _END in row.text:
            stream.open_record = row.number
        else:
            rejected.append(row)
        return "skip"

    whole = csv.ReadOptions(
        use_threads=False,  # otherwise a rejected row has no number
        block_size=BLOCK,
        column_names=list(layout.names),
        skip_rows_after_names=layout.skip,
    )
    options = parse_options(layout, missing, reject)
    gone = _Gone()
    gone.watch(reject)
    lent = _Lent(stream, gone)
    try:
        yield from csv.open_csv(lent, whole, **options)
    except pa.ArrowInvalid as error:
        if "straddling" not in str(error):
            raise DataError(f"{path}: cannot be read as a table: {error}") from None
        raise DataError(
            f"{path}: a row is longer than {BLOCK >> 20} MiB. Is a quote ({layout.quote}) opened "
            f"and never closed? {_ADVICE}"
        ) from None
    finally:
        lent.is_over = True
        del lent, reject, options
        gone.wait(_PATIENCE)


def _wrong_width(path: str, line: int, row: csv.InvalidRow, layout: Layout) -> RowError:
    wanted = (
        f"{counted(row.expected_columns, 'field')}{', as in the header' if layout.skip else ''}"
    )
    got = f"{counted(row.actual_columns, 'field')}: {shorten(row.text)}"
    return RowError(line, got=got, expected=wanted, place=place(path, line))


def _without_nul(
    path: str, batch: pa.RecordBatch, lines: np.ndarray, tell: Callable[[RowError], None]
) -> tuple[pa.RecordBatch, np.ndarray]:
    """The rows without a NUL character; the others are told."""
    found = np.zeros(batch.num_rows, bool)
    for column in batch.columns:
        has_nul = pc.fill_null(pc.match_substring(column, "\0"), False)
        found |= has_nul.to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(found):
        text = shorten(", ".join(str(column[int(row)]) for column in batch.columns))
        line = int(lines[row])
        tell(RowError(line, got=text, expected="text without NUL bytes", place=place(path, line)))
    return batch.filter(pa.array(~found)), lines[~found]
