"""Frames: what a game looks like while agents of our own play it.

Models of the task `act` play their environments, and what is drawn on the way becomes pictures to
learn from: a classifier's, an autoencoder's, a generator's. Which frames they are follows from the
models, the options and the seed; they are recorded once and kept in the cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, PositiveInt, field_validator

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError, Source
from sonde.core.errors import DataError, UsageError
from sonde.core.picture import png
from sonde.core.spec import Spec
from sonde.core.text import to_json
from sonde.data.acting import Acts, Copies, Staging
from sonde.data.sources._fields import select
from sonde.data.sources._files import hash_file, located

if TYPE_CHECKING:
    from sonde.run.bundle import Bundle

_SIDE_BY_SIDE = 8
"""Copies of each environment that are played at once."""

_CHUNK = 256
"""Rows of a batch."""

Pixels = Annotated[int, Field(ge=0)]


class Cut(Spec):
    """A number of the observation, cut into intervals."""

    number: int = Field(ge=0)
    """Which one; 0 is the first."""
    at: tuple[float, ...] = Field(min_length=1)
    """Where, in rising order, in the environment's own unit."""

    @field_validator("at")
    @classmethod
    def _rising(cls, at: tuple[float, ...]) -> tuple[float, ...]:
        if list(at) != sorted(set(at)):
            raise ValueError(f"got {list(at)}, expected numbers in rising order")
        return at


class Frames(Source):
    """Pictures of games under policies: `image`, `game`, `action`, `episode`, `step`.

    `game` is the environment's name. `action` is what the policy would do next, where it chooses
    among some. Split by `episode`: frames of one are much alike.
    """

    scan_version: ClassVar[int | None] = 1

    policy: tuple[str, ...] = Field(min_length=1)
    """A model of the task `act`, or several, of the same game or of others."""
    count: int = Field(10_000, ge=1, le=10_000_000)
    """Frames in all; each policy gives as many."""
    every: int = Field(1, ge=1)
    """Actions between two frames of an episode."""
    size: tuple[PositiveInt, PositiveInt] | None = None
    """Height and width in pixels; by default as the environment draws."""
    crop: tuple[Pixels, Pixels, PositiveInt, PositiveInt] | None = None
    """Top, left, height and width, in the environment's own pixels, of what is looked at."""
    grey: bool = False
    """Whether colours are left out."""
    randomness: float = Field(0.1, ge=0, le=1)
    """Part of the actions that are random, so that not all episodes are alike."""
    cells: tuple[Cut, ...] = ()
    """Numbers of the observation that make classes: the field `cell` names each one's interval,
    such as `1-0`."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Of episodes and random actions."""

    @field_validator("policy", mode="before")
    @classmethod
    def _one_is_enough(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @classmethod
    def examples(cls) -> list[Self]:
        """None: without a trained model there is nothing a contract test can play."""
        return []

    @property
    def title(self) -> str:
        """Whatever is played."""
        return "frames"

    def describe(self) -> str:
        """Such as '10,000 frames of CartPole-v1'."""
        games = dict.fromkeys(player.task.world.title for player in self._players)
        return f"{self.count:,} frames of {', '.join(games)}"

    def fields(self) -> Sequence[RawField]:
        """`image`, `game`, `action`, `episode`, `step`, and `cell` where it is asked for."""
        return [
            RawField("image", pa.binary(), "image"),
            RawField("game", pa.string(), "category"),
            RawField("action", pa.string(), "category"),
            RawField("episode", pa.string()),
            RawField("step", pa.int64()),
            *([RawField("cell", pa.string(), "category")] if self.cells else []),
        ]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Each policy's frames in turn, as they are met.

        Raises:
            UsageError: a model is no policy, its game cannot draw, or `crop` or `cells` do not fit.
            MissingPackage: what a game needs is not installed.
            DataError: a game broke.
        """
        wanted = select(self.title, [field.name for field in self.fields()], fields)
        types = {field.name: field.type for field in self.fields()}
        every = self._shots()
        while shots := list(islice(every, _CHUNK)):
            columns = {
                name: pa.array([shot[name] for shot in shots], types[name]) for name in wanted
            }
            yield pa.RecordBatch.from_pydict(columns)

    def fingerprint(self) -> str:
        """SHA-256 over the models' bytes and the options."""
        digest = hashlib.sha256()
        for path in self.policy:
            hash_file(path, digest)
        asked = {name: value for name, value in self.dump().items() if name != "policy"}
        digest.update(to_json(asked).encode())
        return digest.hexdigest()

    @cached_property
    def _players(self) -> list[_Player]:
        """The models, in their order.

        Raises:
            StorageError, DamagedBundle: one cannot be read.
            UsageError: one is no policy.
        """
        from sonde.run.bundle import Bundle  # it imports torch

        found = []
        for path in self.policy:
            bundle = Bundle.load(located(path))
            if not isinstance(bundle.task, Acts):
                raise UsageError(
                    f"{path} is a model of the task {bundle.task.kind!r}; frames are recorded "
                    "under a policy, a model of the task act. Train one, such as "
                    "examples/cartpole-ppo.yaml"
                )
            found.append(_Player(bundle, bundle.task))
        return found

    def _shots(self) -> Iterator[dict[str, Any]]:
        """Every row."""
        parts = np.diff(np.arange(len(self.policy) + 1) * self.count // len(self.policy))
        for number, (player, part) in enumerate(zip(self._players, parts.tolist(), strict=True)):
            yield from islice(self._played(player, number), part)

    def _played(self, player: _Player, number: int) -> Iterator[dict[str, Any]]:
        """Rows of one policy, without end."""
        from sonde.core import seed as seeds

        bundle, task = player
        self._check_cells(task)
        key = seeds.key(self.seed, "frames", number)
        staging = Staging(draws=not task.acts_in.is_picture)
        copies = Copies(task.world, _SIDE_BY_SIDE, key, task.acts_in, staging=staging)
        policy, rng = task.policy(bundle.network), seeds.numpy_rng(key, "random actions")
        try:
            while True:
                best = policy(copies.observations)
                for copy in range(len(copies)):
                    if copies.taken(copy) % self.every == 0:
                        yield self._shot(task, copies, copy, best[copy], number)
                random = rng.random(len(copies)) < self.randomness
                drawn = task.acts_in.random(len(copies), rng)
                chosen = random.reshape(-1, *[1] * (best.ndim - 1))
                copies.step(np.where(chosen, drawn, best))
        finally:
            copies.close()

    def _shot(
        self, task: Acts, copies: Copies, copy: int, action: np.ndarray, number: int
    ) -> dict[str, Any]:
        """One row."""
        spaces = task.acts_in
        seen = copies.observations[copy]
        frame = _newest(seen, spaces.seen[0]) if spaces.is_picture else copies.frame(copy)
        return {
            "image": png(self._framed(frame, task)),
            "game": task.world.title,
            "action": None if spaces.choices is None else str(spaces.first + int(action)),
            "episode": f"{number}-{copies.number(copy)}",
            "step": copies.taken(copy),
            "cell": "-".join(
                str(int(np.searchsorted(cut.at, seen[cut.number], "right"))) for cut in self.cells
            ),
        }

    def _framed(self, frame: np.ndarray, task: Acts) -> np.ndarray:
        """(H, W, 3) or (H, W) uint8, cropped, grey and scaled as it is asked for.

        Raises:
            UsageError: the crop does not lie in the frame.
        """
        from PIL import Image

        if self.crop is not None:
            top, left, height, width = self.crop
            if top + height > frame.shape[0] or left + width > frame.shape[1]:
                raise UsageError(
                    f"crop: got {list(self.crop)} (top, left, height, width), expected a part of "
                    f"the {frame.shape[0]} x {frame.shape[1]} pixels that {task.world.title} draws"
                )
            frame = frame[top : top + height, left : left + width]
        picture = Image.fromarray(frame)
        if self.grey:
            picture = picture.convert("L")
        if self.size is not None:
            picture = picture.resize(self.size[::-1], Image.Resampling.BOX)
        return np.asarray(picture)

    def _check_cells(self, task: Acts) -> None:
        """Stop where a cell names a number that is not observed.

        Raises:
            UsageError: it does.
        """
        for cut in self.cells:
            if task.acts_in.is_picture or cut.number >= task.acts_in.seen[0]:
                raise UsageError(
                    f"cells: got number {cut.number}, but {task.world.title} gives "
                    f"{task.acts_in}. Name a number of the observation, the first is 0."
                )


class _Player(NamedTuple):
    """A model and its task, which is one that acts."""

    bundle: Bundle
    task: Acts


def _newest(seen: np.ndarray, depth: int) -> np.ndarray:
    """Of (frames * C, H, W) the last picture, (H, W) or (H, W, 3).

    Raises:
        DataError: it has 2 or 4 channels.
    """
    last = seen[-depth:]
    if depth not in (1, 3):
        raise DataError(f"got pictures of {depth} channels, expected 1 or 3. Wrap the environment.")
    return last[0] if depth == 1 else last.transpose(1, 2, 0)
