"""Words by which folders, files and fields name the parts of a set of data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from sonde.core.errors import DataError

PARTS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}
"""What parts are called by others -> what we call them, in the order of ours."""


def part_of(word: str) -> str | None:
    """'train', 'valid' or 'test', in whatever case others name it; None where it names no part."""
    return PARTS.get(word.strip().lower())


def parts_told(names: Iterable[str]) -> dict[str, str]:
    """The names that say a part -> the part: train and test, else seg_train and seg_test.

    Other words of a name count only where they are the same for train and another part.
    """
    found: dict[tuple[str, ...], dict[str, str]] = {(): {}}
    for name in names:
        words = re.split(r"[-_. ]+", name.lower())
        parts = [part for word in words if (part := part_of(word))]
        if len(parts) == 1:
            others = tuple(word for word in words if not part_of(word))
            found.setdefault(others, {})[name] = parts[0]
    plain = found.pop(())
    several = (told for told in found.values() if {"train"} < set(told.values()))
    return plain if "train" in plain.values() else next(several, plain)


def one_each(names: Iterable[str], where: str, word: Callable[[str], str] = str) -> dict[str, str]:
    """Part -> the only name that says it, in our order; names that say no part are left out.

    Args:
        names: of folders or files.
        where: they lie, for the error.
        word: takes the word for the part out of a name.

    Raises:
        DataError: two names say one part.
    """
    found: dict[str, str] = {}
    for name in names:
        part = part_of(word(name))
        if part in found:
            raise DataError(
                f"{where} holds both {found[part]} and {name}, expected one for a part. Keep one, "
                "or move the rows of one into the other."
            )
        if part is not None:
            found[part] = name
    return {part: found[part] for part in dict.fromkeys(PARTS.values()) if part in found}


def before_dot(name: str) -> str:
    """The word that `train.csv.gz` begins with."""
    return name.partition(".")[0]
