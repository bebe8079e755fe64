"""Errors that help: what came, what was expected, what to do.

Every error a user can cause is a `SondeError` with the exit code the command line answers with.
Anything else that escapes is our fault, exit code 70.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class SondeError(Exception):
    """The base of every error this package raises on purpose."""

    exit_code: ClassVar[int] = 70


class UsageError(SondeError, ValueError):
    """A flag, an option or an argument that cannot be meant."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe that cannot be read; `problems` pairs the place in the recipe with what is wrong."""

    def __init__(self, message: str, problems: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class UnknownKind(UsageError):
    """A name that no registered file and no plug-in has."""


class UnknownColumn(UsageError):
    """A field that the data does not have."""


class DataError(SondeError, ValueError):
    """Data that cannot be read as what it was declared to be."""

    exit_code = 65


class DamagedBundle(DataError):
    """A model file whose bytes are not what was sealed."""


class MissingPackage(SondeError, ImportError):
    """An optional package is needed; the message says the exact `pip install`."""

    exit_code = 69


class RunLocked(SondeError):
    """Another process works on this run."""

    exit_code = 73


class StorageError(SondeError, OSError):
    """A file that cannot be read or written."""

    exit_code = 74


class Interrupted(SondeError):
    """Stopped on request after a checkpoint: the same command goes on from here."""

    exit_code = 75


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where nothing is alike."""
    known = list(known)
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if found:
        return found[0]
    folded = {word.casefold(): word for word in known}
    return folded.get(name.casefold())


def listed(names: Iterable[str], most: int = 12) -> str:
    """`a, b, c, ... (9 more)`: names for a message, never a page of them."""
    names = list(names)
    shown = ", ".join(names[:most])
    more = f", ... ({len(names) - most} more)" if len(names) > most else ""
    return (shown + more) or "none"


def counted(number: int, noun: str) -> str:
    """`1 row`, `1,234 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The sentence for an unknown name: what came, the nearest one, all there are."""
    known = sorted(known)
    near = nearest(name, known)
    hint = f" Did you mean {near!r}?" if near else ""
    return f"unknown {what} {name!r}.{hint} Known: {listed(known, 30)}"
