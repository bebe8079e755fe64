"""How a text file is a table: quote, delimiter and header, found from its first 64 KiB.

The rules, each of which an option of the source overrides:

- quote: the double quote; the single quote where fields are enclosed in it and none in the other.
  None between tabs, where quotes would join lines that are rows of equal width without them.
- delimiter: of tab, `;`, `|` and `,` the one that splits most lines into the same number of
  fields, at least two. At a tie the earlier one in this list wins, since a comma may as well be a
  decimal comma. Where none does, the table has one column.
- header: no, where a number heads a column of numbers; yes, where words head a column of numbers.
  Where no column holds numbers: yes, unless a cell of the first line is blank, stands twice in
  it, is met again below in its own column, or is a sentence as those below it are.
- a blank cell of the header: c1, c2, ... by its place, where pandas wrote the number of the row, or
  where most below it is blank as well and no name follows, as behind a comma at each line's end.
  Else it is refused.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from sonde.core.errors import DataError, counted, listed
from sonde.data.sources._encoding import HEAD, read_text
from sonde.data.sources._fields import check_names
from sonde.data.sources._files import reading
from sonde.data.sources._within import open_within

_ENDINGS = ((".", "!", "\u3002", "\uff01"), ("?", "\uff1f"))
"""Signs behind statements and behind questions, also in Chinese and Japanese."""

DELIMITERS = {"\t": "tab", ";": "semicolon", "|": "bar", ",": "comma"}
"""What is tried, in this order, and what each is called."""

_MOST_LINES = 200
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")


@dataclass(frozen=True)
class Dialect:
    """What a recipe says of a file's form; None is to be found."""

    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    header: bool | None = None
    names: tuple[str, ...] | None = None
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Layout:
    """A file's form as read.

    Attributes:
        names: the columns' names.
        quote: '' where quotes mean nothing.
        skip: lines up to the one that holds names, that one included; 0 without a header.
        header_breaks: line breaks inside the header's own cells.
        has_nul: whether a NUL character stands anywhere in the file.
    """

    names: tuple[str, ...]
    delimiter: str
    quote: str
    encoding: str
    skip: int = 0
    header_breaks: int = 0
    has_nul: bool = False

    def describe(self) -> str:
        """Such as '14 columns, comma, utf-8, header'."""
        delimiter = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        header = "header" if self.skip else "no header"
        letters = [] if self.quote else ["quotes are letters"]
        return ", ".join(
            [counted(len(self.names), "column"), delimiter, self.encoding, header, *letters]
        )


def find_layout(path: str, dialect: Dialect, like: Sequence[str] | None = None) -> Layout:
    """The form of a file; `like` are the names of the file it belongs to, where there is one.

    Raises:
        StorageError: it cannot be read.
        DataError: it is no table, or its names cannot name columns.
    """
    expected = "a table, or texts" if path.lower().endswith((".txt", ".txt.gz")) else "a table"
    text = read_text(path, dialect.encoding, expected)
    quote = dialect.quote if dialect.quote is not None else find_quote(text.head)
    delimiter = dialect.delimiter or find_delimiter(text.head, quote, text.is_whole)
    every = _split(text.head, delimiter, quote, text.is_whole)
    if dialect.quote is None and delimiter == "\t" and quote in text.head:
        plain = _split(text.head, delimiter, "", text.is_whole)
        if _joins_rows(every, plain):
            quote, every = "", plain
    lines = _filled(every)
    if not lines:
        if text.is_whole:
            raise DataError(f"{path}: holds blank lines only, expected a table")
        raise DataError(f"{path}: the first line is longer than 64 KiB, expected a table's header")
    first = tuple(cell.strip() for cell in lines[0])
    header = dialect.header
    if header is None:
        is_alike = like is not None and set(first) == set(like)
        header = not dialect.names and (is_alike or has_header(lines, dialect.missing))
    names = dialect.names or (_with_places(first, lines) if header else _numbered(lines))
    check_names(path, names)
    _check_width(path, len(names), lines[1:] if header else lines, dialect.names is not None)
    skip = every.index(lines[0]) + 1 if header else 0
    breaks = sum(cell.count("\n") for cell in lines[0]) if header else 0
    return Layout(names, delimiter, quote, text.encoding, skip, breaks, text.has_nul)


def first_rows(path: str, layout: Layout) -> list[list[str]]:
    """The cells of a file's first rows, at most 200, without what parsing all of it takes.

    Raises:
        StorageError: it cannot be read.
    """
    with open_within(path) as file, reading(path):
        start = file.read(HEAD + 1)
    head = start[:HEAD].decode(layout.encoding, errors="replace").removeprefix("\ufeff")
    rows = _split(head, layout.delimiter, layout.quote, len(start) <= HEAD)
    return [row for row in rows[layout.skip :] if len(row) == len(layout.names)]


def find_quote(head: str) -> str:
    """The quote character of a file that starts with `head`."""
    single = re.search(r"(?:^|[\t;|,])'[^'\n]*'(?:[\t;|,\r\n]|$)", head, re.MULTILINE)
    return "'" if single and '"' not in head else '"'


def _joins_rows(quoted: Sequence[list[str]], plain: Sequence[list[str]]) -> bool:
    """Whether quotes make fewer lines of what is a table without them: they are letters then."""
    rows, fewer = _filled(plain), _filled(quoted)
    is_table = len({len(row) for row in rows}) == 1 and len(rows[0]) > 1
    joined = any("\n" in cell for row in fewer for cell in row)
    return is_table and (joined or len(rows) > len(fewer))


def find_delimiter(head: str, quote: str, is_whole: bool = True) -> str:
    """The delimiter by the rule above; a comma where lines have one field each."""
    best, best_share = ",", 0.0
    for delimiter in DELIMITERS:
        lines = _filled(_split(head, delimiter, quote, is_whole))
        widths = Counter(len(line) for line in lines)
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        share = count / len(lines)
        if width > 1 and share > max(best_share, 0.5):
            best, best_share = delimiter, share
    return best


def is_table(head: str) -> bool:
    """Whether nine lines of ten, of two or more, have the same number of fields, two or more.

    Other text has spaces and commas too: what they part is a table where it holds numbers.
    """
    quote = find_quote(head)
    whole = head[: head.rfind("\n") + 1] or head
    is_prose = not re.search(r",\S", whole)
    for delimiter in DELIMITERS:
        lines = _filled(_split(whole, delimiter, quote, True))
        if _is_even(lines) and (delimiter != "," or not is_prose or _has_numbers(lines)):
            return True
    words = [line.split() for line in whole.splitlines() if line.strip()]
    return _is_even(words) and _has_numbers(words)


def _is_even(lines: Sequence[Sequence[str]]) -> bool:
    """Whether nine lines of ten are as wide as each other."""
    width, count = Counter(map(len, lines)).most_common(1)[0] if lines else (0, 0)
    return len(lines) > 1 and width > 1 and count >= 0.9 * len(lines)


def _has_numbers(lines: Sequence[Sequence[str]]) -> bool:
    """Whether a field of most lines is a number."""
    at = Counter(
        place for line in lines for place, cell in enumerate(line) if _NUMBER.fullmatch(cell)
    )
    return max(at.values(), default=0) > len(lines) / 2


def has_header(lines: Sequence[Sequence[str]], missing: Collection[str]) -> bool:
    """Whether the first line holds names, by the rule above."""
    first = [cell.strip() for cell in lines[0]]
    words_head_numbers = False
    met_again = False
    for place, cell in enumerate(first):
        below = [line[place].strip() for line in lines[1:] if len(line) > place]
        told = [value for value in below if value not in missing]
        if told and all(_NUMBER.fullmatch(value) for value in told):
            if _NUMBER.fullmatch(cell):
                return False
            words_head_numbers = words_head_numbers or cell not in missing
        again = cell != "" and (cell in below or _is_one_more_sentence(cell, told))
        met_again = met_again or again
    if words_head_numbers:
        return True
    if len(lines) == 1 and any(_NUMBER.fullmatch(cell) for cell in first):
        return False
    named = [cell for place, cell in enumerate(first) if cell or not _needs_none(lines, place)]
    return "" not in named and len(set(named)) == len(named) and not met_again


def _with_places(first: Sequence[str], lines: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The names of a header; a column that needs none is called by its place."""
    return tuple(
        f"c{place + 1}" if not cell and _needs_none(lines, place) else cell
        for place, cell in enumerate(first)
    )


def _needs_none(lines: Sequence[Sequence[str]], place: int) -> bool:
    """Whether a column is mostly blank and one of the last, or counts the rows and is the first."""
    below = [line[place].strip() for line in lines[1:] if len(line) > place]
    if not any(cell.strip() for cell in lines[0][place:]) and 2 * sum(map(bool, below)) < len(
        below
    ):
        return True
    counts = [[str(number + begin) for number in range(len(below))] for begin in (0, 1)]
    return place == 0 and below != [] and below in counts


def _is_one_more_sentence(cell: str, below: Sequence[str]) -> bool:
    """Whether it ends as a statement or a question does, and so do most below it."""
    endings = next((signs for signs in _ENDINGS if cell.endswith(signs)), None)
    return endings is not None and sum(text.endswith(endings) for text in below) > len(below) / 2


def _split(head: str, delimiter: str, quote: str, is_whole: bool) -> list[list[str]]:
    """The first lines as cells; what the head's end cuts is left out."""
    text = head if is_whole else head[: max(head.rfind("\n"), head.rfind("\r")) + 1]
    reader = csv.reader(
        re.split(r"(?<=\n)|(?<=\r)(?!\n)", text),
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    )
    out = list(islice(reader, _MOST_LINES))
    # an unclosed quote swallows the rest of the head: it is for the reader to report, with its line
    if 1 < len(out) < _MOST_LINES and any("\n" in cell for cell in out[-1]):
        out.pop()
    return out


def _filled(lines: Sequence[list[str]]) -> list[list[str]]:
    return [line for line in lines if any(cell.strip() for cell in line)]


def _numbered(lines: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """c1, c2, ...: as many as most lines have fields."""
    width = Counter(len(line) for line in lines).most_common(1)[0][0]
    return tuple(f"c{place + 1}" for place in range(width))


def _check_width(path: str, width: int, lines: Sequence[Sequence[str]], are_given: bool) -> None:
    """A header that fits none of the lines is a mistake in the header, not in every line."""
    widths = Counter(len(line) for line in lines)
    if widths and width not in widths:
        met = listed(str(found) for found in sorted(widths))
        whose = "`names` names" if are_given else "the header names"
        raise DataError(
            f"{path}: {whose} {width} columns, but the lines below have {met} fields. Mend it, or "
            "give `names` and `delimiter` in the recipe."
        )
