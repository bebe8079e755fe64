"""Lines of a file that give no row: said with their places, since all others seem to be all."""

from __future__ import annotations

from collections.abc import Sequence

from sonde.contracts.data import RowError
from sonde.core.errors import listed
from sonde.core.notice import say


def say_unread(where: str, errors: Sequence[RowError], fate: str) -> None:
    """Say which lines are broken and which are empty, nothing where none is.

    Args:
        where: the file or the source.
        errors: as `Source.scan` tells them.
        fate: the words before "what cannot be read", such as "no answer to".
    """
    empty = [error for error in errors if error.harmless]
    if broken := [error for error in errors if not error.harmless]:
        first = broken[0]
        say(
            f"{where}: {fate} what cannot be read, {_places(broken)}. The first: got "
            f"{first.got!r}, expected {first.expected}"
        )
    if empty:
        say(f"{where}: {fate} what is empty, {_places(empty)}")


def _places(errors: Sequence[RowError]) -> str:
    """`line 3, line 7`; of files the names."""
    places = [(error.place or f"line {error.row:,}").rpartition(", ")[2] for error in errors]
    return listed(places, 8)
