"""Early stopping: the best evaluation is kept, patience runs out."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from sonde.contracts.learn import Stop
from sonde.contracts.learner import Learner
from sonde.core.batch import Batch
from sonde.core.errors import UsageError
from sonde.run.stopping import Stopper


class Counter(Learner):
    """A learner that is one number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    @property
    def main_score(self) -> str:
        return "accuracy"

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        with torch.no_grad():
            self.weight.add_(1)
        return {}

    def shipped(self) -> nn.Module:
        return self


def watched(values: list[float], score: str | None = None, patience: int = 2) -> Stopper:
    """A stopper that has seen these values, at steps 1, 2, ..."""
    learner = Counter()
    stopper = Stopper(Stop(score=score, patience=patience), learner)
    for step, value in enumerate(values, 1):
        learner.step({})
        stopper.see({"accuracy": value, "loss": value}, step)
    return stopper


def kept(stopper: Stopper) -> float:
    assert stopper.best is not None
    return float(stopper.best["weights"]["weight"])


@pytest.mark.parametrize(
    ("score", "values", "best"),
    [
        (None, [0.1, 0.5, 0.4], 2),
        ("accuracy", [0.5, 0.5], 1),
        ("loss", [0.5, 0.2, 0.3], 2),
        ("loss", [math.nan, 0.9], 2),
        ("loss", [0.9, math.nan], 1),
        ("loss", [math.inf, 3.0], 2),
    ],
)
def test_the_weights_of_the_best_step_are_kept(
    score: str | None, values: list[float], best: int
) -> None:
    stopper = watched(values, score)
    assert stopper.step == best
    assert kept(stopper) == best


def test_patience_counts_evaluations_that_are_not_better() -> None:
    assert not watched([0.1, 0.0]).enough
    assert watched([0.1, 0.0, 0.1]).enough
    assert not watched([0.1, 0.0, 0.2, 0.0]).enough


def test_nothing_but_nan_keeps_nothing_and_ends() -> None:
    stopper = watched([math.nan, math.nan])
    assert stopper.best is None
    assert stopper.enough


def test_it_goes_on_as_if_it_had_never_been_cut() -> None:
    seen = watched([0.3, 0.1], patience=3)
    fresh = Stopper(Stop(patience=3), Counter())
    fresh.restore(seen.state(), seen.best)
    for stopper in (seen, fresh):
        stopper.see({"accuracy": 0.2}, 3)
    assert fresh.state() == seen.state()
    assert kept(fresh) == kept(seen) == 1
    assert not fresh.enough


def test_a_score_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match=r"unknown score 'acuracy'\. Did you mean 'accuracy'"):
        watched([0.1], "acuracy")
