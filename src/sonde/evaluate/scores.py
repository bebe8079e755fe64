"""Scores of a judgement, beside simple rivals, and the plain sentence about who is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sonde.contracts.metric import (
    Arrays,
    Metric,
    Score,
)
from sonde.contracts.task import Judged, Task
from sonde.evaluate._units import units_of
from sonde.evaluate.intervals import as_score, gain, intervals, measure

_FEW_ROWS = 20
"""Below, percentile intervals are too narrow to be called so of 95 % (Hesterberg, "What Teachers
Should Know About the Bootstrap", 2015, section 4, doi:10.1080/00031305.2015.1089789)."""


def score_all(task: Task, judged: Judged, *, seed: int) -> dict[str, Score]:
    """Every score of the task with its interval, the most telling first."""
    return intervals(
        task.metrics(), judged.predicted, judged.truth, seed=seed, groups=judged.groups
    )


@dataclass(frozen=True)
class Comparison:
    """A model beside one rival on the same rows, by one metric.

    Attributes:
        rival: the rival's name.
        metric: the metric's name.
        model, other: the two scores.
        gain: by how much the model is better, whichever direction better is, with its paired
            interval: above 0 the model is better, below 0 the rival.
    """

    rival: str
    metric: str
    model: float
    other: float
    gain: Score

    @property
    def is_better(self) -> bool:
        """Whether the model is shown to be better."""
        return self.gain.low is not None and self.gain.low > 0

    @property
    def is_worse(self) -> bool:
        """Whether the rival is shown to be better."""
        return self.gain.high is not None and self.gain.high < 0


@dataclass(frozen=True)
class Standing:
    """A model beside its rivals, by every metric.

    Attributes:
        scores: the model's, by metric.
        rivals: rival -> metric -> score.
        gains: rival -> metric -> by how much the model is better, with the paired interval.
    """

    scores: Mapping[str, Score]
    rivals: Mapping[str, Mapping[str, Score]]
    gains: Mapping[str, Mapping[str, Score]]

    def by(self, metric: str) -> list[Comparison]:
        """The model beside each rival by one metric, the best rival first."""
        mine = self.scores[metric]
        found = [
            Comparison(rival, metric, mine.value, scores[metric].value, self.gains[rival][metric])
            for rival, scores in self.rivals.items()
        ]
        sign = 1 if mine.higher_is_better else -1
        return sorted(found, key=lambda comparison: _order(sign, comparison.other))


def stand(
    metrics: Mapping[str, Metric], judged: Judged, rivals: Mapping[str, Arrays], *, seed: int
) -> Standing:
    """A model's and its rivals' scores, and how far apart they are; each is measured once.

    Args:
        metrics: by name.
        judged: the model's answers and the truth.
        rivals: each rival's answers to the same rows, as metrics read them.
        seed: of blocks and resamples.
    """
    rows, truth = len(judged.rows), judged.truth
    units = units_of(rows, judged.groups, seed=seed)
    scores: dict[str, Score] = {}
    beside: dict[str, dict[str, Score]] = {name: {} for name in rivals}
    gains: dict[str, dict[str, Score]] = {name: {} for name in rivals}
    for name, metric in metrics.items():
        model = measure(metric, judged.predicted, truth, units, seed=seed)
        scores[name] = as_score(metric, model, rows)
        for rival, predicted in rivals.items():
            other = measure(metric, predicted, truth, units, seed=seed)
            beside[rival][name] = as_score(metric, other, rows)
            gains[rival][name] = gain(metric, model, other, rows)
    return Standing(scores, beside, gains)


def compare(
    task: Task, judged: Judged, rivals: Mapping[str, Arrays], *, seed: int
) -> list[Comparison]:
    """The model beside each rival by the task's main metric, the best rival first."""
    name = task.main_metric
    if not rivals or not name:
        return []
    return stand({name: task.metrics()[name]}, judged, rivals, seed=seed).by(name)


def sentence(comparisons: Sequence[Comparison]) -> str:
    """What the comparisons show, in plain words; '' where there are none.

    "Better than every baseline" is said only where each single interval excludes 0, which needs
    no correction for having looked several times (an intersection-union test). Resampled intervals
    are too narrow where rows are few, which is said.
    """
    if not comparisons:
        return ""
    count = comparisons[0].gain.rows
    rows = f"{count:,} rows"
    if any(c.gain.low is None for c in comparisons):
        return f"Who is better is not known: {comparisons[0].metric} has no interval on {rows}."
    few = " So few rows show little: judge on more." if count < _FEW_ROWS else ""
    return _found(comparisons, rows) + few


def _found(comparisons: Sequence[Comparison], rows: str) -> str:
    worse = [c for c in comparisons if c.is_worse]
    if worse:
        return f"{_capital(worse[0].rival)} is better: {_figures(worse[0], flip=True)} on {rows}."
    equal = [c for c in comparisons if not c.is_better]
    if equal:
        *others, last = [c.rival for c in equal]
        names = f"{', '.join(others)} and {last}" if others else last
        return f"No difference to {names} is shown on {rows}."
    best = comparisons[0]
    return f"Better than every baseline: {_figures(best)} of {best.rival} on {rows}."


def number(value: float) -> str:
    """A score for people: three decimals below 10, four digits below 1,000, then whole."""
    size = abs(value)
    if np.isnan(value):
        return "-"
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.4g}"
    return f"{value:.3f}" if size >= 0.01 or not size else f"{value:.2g}"


def signed(value: float) -> str:
    """A difference for people: `+0.012`."""
    return number(value) if np.isnan(value) or value < 0 else f"+{number(value)}"


def shown(score: Score) -> str:
    """A score with its interval for people: `0.871 [0.821, 0.919]`."""
    if score.low is None or score.high is None:
        return number(score.value)
    return f"{number(score.value)} [{number(score.low)}, {number(score.high)}]"


def _figures(comparison: Comparison, *, flip: bool = False) -> str:
    model, other = number(comparison.model), number(comparison.other)
    if model == other:  # a gain that is shown, yet too small for three decimals
        model, other = f"{comparison.model:.6g}", f"{comparison.other:.6g}"
    first, second = (other, model) if flip else (model, other)
    return f"{comparison.metric} {first} against {second}"


def _order(sign: int, value: float) -> float:
    """A sorting key: better first, undefined last."""
    return np.inf if np.isnan(value) else -sign * value


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
