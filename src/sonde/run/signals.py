"""Stopping on request: the first signal ends the run after its step, the second at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class StopRequest:
    """While active, SIGTERM and SIGINT set `asked` instead of ending the process."""

    def __init__(self) -> None:
        self.asked = False
        self.reason = ""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals over, where this thread may."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        self._give_back()

    def _ask(self, number: int, _: FrameType | None) -> None:
        self.asked = True
        self.reason = signal.Signals(number).name
        self._give_back()

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
