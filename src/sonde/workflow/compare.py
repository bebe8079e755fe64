"""Compare: two or more trained models judged on the same rows, and whether they differ.

Differences are paired, row by row (or group by group), so that rows which are hard for every model
do not hide them. "No difference is shown" is an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sonde.contracts.metric import (
    Arrays,
    Metric,
    Score,
)
from sonde.contracts.task import Judged
from sonde.core.errors import UsageError
from sonde.evaluate._units import units_of
from sonde.evaluate.intervals import as_score, gain, measure
from sonde.evaluate.scores import number, shown
from sonde.evaluate.significance import corrected_t, holm, mcnemar, p_of_gain
from sonde.workflow.contestants import Contestant, on_common_rows, opened

if TYPE_CHECKING:
    from sonde.workflow.cross_validate import Runs
    from sonde.workflow.fit import Run

_LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """Two models by one metric on the same rows.

    Attributes:
        first, second: their names.
        metric: the metric's name.
        gain: by how much the first is better, whichever direction better is, with its interval.
        p: two-sided, of no difference: McNemar's exact one where rows are right or wrong and stand
            for themselves, else Student's t of the paired rows.
        adjusted: the same after Holm's correction for all pairs of models.
        over_folds: Nadeau and Bengio's p over folds, where both were cross-validated in the same
            way; it also knows that another training would have given other models.
    """

    first: str
    second: str
    metric: str
    gain: Score
    p: float
    adjusted: float
    over_folds: float | None = None

    @property
    def is_shown(self) -> bool:
        """Whether one is shown to be better than the other."""
        return self.adjusted < _LEVEL


@dataclass(frozen=True)
class Contest:
    """Models on the same rows.

    Attributes:
        main_metric: the metric that decides.
        rows: how many rows all of them answered.
        scores: model -> metric -> score.
        differences: every pair of models by every metric they share.
        facts: model -> what it costs: 'weights', 'megabytes', 'seconds' of training.
    """

    main_metric: str
    rows: int
    scores: Mapping[str, Mapping[str, Score]]
    differences: Sequence[Difference]
    facts: Mapping[str, Mapping[str, float | None]]

    def by(self, metric: str) -> list[Difference]:
        """Every pair by one metric."""
        return [found for found in self.differences if found.metric == metric]

    @property
    def sentence(self) -> str:
        """Who is better by the main metric, in plain words."""
        pairs = self.by(self.main_metric)
        clear = [found for found in pairs if found.is_shown]
        rows = f"{self.rows:,} rows"
        if not clear:
            return f"No difference in {self.main_metric} is shown on {rows}."
        said = []
        for found in clear:
            better, worse = found.first, found.second
            if found.gain.value < 0:
                better, worse = worse, better
            mine, other = (float(self.scores[w][self.main_metric]) for w in (better, worse))
            said.append(f"{better} is better than {worse} ({number(mine)} against {number(other)})")
        rest = len(pairs) - len(clear)
        others = f" No other difference is shown ({rest} of {len(pairs)} pairs)." if rest else ""
        return f"By {self.main_metric} on {rows}: {'; '.join(said)}.{others}"

    def __str__(self) -> str:
        lines = [self.sentence]
        for found in self.by(self.main_metric):
            line = f"{found.first} over {found.second}: {shown(found.gain)}"
            lines.append(f"{line}, p {number(found.adjusted)}")
        return "\n".join(lines)

    def dump(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "main_metric": self.main_metric,
            "rows": self.rows,
            "sentence": self.sentence,
            "scores": {
                name: {metric: vars(score) for metric, score in scores.items()}
                for name, scores in self.scores.items()
            },
            "differences": [vars(found) | {"gain": vars(found.gain)} for found in self.differences],
            "facts": {name: dict(facts) for name, facts in self.facts.items()},
        }


def compare(*models: str | Path | Run | Runs, common: bool = False, seed: int = 0) -> Contest:
    """Two or more models on the test rows that they share.

    Args:
        models: runs, their folders, or folders of cross-validations.
        common: compare on the rows all of them answered, where they answered others besides.
        seed: of blocks and resamples.

    Raises:
        UsageError: fewer than two models, other tasks, other data, or other rows.
        StorageError: a folder holds no judged run.
    """
    if len(models) < 2:
        raise UsageError("compare needs two models or more: give their runs or folders")
    task, contestants = on_common_rows([opened(model) for model in models], common=common)
    metrics = {
        name: metric
        for name, metric in task.metrics().items()
        if all(name in contestant.task.metrics() for contestant in contestants)
    }
    scores: dict[str, dict[str, Score]] = {c.name: {} for c in contestants}
    differences: list[Difference] = []
    for name, metric in metrics.items():
        found, pairs = _by(name, metric, contestants, seed)
        for who, score in found.items():
            scores[who][name] = score
        differences += pairs
    rows, facts = len(contestants[0].judged.rows), {c.name: c.facts for c in contestants}
    return Contest(next(iter(metrics)), rows, scores, differences, facts)


def _by(
    name: str, metric: Metric, contestants: Sequence[Contestant], seed: int
) -> tuple[dict[str, Score], list[Difference]]:
    """Every contestant's score by one metric, and every pair's difference."""
    truth, groups = contestants[0].judged.truth, contestants[0].judged.groups
    rows = len(contestants[0].judged.rows)
    units = units_of(rows, groups, seed=seed)
    measured = {
        c.name: measure(metric, c.judged.predicted, truth, units, seed=seed) for c in contestants
    }
    pairs = []
    for first, second in combinations(contestants, 2):
        mine, other = measured[first.name], measured[second.name]
        p = p_of_gain(mine, other)
        if groups is None:
            exact = mcnemar(metric, first.judged.predicted, second.judged.predicted, truth)
            p = p if exact is None else exact
        gained = gain(metric, mine, other, rows)
        folds = _over_folds(metric, first, second)
        pairs.append(Difference(first.name, second.name, name, gained, p, p, folds))
    adjusted = holm([pair.p for pair in pairs])
    pairs = [replace(pair, adjusted=p) for pair, p in zip(pairs, adjusted, strict=True)]
    return {who: as_score(metric, found, rows) for who, found in measured.items()}, pairs


def _over_folds(metric: Metric, first: Contestant, second: Contestant) -> float | None:
    """Nadeau and Bengio's p, where both have the same folds and test every row once."""
    folds = list(zip(first.folds, second.folds, strict=False))
    same = len(first.folds) == len(second.folds) > 1 and all(
        np.array_equal(np.sort(mine), np.sort(other)) for mine, other in folds
    )
    rows = first.judged.rows
    if not same or len(np.unique(rows)) < len(rows):
        return None
    differences = []
    for tested, _ in folds:
        at = np.flatnonzero(np.isin(rows, tested))
        mine, other = (metric.score(*_of_rows(c.judged, at)) for c in (first, second))
        differences.append(mine - other)
    return corrected_t(np.array(differences), first.tested_to_trained)


def _of_rows(judged: Judged, at: np.ndarray) -> tuple[Arrays, Arrays]:
    predicted, truth = (
        {name: array[at] for name, array in part.items()}
        for part in (judged.predicted, judged.truth)
    )
    return predicted, truth
