"""Where rows may leave a network with exits: the least computation for a stated loss of score.

A path is walked from "all rows to the end" downwards. Each step lowers the threshold of one exit,
the one that loses least of the score for what it saves (the greedy rule for a knapsack: Dantzig,
"Discrete-Variable Extremum Problems", 1957). On the path the cheapest point is taken whose loss
against its best point, which may be better than the end, stays within the limit when the standard
error is added (the rule of one standard error: Breiman,
Friedman, Olshen, Stone, "Classification and Regression Trees", 1984, section 3.4.3), and one row
more than was seen to be lost: few validation rows promise little. The error is a jackknife over
groups of rows, which every score has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

NEVER = 1e9
"""A threshold that nothing reaches."""

UNKNOWN = -1e9
"""A score that is not defined."""

POINTS = 34
"""Of the curve that is kept."""

_LEVELS = 40
"""Thresholds that are tried for each exit: so many equal parts of the rows would leave there."""

_STRIDES = (1, 2, 4, 8, 16)
"""Levels by which a threshold may fall in a step."""

_GROUPS = 16
"""Of the jackknife."""


class Scored(Protocol):
    """The score of validation rows, each answered by an exit of its own; greater is better."""

    def __call__(self, exits: Tensor, rows: Tensor | None = None) -> float:
        """Of all rows, whose exits these are, (N,); or only of some, by place."""


class Limit(NamedTuple):
    """What may be lost.

    Attributes:
        most_lost: of the score, in its own unit.
        standard_errors: of what is lost, that must fit below it as well.
    """

    most_lost: float
    standard_errors: float


@dataclass(frozen=True)
class Settled:
    """What validation rows decided; see `exits.Exits` for what each array is."""

    thresholds: Tensor
    left: Tensor
    part_scores: Tensor
    curve: Tensor

    @property
    def leaves(self) -> bool:
        """Whether any row may leave before the end."""
        return bool((self.thresholds < NEVER).any())


def settle(odds: Tensor, works: Tensor, scored: Scored, limit: Limit) -> Settled:
    """The thresholds for the least computation within the limit.

    Args:
        odds: (M - 1, N) float32, how sure each exit but the last is of each row.
        works: (2, M) int64 multiply-adds of a row in each stage and each exit.
        scored: of exits (N,).
        limit: what may be lost.
    """
    search = _Search(odds.cpu(), works.cpu(), scored)
    path = list(search.path())
    chosen = search.cheapest(path, limit)
    exits = exits_of(search.odds, chosen.thresholds)
    left = exits.bincount(minlength=works.shape[1])
    places = [(exits == number).nonzero()[:, 0] for number in range(len(left))]
    scores = [scored(exits, rows) if len(rows) else math.nan for rows in places]
    shown = [path[n] for n in np.linspace(0, len(path) - 1, POINTS - 2).round().astype(int)]
    points = [(point.work / 1e6, point.score) for point in (*shown, path[0], chosen)]
    return Settled(chosen.thresholds, left, _known(scores), _known(points))


def exits_of(odds: Tensor, thresholds: Tensor) -> Tensor:
    """(M - 1, N) how sure exits are, (M - 1,) -> (N,) int64, where each row leaves, from 0."""
    leaves = odds >= thresholds[:, None]
    at_the_end = torch.ones(1, odds.shape[1], dtype=torch.bool, device=odds.device)
    return torch.cat([leaves, at_the_end]).int().argmax(dim=0)


def costs(works: Tensor, thresholds: Tensor) -> Tensor:
    """(M,) int64 multiply-adds of a row that leaves at each exit; unused exits cost nothing."""
    used = torch.cat([thresholds < NEVER, thresholds.new_ones(1).bool()])
    return works[0].cumsum(0) + (works[1] * used).cumsum(0)


class _Point(NamedTuple):
    """A way to leave: thresholds (M - 1,), multiply-adds a row on average, score."""

    thresholds: Tensor
    work: float
    score: float


class _Search:
    """Thresholds and what they come to on N validation rows."""

    def __init__(self, odds: Tensor, works: Tensor, scored: Scored) -> None:
        self.odds, self._works, self._scored = odds, works, scored
        self._levels = [_levels(row.numpy()) for row in odds]

    def path(self) -> Iterator[_Point]:
        """From all rows to the end, until nothing more is to be saved."""
        levels = [0] * len(self._levels)
        here: _Point | None = self._at(levels)
        while here is not None:
            yield here
            here = self._step(levels, here)

    def cheapest(self, path: Sequence[_Point], limit: Limit) -> _Point:
        """The point of least work whose loss is sure to stay within the limit; at worst the end."""
        defined = [point for point in path if not math.isnan(point.score)]
        best = max(defined, key=lambda point: point.score, default=path[0])
        for point in sorted(path, key=lambda point: point.work):
            lost = best.score - point.score + 1 / self.odds.shape[1]
            if lost <= limit.most_lost:
                error = self._error(point, best) if limit.standard_errors else 0.0
                if lost + limit.standard_errors * error <= limit.most_lost:
                    return point
        return path[0]

    def _at(self, levels: Sequence[int]) -> _Point:
        held = [of_exit[level] for of_exit, level in zip(self._levels, levels, strict=True)]
        thresholds = torch.tensor(held, dtype=torch.float32)
        exits = exits_of(self.odds, thresholds)
        work = costs(self._works, thresholds)[exits].double().mean()
        return _Point(thresholds, float(work), self._scored(exits))

    def _step(self, levels: list[int], here: _Point) -> _Point | None:
        """The next point, `levels` lowered to it; None where no step saves anything."""
        best: tuple[float, float] | None = None
        found: tuple[list[int], _Point] | None = None
        for lowered in self._lowered(levels):
            there = self._at(lowered)
            saved = here.work - there.work
            if saved <= 0 or math.isnan(there.score):
                continue
            price = ((here.score - there.score) / saved, -saved)
            if best is None or price < best:
                best, found = price, (lowered, there)
        if found is None:
            return None
        levels[:] = found[0]
        return found[1]

    def _lowered(self, levels: Sequence[int]) -> Iterator[list[int]]:
        """Every way to lower one threshold."""
        for number, of_exit in enumerate(self._levels):
            held = levels[number]
            further = range(held + 1, len(of_exit))
            # an exit that comes into use may have to go far: its easiest rows have left before it
            for level in [held + s for s in _STRIDES] if held else further:
                if level in further:
                    yield [*levels[:number], level, *levels[number + 1 :]]

    def _error(self, point: _Point, best: _Point) -> float:
        """The standard error of what one point loses against another.

        The jackknife of Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, eq. 11.5.
        """
        rows = self.odds.shape[1]
        groups = torch.arange(rows) % min(_GROUPS, rows)
        exits, other = (exits_of(self.odds, each.thresholds) for each in (point, best))
        losses = []
        for group in range(int(groups.max()) + 1):
            others = (groups != group).nonzero()[:, 0]
            losses.append(self._scored(other, others) - self._scored(exits, others))
        return math.sqrt((len(losses) - 1) * float(np.var(losses)))  # NaN is within no limit


def _levels(odds: np.ndarray) -> list[float]:
    """`NEVER`, then thresholds that more and more of the rows reach, down to all.

    Each lies in the widest gap nearby, so that no row stands on the edge, where rounding decides.
    """
    falling = np.sort(odds.astype(np.float64))[::-1]
    gaps = falling - np.append(falling[1:], falling[-1] - 1.0)  # below the row at each place
    found = [NEVER]
    near = max(1, len(falling) // (4 * _LEVELS))
    for level in range(1, _LEVELS + 1):
        last = max(0, round(level * len(falling) / _LEVELS) - 1)
        first = max(0, last - near)
        place = first + int(gaps[first : last + 1].argmax()) if level < _LEVELS else len(gaps) - 1
        threshold = falling[place] - gaps[place] / 2
        if gaps[place] > 0 and threshold < found[-1]:
            found.append(float(threshold))
    return found


def _known(values: Iterable[object]) -> Tensor:
    """As float32, `UNKNOWN` where a number is not finite: a sealed file holds no other."""
    return torch.tensor(list(values), dtype=torch.float32).nan_to_num(UNKNOWN, UNKNOWN, UNKNOWN)
