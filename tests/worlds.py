"""Small environments for tests: two that can be solved by thought, and broken ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

TWO_STATES, BROKEN, MOVING = "Sonde/TwoStates-v0", "Sonde/Broken-v0", "Sonde/Moving-v0"
DRAWN = "Sonde/Drawn-v0"


class TwoStates(gymnasium.Env[Any, Any]):
    """Staying in state 0 pays 0.1, in state 1 it pays 1, changing pays nothing.

    The best policy changes once and then stays: 9 in ten steps, where the greedy one gets 1.
    """

    def __init__(self) -> None:
        self.observation_space = spaces.Discrete(2)
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict]:
        super().reset(seed=seed)
        self.state = 0
        return self.state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict]:
        if action:
            self.state = 1 - self.state
            return self.state, 0.0, False, False, {}
        return self.state, (1.0 if self.state else 0.1), False, False, {}


class Moving(gymnasium.Env[Any, Any]):
    """A bright column that moves to the left or to the right; to say which pays 1.

    One picture does not show it: two one after another do, but for the first of an episode.
    """

    def __init__(self) -> None:
        self.observation_space = spaces.Box(0, 255, (5, 8), np.uint8)
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.place, self.way = (int(n) for n in self.np_random.integers((8, 2)))
        return self._picture(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.place = (self.place + 2 * self.way - 1) % 8
        return self._picture(), float(action == self.way), False, False, {}

    def _picture(self) -> np.ndarray:
        picture = np.zeros((5, 8), np.uint8)
        picture[:, self.place] = 255
        return picture


class Drawn(gymnasium.Env[Any, Any]):
    """A walk on a line, drawn as a red column that moves; it ends in either direction.

    The background is of a shade of its own in each episode.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 40}
    way = ""

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,))
        self.action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.place, self.shade = (int(self.np_random.integers(*of)) for of in ((8, 12), (0, 250)))
        self.steps = 0
        return self._seen(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.place, self.steps = self.place + 2 * int(action) - 1, self.steps + 1
        return self._seen(), 1.0, not 0 < self.place < 19, False, {}

    def render(self) -> Any:
        if Drawn.way == "raise":
            raise ZeroDivisionError("no light")
        if Drawn.way == "package":
            raise gymnasium.error.DependencyNotInstalled("pip install paint")
        frame = np.zeros((10, 20, 3), np.uint8)
        frame[..., 2] = self.shade
        frame[:, self.place] = 255, 0, self.steps
        return frame[..., 0] if Drawn.way == "flat" else frame

    def _seen(self) -> np.ndarray:
        return np.array([self.place - 10, self.steps], np.float32)


class Broken(gymnasium.Env[Any, Any]):
    """An environment that breaks in the third step in the way it is asked to."""

    way = ""

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,))
        self.action_space: spaces.Space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.steps += 1
        seen, reward = np.full(2, self.steps, np.float32), 1.0
        if self.steps == 3:
            if Broken.way == "raise":
                raise ZeroDivisionError("the cart left the world")
            if Broken.way == "reward":
                reward = float("nan")
            if Broken.way == "observation":
                seen[1] = np.nan
            if Broken.way == "wider":
                seen = np.zeros(3, np.float32)
            if Broken.way == "actions":
                self.action_space = spaces.Discrete(3)
                return seen, reward, True, False, {}
        if Broken.way == "carried":  # what a reset leaves is seen in the next episode
            self.ever = getattr(self, "ever", 0) + 1
            seen[1] = self.ever
        if Broken.way == "hidden":
            seen = np.random.default_rng().normal(size=2).astype(np.float32)
        return seen, reward, False, False, {}


@contextmanager
def registered() -> Iterator[None]:
    """They are known to gymnasium inside."""
    gymnasium.register(TWO_STATES, TwoStates, max_episode_steps=10, disable_env_checker=True)
    gymnasium.register(MOVING, Moving, max_episode_steps=10, disable_env_checker=True)
    gymnasium.register(DRAWN, Drawn, max_episode_steps=30, disable_env_checker=True)
    gymnasium.register(BROKEN, Broken, max_episode_steps=30, disable_env_checker=True)
    try:
        yield
    finally:
        Broken.way = Drawn.way = ""
        for name in (TWO_STATES, BROKEN, MOVING, DRAWN):
            del gymnasium.registry[name]
