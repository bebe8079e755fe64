"""Scores of pairs, against scikit-learn and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score, roc_curve

from sonde.evaluate.intervals import interval
from sonde.metrics import _pairs
from sonde.metrics.equal_error import EqualError
from sonde.metrics.identification import Identification, first_of_each
from sonde.metrics.pair_auc import PairAuc
from sonde.metrics.true_accept import TrueAccept

Arrays = dict[str, np.ndarray]


def planted(people: int, each: int, noise: float, seed: int = 0) -> tuple[Arrays, Arrays]:
    """Directions around one for each person, in rows that are mixed."""
    rng = np.random.default_rng(seed)
    who = rng.permutation(np.repeat(np.arange(people) * 3 + 1, each))
    centres = rng.normal(size=(people * 3 + 1, 8))
    rows = centres[who] + noise * rng.normal(size=(len(who), 8))
    return {"embedding": rows.astype(np.float32)}, {"identity": who, "row": np.arange(len(who))}


def by_loops(predicted: Arrays, truth: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """(P,) similarities and (P,) whether of one person, one pair at a time."""
    rows, who = predicted["embedding"].astype(float), truth["identity"]
    alike, same = [], []
    for i in range(len(who)):
        for j in range(i):
            lengths = np.linalg.norm(rows[i]) * np.linalg.norm(rows[j])
            alike.append(rows[i] @ rows[j] / lengths)
            same.append(who[i] == who[j])
    return np.array(alike), np.array(same)


@pytest.mark.parametrize(("people", "each", "noise"), [(6, 5, 0.8), (3, 12, 2.0), (15, 2, 1.2)])
def test_scores_agree_with_scikit_learn(people: int, each: int, noise: float) -> None:
    predicted, truth = planted(people, each, noise)
    alike, same = by_loops(predicted, truth)
    false, true, _ = roc_curve(same, alike, drop_intermediate=False)
    line = interp1d(false, true)
    equal = brentq(lambda x: 1 - x - line(x), 0.0, 1.0)
    assert EqualError().score(predicted, truth) == pytest.approx(equal, abs=1e-6)
    assert PairAuc().score(predicted, truth) == pytest.approx(roc_auc_score(same, alike), abs=1e-6)
    for at in (0.1, 0.01, 0.001):
        reached = true[false <= at].max()
        assert TrueAccept(at=at).score(predicted, truth) == pytest.approx(reached, abs=1e-6)


def test_equal_similarities_are_drawn_as_one_line() -> None:
    """Directions of a few values only, so that most pairs are equally alike."""
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(5), 6)
    predicted = {"embedding": np.eye(3)[np.where(rng.random(30) < 0.7, who % 3, 0)]}
    truth = {"identity": who}
    alike, same = by_loops(predicted, truth)
    false, true, _ = roc_curve(same, alike, drop_intermediate=False)
    line = interp1d(false, true)
    equal = brentq(lambda x: 1 - x - line(x), 0.0, 1.0)
    assert EqualError().score(predicted, truth) == pytest.approx(equal, abs=1e-6)
    assert PairAuc().score(predicted, truth) == pytest.approx(roc_auc_score(same, alike), abs=1e-6)


def test_people_apart_err_never_and_people_alike_by_chance() -> None:
    predicted, truth = planted(5, 4, 0.0)
    assert EqualError().score(predicted, truth) == 0
    assert TrueAccept(at=0.001).score(predicted, truth) == 1
    assert Identification().score(predicted, truth) == 1
    same = {"embedding": np.ones((20, 2))}
    assert EqualError().score(same, truth) == pytest.approx(0.5)
    assert TrueAccept(at=0.1).score(same, truth) == 0


def test_without_both_kinds_of_pairs_there_is_no_score() -> None:
    predicted, _ = planted(5, 4, 1.0)
    for who in (np.zeros(20, np.int64), np.arange(20)):
        for metric in (EqualError(), TrueAccept(), PairAuc()):
            assert math.isnan(metric.score(predicted, {"identity": who}))


def test_a_person_drawn_twice_counts_twice_and_is_not_compared_with_the_copy() -> None:
    predicted, truth = planted(4, 3, 1.0)
    counts = np.where(truth["identity"] == 4, 2.0, 1.0)
    alike, same = by_loops(predicted, truth)
    who = truth["identity"]
    of = np.array([(i, j) for i in range(12) for j in range(i)])
    twice = (who[of] == 4).any(axis=1)  # of a genuine pair, or of one with another person
    wanted = roc_auc_score(same, alike, sample_weight=np.where(twice, 2, 1))
    assert PairAuc().score(predicted, truth, counts) == pytest.approx(wanted, abs=1e-9)


def test_intervals_come_from_people() -> None:
    """Pictures of a person err together: their interval is wider than that of rows alone."""
    predicted, truth = planted(20, 6, 1.3)
    people = interval(EqualError(), predicted, truth, seed=0, groups=truth["identity"])
    rows = interval(EqualError(), predicted, truth, seed=0)
    assert people.low is not None and people.high is not None
    assert rows.low is not None and rows.high is not None
    assert people.low < people.value < people.high
    assert people.high - people.low > rows.high - rows.low


def test_of_very_many_pairs_some_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    predicted, truth = planted(40, 10, 1.2)
    whole = EqualError().score(predicted, truth)
    monkeypatch.setattr(_pairs, "MOST", 20_000)
    pairs = _pairs.pairs_of(predicted["embedding"], truth["identity"])
    assert pairs.genuine.sum() == 40 * 45 and 15_000 < (~pairs.genuine).sum() <= 20_000
    assert (pairs.first != pairs.second).all()
    assert EqualError().score(predicted, truth) == pytest.approx(whole, abs=0.01)


def test_directions_of_different_networks_are_not_compared() -> None:
    predicted, truth = planted(4, 6, 0.1)
    space = np.arange(24) % 2
    other = predicted["embedding"] * np.where(space, -1, 1)[:, None]
    judged = {"embedding": other, "space": space}
    assert EqualError().score({"embedding": other}, truth) > 0.1
    assert EqualError().score(judged, truth) == 0


def test_who_is_looked_up_is_found_by_the_first_pictures() -> None:
    who = np.array([7, 7, 9, 9, 9, 4])
    towards = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [1, 0.2], [-1, 0]])
    predicted, truth = {"embedding": towards}, {"identity": who}
    assert first_of_each(who, 1).tolist() == [True, False, True, False, False, True]
    assert first_of_each(who, 2).sum() == 5
    assert Identification().score(predicted, truth) == pytest.approx(2 / 3)  # the last 9 is a 7
    assert math.isnan(Identification().score({"embedding": towards[:1]}, {"identity": who[:1]}))
