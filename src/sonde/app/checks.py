"""Checks that need no torch: kinds, files, columns. They come before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sonde.core.errors import RecipeError, SondeError, StorageError
from sonde.core.registry import registry
from sonde.core.text import from_json, from_yaml, read_text
from sonde.data.sources._files import expand, is_pattern, located
from sonde.data.sources._within import into_archive
from sonde.data.sources._yolo_settings import is_settings

_RECIPE_SUFFIXES = (".yaml", ".yml", ".json")
_ALWAYS = {"task", "source"}
"""What a recipe has, in full or misspelt in part."""
_LONGEST = 1 << 20
"""Bytes of the longest recipe."""
_PLACES = {"source": "source", "split": "split", "task": "task", "model": "model",
           "paradigm": "paradigm"}  # fmt: skip


def is_recipe(path: str) -> bool:
    """Whether a path names a recipe rather than data; JSON may be either, and YAML settings."""
    suffix = Path(path).suffix.lower()
    return suffix in _RECIPE_SUFFIXES and not (
        _is_data(path) if suffix == ".json" else _tells_of_data(path)
    )


def _tells_of_data(path: str) -> bool:
    """Whether YAML says where data lies, in the form of another tool, and not what is learned."""
    with suppress(SondeError):  # for whoever reads the recipe to tell
        text = read_text(path)
        return "names" in text and is_settings(from_yaml(text))  # a recipe is parsed once
    return False


def _is_data(path: str) -> bool:
    """Whether JSON lacks what every recipe has, or is of a form that a source knows."""
    from sonde.data.guess import recognised  # it imports numpy and pyarrow

    with suppress(SondeError):  # for whoever reads it to tell
        if Path(located(path)).stat().st_size > _LONGEST:
            return True
        text = read_text(path)
        whole = _parsed(text) or _parsed(text.partition("\n")[0])  # an object on each line
        if whole is not None and not (isinstance(whole, Mapping) and _ALWAYS & set(whole)):
            return True
    return recognised(path) is not None


def _parsed(text: str) -> Any:
    """A JSON object or list; None where it is none."""
    with suppress(ValueError):
        return from_json(text) or None
    return None


def read_recipe(path: str) -> dict[str, Any]:
    """A recipe file as plain data whose kinds all exist.

    Raises:
        StorageError: there is no such file.
        RecipeError: it is not YAML, or not a mapping.
        UnknownKind: a kind is not registered.
    """
    plain = from_yaml(read_text(path), where=path)
    if not isinstance(plain, Mapping):
        raise RecipeError(f"{path}: expected a mapping with source, task, ..., got {plain!r:.80}")
    check_kinds(plain)
    return dict(plain)


def check_kinds(plain: Mapping[str, Any]) -> None:
    """Every kind named in a recipe is registered; nothing is imported.

    Raises:
        UnknownKind: one is not; names the nearest.
    """
    for place, family in _PLACES.items():
        _check(family, plain.get(place))
    for column in (plain.get("columns") or {}).values():
        _check("column", column)
    for augment in plain.get("augment") or ():
        _check("augment", augment)


def _check(family: str, value: Any) -> None:
    kind = value.get("kind") if isinstance(value, Mapping) else value
    if isinstance(kind, str):
        registry(family).check(kind)


def there(path: str) -> str:
    """The path itself, where something lies there.

    Raises:
        StorageError: nothing does.
    """
    if is_pattern(path):
        expand(path)
    elif not Path(located(path)).exists() and into_archive(path) is None:
        near = [p.name for p in Path(path).parent.glob(f"{Path(path).stem[:3]}*")][:5]
        hint = f" Near it: {', '.join(near)}." if near else ""
        raise StorageError(f"{path}: no such file or folder.{hint} Looked from {Path.cwd()}")
    return path
