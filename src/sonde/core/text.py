"""YAML and JSON, read strictly: no tags, no duplicate keys, no NaN, and a message with the line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from sonde.core.errors import RecipeError, StorageError

_MOST_DIGITS = 4300  # Python itself makes no longer whole numbers from text

_WORD = re.compile(r"[^\W\d_][\w./-]*( [\w./-]+)*")


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses what a recipe never needs."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key, mark = self.construct_object(key_node, deep=True), key_node.start_mark
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key must be plain", mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_text(path: str | Path) -> str:
    """A file's text.

    Raises:
        StorageError: it is missing, a folder, or not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise StorageError(f"{path}: no such file. Looked from {Path.cwd()}") from None
    except UnicodeDecodeError as error:
        raise StorageError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from None


def from_yaml(text: str, *, where: str = "the recipe") -> Any:
    """Plain data from YAML (of which JSON is a part).

    Raises:
        RecipeError: with the line and column.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RecipeError(f"{where}{place}: {error.problem or 'not YAML'}") from None
    except RecursionError:
        raise RecipeError(f"{where}: nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:  # such as a date with a thirteenth month
        raise RecipeError(f"{where}: not YAML: {error}") from None


def to_yaml(data: Any) -> str:
    """YAML in the order given, short lists on one line."""
    return yaml.safe_dump(
        data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )


def is_unicode(text: str) -> bool:
    """False of a text with lone surrogates: of a file's name that is no UTF-8, or of JSON's."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def to_flow(names: Iterable[str]) -> str:
    """A list of names as YAML on one line, `[age, "a, b"]`, without control characters."""

    def written(name: str) -> str:
        if _WORD.fullmatch(name) and from_yaml(name) == name:  # not `no`
            return name
        quoted = to_json(name)
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in quoted)

    return f"[{', '.join(map(written, names))}]"


def to_json(data: Any, *, indent: int | None = None) -> str:
    """JSON with sorted nothing and hidden nothing; NaN and infinity are refused."""
    separators = None if indent else (",", ":")
    return json.dumps(
        data, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators
    )


def finite(node: Any) -> Any:
    """Plain data in which numbers that are not finite are null: JSON has no word for them."""
    if isinstance(node, Mapping):
        return {key: finite(item) for key, item in node.items()}
    if isinstance(node, list | tuple):
        return [finite(item) for item in node]
    return None if isinstance(node, float) and not math.isfinite(node) else node


def from_json(text: str, *, most_depth: int = 64) -> Any:
    """Plain data from JSON, refusing duplicate keys, NaN, infinities and deep nesting.

    Raises:
        ValueError: saying which.
    """

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(items)
        if len(made) != len(items):
            raise ValueError("a key stands twice")
        return made

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is not allowed")

    def whole(digits: str) -> int:
        if len(digits) > _MOST_DIGITS:
            raise ValueError(f"a number has more than {_MOST_DIGITS:,} digits")
        return int(digits)

    def number(digits: str) -> float:
        value = float(digits)
        if value in (float("inf"), float("-inf")):
            raise ValueError("a number is too large")
        return value

    try:
        data = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_constant=constant,
            parse_float=number,
            parse_int=whole,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _depth(data) > most_depth:
        raise ValueError(f"nested more than {most_depth} deep")
    return data


def _depth(data: Any) -> int:
    depth, level = 0, [data]
    while level:
        depth += 1
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return depth
