"""Act: choose actions in an environment; scored by acting in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field, model_validator

from sonde.contracts.data import Column, Row, World
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Curves, Panel, Sheet, Table
from sonde.contracts.task import (
    Judged,
    Predictor,
    Task,
)
from sonde.core import seed as seeds
from sonde.core.errors import DataError, MissingPackage, UsageError
from sonde.core.notice import listening, tell
from sonde.core.port import Port, Ports
from sonde.core.registry import registry
from sonde.core.spec import Learned, Spec
from sonde.data.acting import Copies, Policy
from sonde.data.spaces import Spaces
from sonde.tasks._played import (
    MOST_FILMED,
    Filmed,
    MeanLength,
    MeanReturn,
    play,
    play_at_random,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sonde.core.batch import Batch

OBSERVATION, ACTION = "observation", "action"


def _as_world(value: Any) -> Any:
    """An environment's id stands for its world: `world: CartPole-v1`."""
    if isinstance(value, str) and value not in registry("source").names():
        return {"kind": "world", "id": value}
    return value


def _numbers(value: Any) -> Any:
    """A list of numbers from JSON too, as the command line gives it."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"got {value!r:.60}, expected numbers, such as [0.1, 0.0]") from None


class ActOptions(Spec):
    """What a caller asks an agent for."""

    observation: Annotated[list[Any] | None, BeforeValidator(_numbers)] = None
    """One observation, or a list of them, to be answered with actions."""
    episodes: int = Field(0, ge=0, le=100_000)
    """Whole episodes to play instead; needs the environment."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Of these episodes."""
    first: int = Field(0, ge=0, lt=2**31)
    """The number of the first of them: episode 7 of a seed is the same whatever else is played."""
    film: bool = False
    """Whether each is filmed; at most 8 at once, and one where `episodes` says nothing."""
    side: int = Field(320, ge=16, le=2000)
    """Pixels that the longer side of a film may have."""
    seconds: float = Field(20.0, gt=0, le=600)
    """How long a film may last."""

    @model_validator(mode="after")
    def _few_films(self) -> Self:
        if self.film and self.episodes > MOST_FILMED:
            raise ValueError(
                f"got film and {self.episodes} episodes, expected at most {MOST_FILMED} films at "
                "once; `first` chooses others"
            )
        return self

    @property
    def filmed(self) -> Filmed | None:
        """How films are to be, where there are to be any."""
        return Filmed(self.side, self.seconds) if self.film else None

    @property
    def numbers(self) -> range:
        """Of the episodes to play."""
        return range(self.first, self.first + (self.episodes or int(self.film)))


class Act(Task):
    """Choose the action that leads to the largest sum of rewards.

    The recipe has `columns: {}`: what an agent sees is its environment's. A model answers an
    `observation`, or plays `episodes`; asked for nothing, it answers a few observations it has met.
    """

    Options: ClassVar[type[Spec]] = ActOptions
    main_metric: ClassVar[str] = "return"
    suggests: ClassVar[str] = "agent"
    learns_by: ClassVar[str] = "ppo"

    world: Annotated[World, BeforeValidator(_as_world)]
    """The environment: its id, such as CartPole-v1, or a source that is a world."""
    episodes: int = Field(100, ge=1, le=100_000)
    """Episodes of its own, with other seeds than any in training, that a model is judged by."""
    frames: int = Field(1, ge=1, le=64)
    """How many of the last observations are seen at once, such as 4 where one shows no motion."""
    spaces: Learned[Spaces | None] = None
    met: Learned[tuple[tuple[float, ...], ...]] = ()

    @classmethod
    def examples(cls) -> list[Self]:
        """An environment that needs no further package."""
        return [cls(world="CartPole-v1", episodes=2)]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its spaces, and some observations; both are kept in a model file.

        Raises:
            MissingPackage: gymnasium, or what the environment needs, is not installed.
            UsageError: there is no such environment, or no agent can act in it.
        """
        bound = super().bind(columns)
        if bound.spaces is not None:
            return bound
        copies = Copies(self.world, 1, 0, frames=self.frames)
        copies.close()
        met = []
        if not copies.spaces.is_picture:  # they would fill the file
            played = play_at_random(self.world, 1, 0, copies.spaces)
            met = played.seen.astype(np.float64).tolist()
        return self.learn(spaces=copies.spaces, met=tuple(map(tuple, met))).bind(columns)

    @property
    def acts_in(self) -> Spaces:
        """The spaces of a bound task."""
        assert self.spaces is not None, "a bound task has spaces"
        return self.spaces

    @property
    def inputs(self) -> Ports:
        """The observation, a vector or a grid."""
        axes = self.acts_in.axes
        if self.acts_in.is_picture:
            return {OBSERVATION: Port("grid", axes, frame=OBSERVATION, optional=False)}
        return {OBSERVATION: Port("vector", axes, optional=False)}

    @property
    def outputs(self) -> Ports:
        """A value or a logit for each choice; or the numbers of an action, in [-1, 1]."""
        spaces = self.acts_in
        if spaces.choices is not None:
            return {ACTION: Port("category", size=spaces.choices)}
        return {ACTION: Port("vector", (len(spaces.centre),))}

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The best choice, or the numbers as the environment takes them; and what it came from."""
        import torch

        raw = outputs[ACTION]
        if self.acts_in.choices is not None:
            return {ACTION: raw.argmax(dim=1), "outputs": raw}
        scaled = self.acts_in.scaled(raw.detach().cpu().numpy())
        return {ACTION: torch.from_numpy(scaled), "outputs": raw}

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """Actions for observations, or episodes played with the best action each time."""
        import torch

        assert isinstance(options, ActOptions)
        if options.numbers:
            return self.played(model, options)
        given = torch.from_numpy(self._asked(options)).to(next(model.parameters()).device)
        answered = self.read(model({OBSERVATION: given}), options)
        return answered if self.acts_in.is_picture else {**answered, OBSERVATION: given}

    def answer(self, arrays: Arrays) -> list[Row]:
        """An action with the vector that was seen, or an episode: its return, length, film."""
        if "return" in arrays:
            return _episodes(arrays)
        actions = arrays[ACTION] + (self.acts_in.first if self.acts_in.choices else 0)
        if OBSERVATION not in arrays:
            return [{ACTION: action} for action in actions.tolist()]
        return [
            {ACTION: action, OBSERVATION: seen}
            for action, seen in zip(actions.tolist(), arrays[OBSERVATION].tolist(), strict=True)
        ]

    def metrics(self) -> Mapping[str, Metric]:
        """The mean return, and how long episodes were."""
        return {"return": MeanReturn(), "length": MeanLength()}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """Episodes of seeds that training never had; beside them the same ones at random."""
        asked = ActOptions(episodes=self.episodes, seed=seeds.key(seed, "judge"))
        played = predictor.arrays(_NO_ROWS, asked)
        random = play_at_random(self.world, self.episodes, asked.seed, self.acts_in).returns
        films = self._films(predictor, played["return"], asked.seed)
        kept = {name: played[name] for name in ("return", "length")}
        return Judged(kept, {"random": random}, np.arange(self.episodes), shown=films)

    def panels(self, judged: Judged) -> list[Panel]:
        """Returns from the worst to the best episode, beside random actions."""
        share = np.arange(1, len(judged.rows) + 1) / len(judged.rows)
        found = {"agent": judged.predicted["return"], "random actions": judged.truth["random"]}
        lines = [
            [name, *(f"{value:.4g}" for value in (returns.mean(), *np.quantile(returns, _PARTS)))]
            for name, returns in found.items()
        ]
        header = ("", "mean", "worst", "lower quarter", "median", "upper quarter", "best")
        curves = {name: (share, np.sort(returns)) for name, returns in found.items()}
        return [
            Table("Returns of the judged episodes", header, lines),
            Curves("Returns in order", curves, "part of the episodes", "return"),
            *judged.shown,
        ]

    def _films(self, predictor: Predictor, returns: np.ndarray, seed: int) -> list[Panel]:
        """The episode in the middle of all returns, played once more; none where none is drawn."""
        middle = int(np.argsort(returns, kind="stable")[(len(returns) - 1) // 2])
        asked = ActOptions(
            episodes=1, first=middle, seed=seed, film=True, side=_SMALL, seconds=_SHORT
        )
        notes: list[str] = []
        try:
            with listening(lambda message, *_: notes.append(message)):
                played = predictor.arrays(_NO_ROWS, asked)
        except (UsageError, MissingPackage, DataError) as error:
            tell(f"the report has no film: {error}")
            return []
        remark = f"episode {middle}, return {float(played['return'][0]):.4g}"
        note = f"It ends after {_SHORT:g} seconds, the episode later." if notes else ""
        return [Sheet("A median episode", [played["film"]], [remark], note)]

    def _asked(self, options: ActOptions) -> np.ndarray:
        """(B, ...) the observations to answer: the caller's, or some met; of pictures, noise.

        Raises:
            DataError: the caller's are not as the environment gives them.
        """
        spaces = self.acts_in
        if options.observation is None and spaces.is_picture:
            noise = seeds.numpy_rng(0, "noise").integers(256, size=(_NOISE, *spaces.axes))
            return noise.astype(np.uint8)
        axes, asked = spaces.axes, self.met
        if options.observation is not None:
            asked = tuple(options.observation)
        seen: np.ndarray
        try:
            seen = np.array(asked, np.float32)
        except (ValueError, TypeError):
            seen = np.empty(0)
        seen = seen[None] if seen.ndim == len(axes) else seen
        if seen.shape[1:] != axes or not np.isfinite(seen).all():
            raise DataError(f"got observations of shape {seen.shape[1:]}, expected {axes}, finite "
                            f"numbers, as {self.world.title} gives them")  # fmt: skip
        return seen.astype(spaces.dtype)

    def policy(self, model: nn.Module) -> Policy:
        """(n, ...) observations -> the best actions, as the environment takes them."""
        import torch

        device = next(model.parameters()).device

        def best(seen: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                outputs = model({OBSERVATION: torch.from_numpy(seen).to(device)})
                action: Any = self.read(outputs, NO_OPTIONS)[ACTION]
            chosen: np.ndarray = action.cpu().numpy()
            return chosen

        return best

    def played(self, model: nn.Module, options: ActOptions) -> Batch:
        """`episode`, `return` and `length`, (E,), of episodes played with the best actions.

        With films also `film`, (F, H, W, 3), one after another, and `frames`, (E,), of each.
        """
        import torch

        played = play(
            self.world,
            self.policy(model),
            options.numbers,
            options.seed,
            self.acts_in,
            filmed=options.filmed,
        )
        found = {
            "episode": np.array(options.numbers),
            "return": played.returns,
            "length": played.lengths,
        }
        if played.film is not None and played.frames is not None:
            found |= {"film": played.film, "frames": played.frames}
        return {name: torch.from_numpy(array) for name, array in found.items()}


def _episodes(arrays: Arrays) -> list[Row]:
    """One row an episode."""
    columns = (arrays["episode"], arrays["return"], arrays["length"])
    rows: list[Row] = [
        {"episode": int(number), "return": float(total), "length": int(length)}
        for number, total, length in zip(*columns, strict=True)
    ]
    if "film" in arrays:
        films = np.split(arrays["film"], np.cumsum(arrays["frames"])[:-1])
        rows = [row | {"film": film} for row, film in zip(rows, films, strict=True)]
    return rows


NO_OPTIONS = ActOptions()
_NOISE = 4
"""Pictures of noise whose answers a model file proves itself by."""
_PARTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SMALL, _SHORT = 200, 12.0
"""Pixels and seconds of the film in a report: a few hundred kilobytes."""
_NO_ROWS = pa.RecordBatch.from_pylist([])
