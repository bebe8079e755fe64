"""Worlds: environments an agent acts in, by their name in gymnasium.

Towers and others, "Gymnasium: A Standard Interface for Reinforcement Learning Environments", 2024,
arXiv:2407.17032.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from sonde.contracts.data import World
from sonde.core.errors import MissingPackage, UsageError, listed, unknown

if TYPE_CHECKING:
    import gymnasium


class Gymnasium(World):
    """A gymnasium environment, such as `CartPole-v1`."""

    # no colon: gymnasium would import the module that stands before it
    id: str = Field(pattern=r"^[A-Za-z0-9_./-]+$", max_length=200)
    """Its registered name with version."""

    def __init__(self, id: str | None = None, /, **options: Any) -> None:  # noqa: A002
        """`Gymnasium("CartPole-v1")`: the name may stand alone."""
        super().__init__(**({} if id is None else {"id": id}), **options)

    @classmethod
    def examples(cls) -> list[Self]:
        """One that needs no further package."""
        return [cls("CartPole-v1")]

    @property
    def title(self) -> str:
        """The environment's name."""
        return self.id.replace("/", "-")

    def fingerprint(self) -> str:
        """A hash of the name: there are no bytes behind an environment but its package's."""
        return hashlib.sha256(self.id.encode()).hexdigest()

    def make(self, count: int, seed: int, *, render: bool = False) -> gymnasium.vector.VectorEnv:
        """`count` copies side by side in this process; copy i is reset with seed + i.

        A later `reset()` without a seed goes on from there, so all that follows hangs on `seed`.
        With `render` each draws its frames, (H, W, 3) uint8.

        Raises:
            MissingPackage: gymnasium, or what the environment needs, is not installed.
            UsageError: there is no such environment, or it cannot draw.
        """
        try:
            import gymnasium
        except ImportError:
            raise MissingPackage("environments need gymnasium:  pip install 'sonde[rl]'") from None
        try:
            shown = self._drawing() if render else {}
            worlds = gymnasium.make_vec(self.id, count, vectorization_mode="sync", **shown)
        except gymnasium.error.DependencyNotInstalled as error:
            raise MissingPackage(f"environment {self.id!r}: {error}") from None
        except gymnasium.error.UnregisteredEnv:
            raise UsageError(unknown("environment", self.id, gymnasium.registry)) from None
        except gymnasium.error.Error as error:
            raise UsageError(f"environment {self.id!r} cannot be made: {error}") from None
        worlds.action_space.seed(seed)
        worlds.reset(seed=seed)
        return worlds

    def _drawing(self) -> dict[str, Any]:
        """What makes an environment draw into an array, without a window or a word.

        Raises:
            UsageError: it cannot.
        """
        import gymnasium

        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # it greets on stdout
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
        probe = gymnasium.make(self.id)
        modes = (probe.metadata or {}).get("render_modes") or []
        probe.close()
        if _ARRAY not in modes:
            raise UsageError(
                f"environment {self.id!r} cannot draw itself: its render modes are "
                f"{listed(modes) or 'none'}, expected {_ARRAY!r} among them. Do without frames, or "
                "give it a `render` that returns an (H, W, 3) array."
            )
        return {"render_mode": _ARRAY}


_ARRAY = "rgb_array"
