"""Lines of a table parsed side by side: whole lines, a block at a time, each block in a thread.

A block may be cut at a line's end only where no quote is open. That is certain where every quote
of the block opens at a field's start and closes at a field's end in the same line. The first block
of which this is not certain ends this way of reading, and the careful reader goes on from there.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from pyarrow import csv

from sonde.data._threads import in_order
from sonde.data.sources._detect import Layout
from sonde.data.sources._parse import parse_options, with_nulls

_BREAK = ord("\n")


@dataclass(frozen=True)
class Block:
    """Some whole lines, parsed.

    Attributes:
        rows: texts, null where a missing marker stands.
        rejected: records with another number of fields, by their line in the block, from 1.
        skipped: lines of the header, which stand before the rows.
    """

    rows: pa.RecordBatch
    rejected: list[csv.InvalidRow]
    skipped: int

    @property
    def num_lines(self) -> int:
        """All lines, those of the header too."""
        return self.skipped + int(self.rows.num_rows) + len(self.rejected)

    @property
    def lines(self) -> np.ndarray:
        """(n,) int64: the line of each row in the block, from 1."""
        every = np.arange(self.skipped + 1, self.num_lines + 1)
        taken = np.array([row.number for row in self.rejected], np.int64)
        return np.setdiff1d(every, taken, assume_unique=True)


def read_blocks(
    texts: Iterable[bytes], layout: Layout, missing: Sequence[str], longest: int
) -> Iterator[Block | None]:
    """Blocks in the file's order; None, and no more, where the rest must be read with care.

    Args:
        texts: the file's text as UTF-8, cut anywhere.
        layout: the file's form.
        missing: texts that mean a missing value.
        longest: bytes that a line may have.
    """
    parse = partial(_parse, layout=layout, missing=missing)
    for block in in_order(parse, enumerate(_whole_lines(texts, longest))):
        yield block
        if block is None:
            return


def _whole_lines(texts: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """The same text cut after line ends; a line that is too long comes cut, and is the last."""
    rest = b""
    for text in texts:
        end = text.rfind(b"\n") + 1
        if end:
            yield rest + text[:end]
            rest = text[end:]
        else:
            rest += text
        if len(rest) > longest:
            yield rest
            return
    if rest:
        yield rest if rest.endswith(b"\r") else rest + b"\n"


def _parse(numbered: tuple[int, bytes], layout: Layout, missing: Sequence[str]) -> Block | None:
    """One block of whole lines; None where that is not certain."""
    number, text = numbered
    if number and text.startswith(codecs.BOM_UTF8):  # the parser would take it for a mark
        return None
    skip = 0 if number else layout.skip
    has_rows = text.count(b"\n") > skip if skip else b"\n" in text  # counting takes far longer
    is_whole = has_rows and text.endswith((b"\n", b"\r"))
    bare = text.removeprefix(codecs.BOM_UTF8)
    if layout.header_breaks or layout.has_nul or not is_whole or not _closes_quotes(bare, layout):
        return None
    rejected: list[csv.InvalidRow] = []

    def reject(row: csv.InvalidRow) -> str:
        rejected.append(row)
        return "skip"

    reading = csv.ReadOptions(
        use_threads=False,  # otherwise a rejected row has no number
        block_size=len(text) + 1,
        column_names=list(layout.names),
        skip_rows_after_names=skip,
    )
    options = parse_options(layout, missing, reject)
    options["convert_options"].check_utf8 = not text.isascii()  # ASCII is UTF-8
    try:
        table = csv.read_csv(pa.BufferReader(text), reading, **options)
    except pa.ArrowInvalid:  # for the careful reader to say what is wrong
        return None
    rows = table.combine_chunks().to_batches()
    empty = pa.RecordBatch.from_pylist([], table.schema)
    return Block(with_nulls(rows[0] if rows else empty, missing), rejected, skip)


def _closes_quotes(text: bytes, layout: Layout) -> bool:
    """Whether each quote opens at a field's start and closes at a field's end in the same line.

    A doubled quote inside a field closes it and opens it again at once.
    """
    quote = layout.quote.encode()
    if not quote or quote not in text:
        return True
    found = np.frombuffer(text, np.uint8)
    at = np.flatnonzero(found == ord(quote))
    if len(at) % 2:
        return False
    beside = np.zeros(256, bool)
    beside[list(f"{layout.delimiter}{layout.quote}\r\n".encode())] = True
    opens, closes = at[0::2], at[1::2]
    starts = beside[found[opens - 1]] | (opens == 0)
    if not (starts.all() and beside[found[closes + 1]].all()):
        return False
    breaks = np.flatnonzero(found == _BREAK)
    return not (np.searchsorted(at, breaks) % 2).any()
