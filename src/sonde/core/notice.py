"""Notices: what happens inside a layer and must not pass in silence.

A layer says what happened; whoever runs it (the run's journal, the terminal) listens. Without a
listener a notice is a Python warning, so that nothing is ever lost. What is merely good to know is
told instead, and is no warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol


class Listener(Protocol):
    """Takes a notice: the message, whether it must be seen, and plain facts for the journal."""

    def __call__(self, message: str, important: bool, facts: dict[str, Any]) -> None:
        """One notice."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class SondeWarning(UserWarning):
    """A notice nobody listened to."""


def say(message: str, **facts: Any) -> None:
    """Tell whoever listens; `facts` are plain values that go into the journal."""
    listener = _listener.get()
    if listener is None:
        warnings.warn(message, SondeWarning, stacklevel=2)
    else:
        listener(message, True, facts)


def tell(message: str, **facts: Any) -> None:
    """Tell whoever listens what is good to know."""
    listener = _listener.get()
    if listener is not None:
        listener(message, False, facts)


def unheard(message: str, important: bool, facts: dict[str, Any]) -> None:
    """A listener for what is done twice, and told by whoever does it the other time."""


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Every notice said inside goes to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
