"""Scores of a judgement, beside simple rivals, and the plain sentence about who is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sonde.contracts.task import Arrays, Judged, Score, Task
from sonde.evaluate.intervals import as_score, intervals, resample


def score_all(task: Task, judged: Judged, *, seed: int) -> dict[str, Score]:
    """Every score of the task with its interval, the most telling first."""
    return intervals(task.metrics(), judged.predicted, judged.truth, seed=seed)


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


def compare(
    task: Task, judged: Judged, rivals: Mapping[str, Arrays], *, seed: int
) -> list[Comparison]:
    """The model beside each rival by the task's main metric, the best rival first.

    Args:
        task: gives the metric.
        judged: the model's answers and the truth.
        rivals: each rival's answers to the same rows, as metrics read them.
        seed: of the resamples.
    """
    if not rivals or not task.main_metric:
        return []
    name = task.main_metric
    metric = task.metrics()[name]
    answers = {"": judged.predicted, **rivals}
    values = {who: metric.score(predicted, judged.truth) for who, predicted in answers.items()}
    resampled = {
        who: resample({name: metric}, predicted, judged.truth, seed=seed)[name]
        for who, predicted in answers.items()
    }
    sign = 1 if metric.higher_is_better else -1
    found = []
    for rival in rivals:
        gain = as_score(
            metric,
            sign * (values[""] - values[rival]),
            sign * (resampled[""] - resampled[rival]),
            len(judged.rows),
        )
        found.append(Comparison(rival, name, values[""], values[rival], gain))
    return sorted(found, key=lambda comparison: _order(sign, comparison.other))


def sentence(comparisons: Sequence[Comparison]) -> str:
    """What the comparisons show, in plain words; '' where there are none.

    "Better than every baseline" is said only where each single interval excludes 0, which needs
    no correction for having looked several times (an intersection-union test).
    """
    if not comparisons:
        return ""
    rows = f"{comparisons[0].gain.rows:,} rows"
    worse = [c for c in comparisons if c.is_worse]
    if worse:
        return f"{_capital(worse[0].rival)} is better: {_figures(worse[0], flip=True)} on {rows}."
    equal = [c for c in comparisons if not c.is_better]
    if equal:
        names = " and ".join(c.rival for c in equal)
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
