"""The settings that YOLO's tools take instead of a folder: `data.yaml`.

    path: ../datasets/cells          where the pictures lie; without it, beside this file
    train: images/train              which of them are for what
    val: images/val
    names: [red cell, white cell]    or {0: red cell, 1: white cell}

Only `path` and `names` are followed: which part a picture is of, its folders say themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from sonde.core.errors import DataError


def is_settings(plain: object) -> bool:
    """Whether YAML tells where the pictures of `train` and `val` lie and how classes are called."""
    told = plain if isinstance(plain, Mapping) else {}
    return "names" in told and ("train" in told or "val" in told) and "task" not in told


def folders_of(settings: Mapping[str, Any], path: str) -> Iterator[str]:
    """Where the pictures may lie: `path`, from the file's folder, the one around it or here."""
    own = PurePath(path).parent
    if isinstance(told := settings.get("path"), str) and told:
        yield from (str(start / told) for start in (own, own.parent, PurePath()))
    yield str(own)


def names_in(settings: Mapping[str, Any], place: str) -> tuple[str, ...]:
    """The `names` of settings: a list, or a mapping from 0, 1, 2, ...

    Raises:
        DataError: there are none.
    """
    names = settings.get("names")
    if isinstance(names, Mapping) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(n, str | int) for n in names):
        raise DataError(f"{place}: got names {str(names)[:80]}, expected a list of texts, or a "
                        "mapping from 0, 1, 2, ... to texts")  # fmt: skip
    return tuple(map(str, names))
