"""JSON objects, one on each line or in one list: each with its number, each field with one type.

Objects inside a row become dotted fields, `address.city`, as everywhere. What a value is:

- whole numbers, or numbers where one of them has a fraction or passes 64 bits;
- true and false; texts;
- a list of numbers, or a list of texts;
- where numbers, truth values and texts stand in one field or one list, all are texts, numbers in
  their shortest form: 3.0 as `3`;
- a list of objects or of lists: how many there are, which no column reads.
"""

from __future__ import annotations

import json
import math
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import pyarrow as pa

from sonde.contracts.data import RowError
from sonde.core.errors import DataError
from sonde.core.text import is_unicode
from sonde.data.sources._csv import place, shorten
from sonde.data.sources._json_items import before_items, items
from sonde.data.sources._values import canonical
from sonde.data.sources._within import chunks

Flat = dict[str, Any]
"""A row: dotted field -> number, truth value, text, list or None."""

LONGEST = 1 << 24
"""Bytes of the longest line that is read: 16 MiB."""

MOST_FIELDS = 20_000
_DEEPEST = 32
_WHOLE = 2**63
_SINGLE = {bool: "truth value", int: "number", float: "number", str: "text"}

Tell = Callable[[RowError], None]


def read_objects(path: str, tell: Tell) -> Iterator[tuple[str, Flat]]:
    """Every line, or item of a list, that holds an object: `line 3`, its row; the others are told.

    Raises:
        StorageError: the file cannot be read.
        DataError: it is empty, of another form, or a line is longer than `LONGEST`.
    """
    count = 0
    word, found = _pieces(path)
    for number, text in enumerate(found, start=1):
        where = f"{word} {number}"
        at = f"{path}, {where}"
        if not text.strip():
            tell(RowError(number, "an empty row", "an object", at, harmless=True))
            continue
        count += 1
        try:
            yield where, _flat(text)
        except ValueError as problem:
            got = shorten(text.decode(errors="backslashreplace").strip())
            tell(RowError(number, got, f"a JSON object ({problem})", at))
    if not count:
        raise DataError(f"{path}: the file is empty, expected a JSON object on each line")


def find_types(path: str) -> dict[str, pa.DataType]:
    """Field -> its type, from all lines, in the order fields are first met; null without values.

    Raises:
        DataError: a field holds values of kinds that have no common type; says where.
    """
    kinds: dict[str, dict[str, str]] = {}
    count = 0
    odd: list[RowError] = []
    for where, row in read_objects(path, lambda error: _keep_first(odd, error)):
        count += 1
        for name, value in row.items():
            met = kinds.setdefault(name, {})
            if value is not None:
                met.setdefault(_kind(value), where)
        if len(kinds) > MOST_FIELDS:
            raise DataError(
                f"{path}, {where}: by here objects have {len(kinds):,} different fields, "
                f"expected at most {MOST_FIELDS:,}. Are names used where values should stand?"
            )
    if not kinds:
        if odd:
            raise DataError(f"{odd[0].place}: got {odd[0].got!r}, expected {odd[0].expected}")
        raise DataError(f"{path}: got empty objects, expected some with named values")
    if count == 1 and len(kinds) > 1 and all(name.rpartition(".")[2].isdigit() for name in kinds):
        raise DataError(
            f"{path}: got one object of {len(kinds):,} numbered values, as pandas writes columns; "
            "expected one for each row:  table.to_json(PATH, orient='records', lines=True)"
        )
    return {name: _type(path, name, met) for name, met in kinds.items()}


def _keep_first(kept: list[RowError], error: RowError) -> None:
    if not kept and not error.harmless:
        kept.append(error)


def to_array(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Values of one field as a column of its type."""
    if pa.types.is_string(kind):
        values = [None if value is None else canonical(value) for value in values]
    elif pa.types.is_floating(kind):
        values = [None if value is None else _real(value) for value in values]
    elif kind == _TEXTS:
        values = [None if value is None else list(map(_text, value)) for value in values]
    elif kind == _OBJECTS:
        values = [None if value is None else [{}] * len(value) for value in values]
    return pa.array(values, kind)


def _text(item: Any) -> str | None:
    return None if item is None else canonical(item)


def _real(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # more than 308 digits
        return math.inf if number > 0 else -math.inf


def _pieces(path: str) -> tuple[str, Iterator[bytes]]:
    """What a file is made of, lines or items, and each of them as it stands there."""
    blocks = chunks(path)
    head = next(blocks, b"").removeprefix(BOM_UTF8)
    begin = before_items(path, head)
    if begin is None:
        return "line", _lines(path, chain([head], blocks))
    return "item", items(path, begin, chain([head[len(begin) :]], blocks), LONGEST)


def _lines(path: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
    number, rest = 0, b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        number += len(whole)
        yield from whole
        if len(rest) > LONGEST:
            raise DataError(
                f"{place(path, number + 1)}: longer than {LONGEST >> 20} MiB, expected a JSON "
                "object on each line. Is it of another format?"
            )
    if rest:
        yield rest


def _flat(line: bytes) -> Flat:
    """The object on a line.

    Raises:
        ValueError: it is none; says why.
    """
    try:
        row = _decoder.decode(line.decode().strip())
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8; save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(row, dict):
        raise ValueError(f"it is a {_kind(row) if row is not None else 'null'}")
    if b"\\u" in line and not is_unicode(json.dumps(row, ensure_ascii=False)):
        raise ValueError("an escape is half a character; expected valid Unicode")
    if any(type(value) is dict for value in row.values()):
        row = dict(_members(row, "", 0))
    return row


def _members(row: Mapping[str, Any], above: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _members(value, f"{above}{name}.", depth + 1)
        else:
            yield above + name, value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise ValueError("a name stands twice in it")
    return row


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refused)


def _kind(value: Any) -> str:
    single = _SINGLE.get(type(value))
    if single == "number":
        if isinstance(value, float):
            return "real"
        return "whole" if -_WHOLE <= value < _WHOLE else "real"
    if single:
        return single
    if not isinstance(value, list):
        return "object"
    inner = {_SINGLE.get(type(item), "object") for item in value if item is not None}
    if not inner:
        return "empty list"
    if len(inner) == 1:
        return f"list of {inner.pop()}s"
    return "mixed list" if "object" in inner else "list of texts"


_SINGLES = {"list of numbers", "list of texts", "list of truth values"}
_TEXTS = pa.list_(pa.string())
_OBJECTS = pa.list_(pa.struct([]))
_TYPES = {
    frozenset(): pa.null(),
    frozenset({"whole"}): pa.int64(),
    frozenset({"real"}): pa.float64(),
    frozenset({"whole", "real"}): pa.float64(),
    frozenset({"truth value"}): pa.bool_(),
    frozenset({"empty list"}): pa.list_(pa.float64()),
    frozenset({"list of numbers"}): pa.list_(pa.float64()),
    frozenset({"list of texts"}): _TEXTS,
    frozenset({"list of objects"}): _OBJECTS,
}
"""Kinds that stand in one field -> its type."""


def _type(path: str, name: str, met: Mapping[str, str]) -> pa.DataType:
    """The type of a field from the kinds in it, each with the line where it is first met."""
    kinds = frozenset(met)
    if kinds <= {"whole", "real", "truth value", "text"}:
        return _TYPES.get(kinds, pa.string())
    lists = kinds - {"empty list"}
    found = _TYPES.get(lists or kinds, _TEXTS if lists <= _SINGLES else None)
    if found is not None:
        return found
    told = ", ".join(f"{kind} in {where}" for kind, where in met.items())
    raise DataError(
        f"{path}: field {name!r} holds {told}; expected single values, or lists of numbers, of "
        "texts or of objects alone."
    )
