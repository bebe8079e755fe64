"""Acting: copies of an environment side by side, whose present can be saved and brought back.

Every episode begins from a seed of its own, so that where an episode stands follows from its seed
and the actions taken in it. That is what is saved: an environment needs no state that could be
set. Coming back, the actions are taken again, and the last observation must be the one that was
saved, bit by bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

from sonde.contracts.data import World
from sonde.core.errors import DataError, MissingPackage, UsageError
from sonde.core.notice import say
from sonde.data.spaces import Spaces, flattener, read_spaces

if TYPE_CHECKING:
    import gymnasium
    from torch import nn

Policy = Callable[[np.ndarray], np.ndarray]
"""(n, D) float32 or (n, C, H, W) uint8 observations -> actions, (n,) int64 or (n, A) float32."""


LONGEST = 30_000
"""Actions after which an episode is cut where the environment does not do so."""


@runtime_checkable
class Acts(Protocol):
    """A task whose model is a policy."""

    @property
    def world(self) -> World:
        """The environment."""

    @property
    def acts_in(self) -> Spaces:
        """What is seen and done."""

    def policy(self, model: nn.Module) -> Policy:
        """Observations -> the best actions, as the environment takes them."""


class Finished(NamedTuple):
    """An episode that has ended.

    Attributes:
        copy: the copy it was played in.
        number: which episode it was; over all copies each is met once.
        total: the sum of its rewards.
        length: how many actions were taken.
    """

    copy: int
    number: int
    total: float
    length: int


@dataclass(frozen=True)
class Stepped:
    """What one action in each of n copies led to.

    Attributes:
        rewards: (n,) float64.
        ended: (n,) bool, the episode is over: nothing follows.
        cut: (n,) bool, the episode was stopped, by a limit of time: more would have followed.
        after: (n, ...) what was seen next, before any new episode, as `Copies.observations`.
        finished: the episodes that ended or were cut.
    """

    rewards: np.ndarray
    ended: np.ndarray
    cut: np.ndarray
    after: np.ndarray
    finished: list[Finished]


@dataclass(frozen=True)
class Staging:
    """How episodes are staged.

    Attributes:
        renew: whether each is played in an environment made for it alone; for those that carry
            something over when they are reset (BipedalWalker does, by Box2D).
        draws: whether `frame` is going to be asked for.
        first: the number of copy 0's first episode; copy 1 begins with the next, and so on.
    """

    renew: bool = False
    draws: bool = False
    first: int = 0


_USUAL = Staging()


class Copies:
    """`count` copies of an environment, each playing one episode after another.

    Attributes:
        spaces: what is seen and done.
        observations: what each copy shows now, (n, D) float32 or (n, C, H, W) uint8.
        watch: told of every copy that has moved, before it begins a new episode.
    """

    def __init__(
        self,
        world: World,
        count: int,
        seed: int,
        spaces: Spaces | None = None,
        *,
        frames: int = 1,
        staging: Staging = _USUAL,
    ) -> None:
        """Begin the first episode of every copy.

        Args:
            world: the environment.
            count: the number of copies n.
            seed: of all episodes.
            spaces: what observations and actions were when the model was trained.
            frames: how many observations are seen at once, where `spaces` does not say.
            staging: how episodes are staged.

        Raises:
            UsageError: no such environment, its spaces cannot be learned in, or it cannot draw.
            DataError: they are other than `spaces`.
        """
        self._world, self._seed, self._staging = world, seed, staging
        self.watch: Callable[[int], None] | None = None
        self._envs = _made(world, count, seed, draws=staging.draws)
        frames = spaces.frames if spaces is not None else frames
        self.spaces = read_spaces(self._envs[0], world.title, frames)
        if spaces is not None and spaces != self.spaces:
            raise DataError(
                f"environment {world.title}: its spaces changed. In training: {spaces}; "
                f"now: {self.spaces}. Take the version of the environment it was trained in."
            )
        self._index = np.full(count, -1, np.int64)
        self._actions: list[list[Any]] = [[] for _ in range(count)]
        self._totals = np.zeros(count)
        self._flat = flattener(self._envs[0])
        self._spaces = [(env.observation_space, env.action_space) for env in self._envs]
        self.observations = np.zeros((count, *self.spaces.axes), self.spaces.dtype)
        for copy in range(count):
            self._begin(copy)

    def __len__(self) -> int:
        return len(self._envs)

    def step(self, actions: np.ndarray) -> Stepped:
        """One action in every copy; a copy whose episode is over begins the next.

        Args:
            actions: (n,) int64 numbers of choices, or (n, A) float32.

        Raises:
            DataError: the environment raised, or gave what cannot be learned from.
        """
        count = len(self._envs)
        rewards, ended, cut = np.zeros(count), np.zeros(count, bool), np.zeros(count, bool)
        after, finished = np.empty_like(self.observations), []
        for copy, action in enumerate(actions):
            rewards[copy], ended[copy], cut[copy] = self._take(copy, action)
            after[copy] = self.observations[copy]
            if len(self._actions[copy]) >= LONGEST and not ended[copy] and not cut[copy]:
                cut[copy] = True
                say(f"environment {self._world.title} did not end in {LONGEST:,} actions, so that "
                    "the episode was cut; give it a limit of time")  # fmt: skip
            if ended[copy] or cut[copy]:
                finished.append(self._result(copy))
                self._begin(copy)
        return Stepped(rewards, ended, cut & ~ended, after, finished)

    @property
    def per_second(self) -> float | None:
        """Actions in a second of the environment's own clock, where it says so."""
        rate = (self._envs[0].metadata or {}).get("render_fps")
        return float(rate) if rate else None

    def number(self, copy: int) -> int:
        """Which episode a copy is in; two copies are never in the same one."""
        return self._staging.first + copy + int(self._index[copy]) * len(self)

    def taken(self, copy: int) -> int:
        """Actions that were taken in the running episode of a copy."""
        return len(self._actions[copy])

    def frame(self, copy: int) -> np.ndarray:
        """What a copy looks like now, (H, W, 3) uint8.

        Raises:
            MissingPackage: what it draws with is not installed.
            DataError: it drew something else, or raised.
        """
        import gymnasium

        try:
            drawn = self._envs[copy].render()
        except gymnasium.error.DependencyNotInstalled as error:
            raise MissingPackage(f"environment {self._world.title} cannot draw: {error}") from None
        except Exception as error:
            raise DataError(self._raised(copy, error, "render")) from error
        frame = np.asarray(drawn)
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise DataError(
                f"{self._where(copy)}: drew {frame.dtype} {frame.shape}, expected a picture "
                "(H, W, 3) of uint8. Mend its `render`, or do without frames."
            )
        return frame

    def close(self) -> None:
        """Give back what the environments hold."""
        for env in self._envs:
            env.close()

    def state(self) -> dict[str, Any]:
        """The number of each running episode, the actions taken in it, and what is seen now."""
        return {
            "index": self._index.tolist(),
            "totals": self._totals.tolist(),
            "actions": [self.spaces.plain(actions) for actions in self._actions],
            "seen": hashlib.sha256(self.observations.tobytes()).hexdigest(),
        }

    def restore(self, state: dict[str, Any]) -> bool:
        """Take the saved actions again; whether all that is seen is what was seen then."""
        for copy, actions in enumerate(state["actions"]):
            self._index[copy] = state["index"][copy] - 1
            self._begin(copy)
            for action in self.spaces.from_plain(actions):
                self._take(copy, action)
        self._totals = np.array(state["totals"], float)
        return bool(self.state()["seen"] == state["seen"])

    def _episode_seed(self, copy: int) -> int:
        """The seed the running episode was reset with, in [0, 2**31)."""
        from sonde.core import seed as seeds  # it imports torch

        return seeds.key(self._seed, "episode", self.number(copy)) % 2**31

    def _begin(self, copy: int) -> None:
        """The next episode of a copy."""
        self._index[copy] += 1
        self._actions[copy] = []
        self._totals[copy] = 0.0
        number = self._episode_seed(copy)
        if self._staging.renew:
            self._envs[copy].close()
            (self._envs[copy],) = _made(self._world, 1, number, draws=self._staging.draws)
        try:
            seen, _ = self._envs[copy].reset(seed=number)
        except Exception as error:
            raise DataError(self._raised(copy, error, "reset")) from error
        self._same_spaces(copy)
        self._see(copy, seen, first=True)

    def _take(self, copy: int, action: Any) -> tuple[float, bool, bool]:
        """One action in one copy: reward, over, cut."""
        self._actions[copy].append(action)
        try:
            seen, reward, ended, cut, _ = self._envs[copy].step(self.spaces.action(action))
        except Exception as error:
            raise DataError(self._raised(copy, error, "step")) from error
        value = float(reward)
        if not np.isfinite(value):
            raise DataError(f"{self._where(copy)}: got reward {value}, expected a finite number. "
                            "The environment is broken; mend it, or wrap it.")  # fmt: skip
        self._see(copy, seen)
        self._totals[copy] += value
        if self.watch is not None:
            self.watch(copy)
        return value, bool(ended), bool(cut)

    def _see(self, copy: int, seen: Any, *, first: bool = False) -> None:
        """Take in an observation; the first of an episode stands for those before it too."""
        try:
            values = self._flat(seen)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            raise DataError(f"{self._where(copy)}: got observation {seen!r:.80}, which its space "
                            f"does not hold: {error}") from None  # fmt: skip
        if values.shape != self.spaces.seen:
            raise DataError(f"{self._where(copy)}: its spaces changed: got an observation of "
                            f"shape {values.shape}, expected {self.spaces.seen}")  # fmt: skip
        if not self.spaces.is_picture and not np.isfinite(values).all():
            at = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(
                f"{self._where(copy)}: got observation {values[at]} at place {at}, expected finite "
                "numbers. The environment is broken; mend it, or wrap it."
            )
        shown, depth = self.observations[copy], self.spaces.seen[0]
        if first:
            shown[:] = np.concatenate([values] * self.spaces.frames)
            return
        shown[:-depth] = shown[depth:]  # a view is moved along, also onto itself
        shown[-depth:] = values

    def _same_spaces(self, copy: int) -> None:
        env, (seen, done) = self._envs[copy], self._spaces[copy]
        for before, now in ((seen, env.observation_space), (done, env.action_space)):
            if now is not before and now != before:
                raise DataError(
                    f"{self._where(copy)}: its spaces changed from {before} to {now}. "
                    "A network has one shape; wrap the environment so that its spaces stay."
                )

    def _result(self, copy: int) -> Finished:
        return Finished(copy, self.number(copy), float(self._totals[copy]), self.taken(copy))

    def _where(self, copy: int) -> str:
        """The place of a fault, so that it can be met again."""
        return (
            f"environment {self._world.title}, step {self.taken(copy)} of the episode with seed "
            f"{self._episode_seed(copy)}"
        )

    def _raised(self, copy: int, error: Exception, call: Literal["reset", "step", "render"]) -> str:
        return (
            f"{self._where(copy)}: its `{call}` raised {type(error).__name__}: {error}. Training "
            "stands at the last checkpoint; mend the environment and give the same command again."
        )


def _made(world: World, count: int, seed: int, *, draws: bool) -> list[gymnasium.Env[Any, Any]]:
    """The single environments of a vector of them."""
    made = world.make(count, seed, render=True) if draws else world.make(count, seed)
    envs = list(getattr(made, "envs", []))
    if len(envs) != count:
        raise UsageError(
            f"world {world.title} gives {len(envs)} single environments, expected {count}; its "
            "`make` must give a vector environment with `envs`, as the mode 'sync' does"
        )
    return envs


def repeats_itself(world: World, seed: int, *, renew: bool = False, steps: int = 100) -> bool:
    """Whether equal actions from an equal seed lead to equal observations and rewards.

    Asked of an environment that has played before and of one that has not: what it carries over
    from one episode to the next would be lost when a run is taken up again.
    """
    from sonde.core import seed as seeds  # it imports torch

    used, fresh = (Copies(world, 1, seed, staging=Staging(renew=renew)) for _ in range(2))
    rng = seeds.numpy_rng(seed, "repeats itself")
    for _ in range(steps):
        used.step(used.spaces.random(1, rng))
    state = used.state()
    state["index"], state["actions"], state["totals"] = [state["index"][0] + 1], [[]], [0.0]
    for copies in (used, fresh):
        copies.restore(state)
    alike = bool(np.array_equal(used.observations, fresh.observations))
    for _ in range(steps):
        action = used.spaces.random(1, rng)
        first, second = used.step(action), fresh.step(action)
        alike &= np.array_equal(first.after, second.after)
        alike &= np.array_equal(first.rewards, second.rewards)
    for copies in (used, fresh):
        copies.close()
    return alike
