"""Films: what episodes looked like, as an environment draws itself while it is acted in."""

from __future__ import annotations

import math

import numpy as np

from sonde.core.notice import say
from sonde.core.picture import PER_SECOND
from sonde.data.acting import Copies


class Camera:
    """Takes frames of the episode that each of the first copies is in when it is set up.

    A film runs as fast as the environment's own clock: of fifty states a second two in five are
    kept, and of four a second each is held. Frames are made smaller by a whole factor.

    Args:
        copies: environments that draw; those from `count` on are not filmed.
        count: how many episodes.
        side: pixels the longer side may have.
        seconds: how long a film may last.
    """

    def __init__(self, copies: Copies, count: int, *, side: int, seconds: float) -> None:
        self._copies, self._side = copies, side
        self._most = round(seconds * PER_SECOND)
        self._rate = copies.per_second or PER_SECOND
        self._films: list[list[np.ndarray]] = [[] for _ in range(count)]
        self._cut: set[int] = set()
        self._numbers = [copies.number(copy) for copy in range(count)]
        for copy in range(count):
            self._take(copy)
        copies.watch = self._take

    def developed(self) -> tuple[np.ndarray, np.ndarray]:
        """(F, H, W, 3) uint8, the frames of all films one after another, and how many each has."""
        lengths = np.array([len(film) for film in self._films], np.int64)
        if self._cut:
            say(f"{len(self._cut)} of {len(lengths)} films end before their episode does, after "
                f"{self._most / PER_SECOND:g} seconds")  # fmt: skip
        return np.stack([frame for film in self._films for frame in film]), lengths

    def _take(self, copy: int) -> None:
        """A frame of a copy that has moved, as often as the clock says."""
        if copy >= len(self._films) or self._copies.number(copy) != self._numbers[copy]:
            return
        film, passed = self._films[copy], self._copies.taken(copy)
        due = math.ceil((passed + 1) * PER_SECOND / self._rate - 1e-9) - len(film)
        if due <= 0:
            return
        if len(film) + due > self._most:
            self._cut.add(copy)
            return
        film += [reduced(self._copies.frame(copy), self._side)] * due


def reduced(frame: np.ndarray, side: int) -> np.ndarray:
    """(H, W, 3) uint8 made smaller by the least whole factor that leaves no side longer."""
    from PIL import Image

    factor = -(-max(frame.shape[:2]) // side)
    return np.asarray(Image.fromarray(frame).reduce(factor)) if factor > 1 else frame.copy()
