"""Spaces: what an agent sees and what it may do, as plain data that a model file can keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from sonde.core.errors import UsageError
from sonde.core.spec import Spec

if TYPE_CHECKING:
    import gymnasium

_WIDEST = 16_384
"""Numbers of an observation that is still taken for a vector."""


class Spaces(Spec):
    """What one observation and one action are.

    An observation is a picture of bytes, (C, H, W), or else a vector of D numbers: what has parts
    is laid out one after another, and a choice among n is n indicators. Of `frames` observations
    seen at once, the newest last, the first axes are joined. An action is one of `choices`, or A
    numbers between bounds.
    """

    seen: tuple[int, ...]
    """The axes of one observation, (D,) or (C, H, W)."""
    frames: int = Field(1, ge=1)
    """How many of the last observations are seen at once."""
    choices: int | None = Field(None, ge=1)
    """How many actions there are to choose from; None where an action is numbers."""
    first: int = 0
    """The environment's number of the first choice."""
    centre: tuple[float, ...] = ()
    """Of actions that are numbers: the middle of each one's range; 0 where it has no bounds."""
    half: tuple[float, ...] = ()
    """Half of each one's range; 1 where it has no bounds."""
    bounded: tuple[bool, ...] = ()
    """Whether it has bounds."""
    shape: tuple[int, ...] = ()
    """The axes the environment wants its numbers in."""

    def __str__(self) -> str:
        does = f"{self.choices} choices" if self.choices else f"{len(self.centre)} numbers"
        sees = f"{self.seen[0]} numbers" if not self.is_picture else f"{self.seen} bytes"
        return f"observations of {sees}, actions of {does}"

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of what is seen at once."""
        return (self.frames * self.seen[0], *self.seen[1:])

    @property
    def is_picture(self) -> bool:
        """Whether an observation is a picture."""
        return len(self.seen) > 1

    @property
    def dtype(self) -> type[np.generic]:
        """What an observation is kept in."""
        return np.uint8 if self.is_picture else np.float32

    def scaled(self, raw: np.ndarray) -> np.ndarray:
        """(n, A) numbers in [-1, 1] as the environment's own, kept within its bounds."""
        free = ~np.array(self.bounded)
        within = np.where(free, raw, np.clip(raw, -1, 1))
        made: np.ndarray = np.array(self.centre) + np.array(self.half) * within
        return made.astype(np.float32)

    def action(self, one: Any) -> Any:
        """One row of actions as the environment takes it."""
        if self.choices is not None:
            return self.first + int(one)
        return np.asarray(one, np.float32).reshape(self.shape)

    def random(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Actions drawn evenly: (count,) int64, or (count, A) float32."""
        if self.choices is not None:
            return rng.integers(self.choices, size=count)
        return self.scaled(rng.uniform(-1, 1, (count, len(self.centre))))

    def plain(self, actions: list[Any]) -> list[Any]:
        """Actions as plain data; a float32 survives as the float64 that equals it."""
        if self.choices is not None:
            return [int(action) for action in actions]
        return [np.asarray(action, np.float64).tolist() for action in actions]

    def from_plain(self, actions: list[Any]) -> list[Any]:
        """The inverse of `plain`."""
        if self.choices is not None:
            return actions
        return [np.array(action, np.float32) for action in actions]


def read_spaces(env: gymnasium.Env[Any, Any], title: str, frames: int = 1) -> Spaces:
    """The spaces of an environment, of which `frames` observations are seen at once.

    Raises:
        UsageError: they are of a kind that no agent here can see or act in.
    """
    from gymnasium import spaces

    seen, done = env.observation_space, env.action_space
    try:
        width = spaces.utils.flatdim(seen) if seen.is_np_flattenable else 0
    except (NotImplementedError, ValueError):
        width = 0
    picture = _picture(seen)
    if picture is None and not 0 < width <= _WIDEST:
        raise UsageError(
            f"environment {title}: got observations {seen}, expected numbers or choices of fixed "
            f"number, at most {_WIDEST:,} numbers in all, or a picture of bytes, (H, W) or "
            "(H, W, C). Wrap it so that it gives one of them."
        )
    sees: dict[str, Any] = {"seen": picture or (width,), "frames": frames}
    if isinstance(done, spaces.Discrete):
        return Spaces(**sees, choices=int(done.n), first=int(done.start))
    if not isinstance(done, spaces.Box) or not np.issubdtype(done.dtype, np.floating):
        raise UsageError(
            f"environment {title}: got actions {done}, expected Discrete or a Box of floats. "
            "Wrap it so that an action is one choice, or numbers."
        )
    low, high = done.low.astype(float).ravel(), done.high.astype(float).ravel()
    bounded = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore"):
        centre = np.where(bounded, (low + high) / 2, 0.0)
        half = np.where(bounded, (high - low) / 2, 1.0)
    return Spaces(
        **sees,
        centre=tuple(centre.tolist()),
        half=tuple(half.tolist()),
        bounded=tuple(bounded.tolist()),
        shape=tuple(done.shape),
    )


def flattener(env: gymnasium.Env[Any, Any]) -> Callable[[Any], np.ndarray]:
    """What lays an observation out: a vector (D,) float32, or a picture (C, H, W) uint8."""
    from gymnasium import spaces

    space = env.observation_space
    if _picture(space) is not None:
        return lambda seen: np.atleast_3d(np.asarray(seen, np.uint8)).transpose(2, 0, 1)
    if isinstance(space, spaces.Box):  # the usual case, without the detour
        return lambda seen: np.asarray(seen, np.float32).reshape(-1)
    return lambda seen: np.asarray(spaces.utils.flatten(space, seen), np.float32)


def _picture(space: gymnasium.Space[Any]) -> tuple[int, int, int] | None:
    """(C, H, W) of a space of pictures: bytes in two axes, or in three with at most 4 channels."""
    from gymnasium import spaces

    if not isinstance(space, spaces.Box) or space.dtype != np.uint8:
        return None
    axes = (*space.shape, 1) if len(space.shape) == 2 else space.shape
    if len(axes) != 3 or axes[2] > 4:
        return None
    return (axes[2], axes[0], axes[1])
