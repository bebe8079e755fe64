"""The least computation for a stated loss, on cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sonde.contracts.panels import Curves, Table
from sonde.nets.leaving import (
    NEVER,
    POINTS,
    UNKNOWN,
    Limit,
    Settled,
    costs,
    exits_of,
    settle,
)
from sonde.nets.leaving_told import panels, sentence

WORKS = torch.tensor([[10, 20, 40], [1, 1, 1]])
ALL = 10 + 20 + 40 + 1


class Made:
    """N rows at three exits; how sure each is says, up to noise, whether it is right."""

    def __init__(self, rows: int, *, easy: float = 0.6, noise: float = 0.0, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        hard = np.sort(rng.random(rows))  # rows above `easy` are wrong at the first exit
        self.right = np.stack([hard < easy, hard < (1 + easy) / 2, hard < 0.97])
        sure = np.stack([easy - hard, (1 + easy) / 2 - hard])
        self.odds = torch.from_numpy(5 + 10 * sure + noise * rng.standard_normal(sure.shape))
        self.odds = self.odds.float()

    def __call__(self, exits: Tensor, rows: Tensor | None = None) -> float:
        places = np.arange(len(exits)) if rows is None else rows.numpy()
        return float(self.right[exits.numpy()[places], places].mean())


def lost(made: Made, found: Settled) -> float:
    end = torch.full((made.odds.shape[1],), 2)
    return made(end) - made(exits_of(made.odds, found.thresholds))


@pytest.mark.parametrize("most_lost", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_no_more_is_lost_than_allowed(most_lost: float, noise: float) -> None:
    made = Made(2000, noise=noise)
    found = settle(made.odds, WORKS, made, Limit(most_lost, 0.0))
    assert lost(made, found) <= most_lost


def test_rows_that_are_right_early_leave_early() -> None:
    made = Made(4000)
    found = settle(made.odds, WORKS, made, Limit(0.005, 1.0))
    parts = found.left / 4000
    assert found.left.sum() == 4000 and found.leaves
    assert parts[0] == pytest.approx(0.6, abs=0.03) and parts[1] == pytest.approx(0.2, abs=0.03)
    assert found.part_scores[:2].min() > 0.98
    assert found.part_scores[2] == pytest.approx(0.17 / 0.2, abs=0.03)  # the rest is hard


def test_more_may_be_lost_for_less_computation() -> None:
    made = Made(3000, noise=2.0)
    works = [
        float(settle(made.odds, WORKS, made, Limit(most, 1.0)).curve[-1, 0])
        for most in (0.002, 0.01, 0.05, 0.2)
    ]
    assert works == sorted(works, reverse=True) and works[-1] < works[0]


def test_standard_errors_make_it_careful() -> None:
    """Over many draws, what validation rows allow holds on rows it never saw."""
    plain, careful = [], []
    for seed in range(12):
        seen, other = (Made(600, noise=4.0, seed=seed + at) for at in (0, 100))
        for kept, errors in ((plain, 0.0), (careful, 2.0)):
            found = settle(seen.odds, WORKS, seen, Limit(0.02, errors))
            kept.append(lost(other, found))
    assert np.mean(careful) < np.mean(plain)
    assert np.mean(np.array(careful) <= 0.02) >= 0.9


def test_few_rows_promise_nothing() -> None:
    made = Made(100)
    found = settle(made.odds, WORKS, made, Limit(0.003, 1.0))
    assert not found.leaves
    assert found.left.tolist() == [0, 0, 100]
    assert "no exit is sure to lose less than 0.003" in sentence(found, Limit(0.003, 1.0))


def test_exits_that_know_nothing_are_left_out() -> None:
    made = Made(2000)
    made.right[:2] = False
    found = settle(made.odds, WORKS, made, Limit(0.003, 1.0))
    assert not found.leaves and found.curve[-1].tolist() == found.curve[-2].tolist()


def test_a_useless_first_exit_is_not_paid_for() -> None:
    made = Made(2000)
    made.right[0] = False
    found = settle(made.odds, WORKS, made, Limit(0.005, 1.0))
    assert found.thresholds[0] == NEVER and found.left[1] > 1000
    assert costs(WORKS, found.thresholds).tolist() == [10, 31, 72]


def test_a_score_that_is_not_defined_settles_nothing() -> None:
    made = Made(200)
    made.right = np.full_like(made.right, np.nan, dtype=float)
    found = settle(made.odds, WORKS, made, Limit(0.1, 1.0))
    assert not found.leaves
    assert found.part_scores.tolist() == [UNKNOWN] * 3 and found.curve.isfinite().all()


def test_no_row_stands_near_a_threshold() -> None:
    made = Made(1000, noise=1.0)
    found = settle(made.odds, WORKS, made, Limit(0.05, 0.0))
    assert found.leaves
    for odds, threshold in zip(made.odds, found.thresholds, strict=True):
        gaps = made.odds[0].sort().values.diff()
        assert (odds - threshold).abs().min() > gaps.median() / 2


def test_exits_that_are_better_than_the_end_are_what_is_lost_against() -> None:
    """Else all that the early ones gain would be spent on leaving still earlier."""
    made = Made(4000)
    made.right[2] = np.arange(4000) % 10 < 3
    end, first = (made(torch.full((4000,), number)) for number in (2, 0))
    assert end < first
    found = settle(made.odds, WORKS, made, Limit(0.01, 1.0))
    best = 0.6 + 0.2 + 0.3 * 0.2  # each row where it is right
    assert made(exits_of(made.odds, found.thresholds)) == pytest.approx(best, abs=0.02)


def test_rows_that_are_alike_leave_together() -> None:
    made = Made(1000)
    made.odds[:] = made.odds.round()
    found = settle(made.odds, WORKS, made, Limit(0.05, 1.0))
    assert found.leaves and lost(made, found) <= 0.05


def test_the_work_that_is_told_is_that_of_the_rows() -> None:
    made = Made(1500, noise=1.0)
    found = settle(made.odds, WORKS, made, Limit(0.02, 1.0))
    exits = exits_of(made.odds, found.thresholds)
    spent = costs(WORKS, found.thresholds)[exits].double().mean()
    assert found.curve.shape == (POINTS, 2)
    assert found.curve[-1, 0] * 1e6 == pytest.approx(float(spent), rel=1e-5)
    assert found.curve[-2].tolist() == pytest.approx([ALL / 1e6, made(torch.full((1500,), 2))])
    assert made(exits) == pytest.approx(float(found.curve[-1, 1]))


def test_it_is_told_in_words_and_shown() -> None:
    made = Made(4000)
    found = settle(made.odds, WORKS, made, Limit(0.005, 1.0))
    said = sentence(found, Limit(0.005, 1.0))
    assert said.startswith("exits      ") and "times less computation" in said
    table, curve = panels(found, WORKS * 1000)
    assert isinstance(table, Table) and isinstance(curve, Curves)
    assert [row[0] for row in table.rows] == ["1", "2", "3"]
    assert table.rows[0][1] == "11,000" and table.rows[2][2] == "the end"
    assert 0.9 < float(table.rows[0][2]) < 1 and float(table.rows[0][5]) > 0.98
    work, score = (axis[0] for axis in curve.series["settled"])
    all_work, all_score = (axis[0] for axis in curve.series["all rows to the end"])
    assert work < all_work / 2 and score == pytest.approx(all_score, abs=0.005)
