"""Room in memory for pictures that are decoded at once, however many threads there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

MOST_AT_ONCE = 50_000_000
"""Pixels that are being decoded at a time: a few hundred megabytes, since each takes some bytes
decoded and as many again turned or in another mode. The largest picture alone is let through."""


class Room:
    """Lets threads in until so many pixels are inside; one that finds nobody else always goes in.

    Small pictures pass at once: two locks cost a microsecond.
    """

    def __init__(self, most: int) -> None:
        """A room for `most` pixels."""
        self._most = most
        self._taken = 0
        self._freed = Condition()

    @contextmanager
    def taking(self, pixels: int) -> Iterator[None]:
        """Holds room for so many pixels while the block runs."""
        with self._freed:
            self._freed.wait_for(lambda: not self._taken or self._taken + pixels <= self._most)
            self._taken += pixels
        try:
            yield
        finally:
            with self._freed:
                self._taken -= pixels
                self._freed.notify_all()


DECODING = Room(MOST_AT_ONCE)
"""The one room of this process."""
