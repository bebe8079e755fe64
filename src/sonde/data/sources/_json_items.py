"""One JSON value that holds all rows: a list of objects, alone or in an object.

[{"age": 29}, {"age": 31}]          {"version": 1, "data": [{"age": 29}, {"age": 31}]}

It is cut into its items as it is read, so that memory holds one of them at a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sonde.core.errors import DataError
from sonde.data.sources._csv import shorten

LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
"""What names of files end with that hold an object on each line."""

_TEXT = r'"(?:[^"\\]|\\.)*"'
_SINGLE = rf"\s*{_TEXT}\s*:\s*(?:{_TEXT}|[^\s\[\]{{}},\"]+)\s*"
_LIST = re.compile(rb"\s*\[(?=\s*[{\]])")
_NAMED = re.compile(rf"\s*\{{(?:{_SINGLE},)*\s*{_TEXT}\s*:\s*\[(?=\s*\{{)".encode())
_REST = re.compile(rf"(?:,{_SINGLE})*\s*\}}\s*".encode())
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*("?)|[][{},]', re.DOTALL)
"""A text, whose last quote is still to come where the group is empty, or a sign of structure."""


def before_items(path: str, head: bytes) -> bytes | None:
    """What a file begins with before its first item; None where it is of another form.

    An object on each line may begin as an object around one list does: then its name tells, or the
    next line.
    """
    found = _LIST.match(head) or (None if path.lower().endswith(LINES) else _NAMED.match(head))
    if found is None or (found.re is _NAMED and re.search(rb"\}[ \t\r]*\n[ \t]*\{[ \t]*\"", head)):
        return None
    return found.group()


def items(path: str, begin: bytes, blocks: Iterator[bytes], most: int) -> Iterator[bytes]:
    """The items of the list, as they stand there; b'' of a list without any.

    Args:
        path: for messages.
        begin: what stands before them.
        blocks: the file's bytes behind that.
        most: bytes of the longest item.

    Raises:
        DataError: an item is longer, the list does not end, or more rows stand behind it.
    """
    held, at, depth = b"", 0, 0
    for block in blocks:
        held += block
        start = 0
        for token in _TOKEN.finditer(held, at):
            sign = token.group()
            if sign.startswith(b'"') and not token[1]:
                at = token.start()  # to be read again with what comes
                break
            at = token.end()
            if depth == 0 and sign in (b",", b"]"):
                yield held[start : token.start()]
                start = at
            if depth == 0 and sign == b"]":
                _check_rest(path, begin, held[at:] + b"".join(blocks))
                return
            depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(sign, 0)
        else:
            at = len(held)
        held, at = held[start:], at - start
        if len(held) > most or depth < 0:
            break
    got = shorten(held[:80].decode(errors="backslashreplace").strip())
    raise DataError(f"{path}: got {got!r}, which does not end, expected a list of JSON objects")


def _check_rest(path: str, begin: bytes, rest: bytes) -> None:
    if _REST.fullmatch(rest) if begin.lstrip().startswith(b"{") else not rest.strip():
        return
    got = shorten(rest[:80].decode(errors="backslashreplace").strip(", \n"))
    raise DataError(f"{path}: got {got!r} behind the list of rows, expected nothing more")
