"""The characters of a text file, some at a time: in lines, or in pieces of equal length."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from sonde.core.errors import DataError
from sonde.data.sources._within import chunks

LONGEST = 1 << 24
"""Characters of the longest line that is read."""


def characters(path: str, encoding: str) -> Iterator[str]:
    """What the file holds, without a byte order mark; never an empty text."""
    decoder = codecs.getincrementaldecoder(encoding)()
    first = True
    for data in chunks(path):
        text = decoder.decode(data)
        if text and first:
            text, first = text.removeprefix("\ufeff"), False
        if text:
            yield text
    if rest := decoder.decode(b"", final=True):
        yield rest


def lines(path: str, encoding: str) -> Iterator[str]:
    """Each line without its end, which is a line feed, alone or behind a carriage return.

    Raises:
        DataError: a line is longer than `LONGEST`.
    """
    number, rest = 0, ""
    for text in characters(path, encoding):
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            number += 1
            yield line.removesuffix("\r")
        if len(rest) > LONGEST:
            raise DataError(
                f"{path}, line {number + 1:,}: longer than {LONGEST >> 20} million characters, "
                "expected a text on each line. If it is one long text, say unit: piece"
            )
    if rest:
        yield rest.removesuffix("\r")


def _with_plain_ends(texts: Iterator[str]) -> Iterator[str]:
    r"""The same characters with \n for \r\n, wherever the parts are cut."""
    before = ""
    for text in texts:
        whole = before + text
        before = "\r" if whole.endswith("\r") else ""
        yield whole.removesuffix("\r").replace("\r\n", "\n")
    yield before


def pieces(path: str, encoding: str, length: int) -> Iterator[str]:
    """The whole text in pieces of so many characters, the last one shorter."""
    held: list[str] = []
    count = 0
    for text in _with_plain_ends(characters(path, encoding)):
        held.append(text)
        count += len(text)
        if count < length:
            continue
        whole = "".join(held)
        end = count - count % length
        yield from (whole[at : at + length] for at in range(0, end, length))
        held, count = [whole[end:]], count - end
    if rest := "".join(held):
        yield rest
