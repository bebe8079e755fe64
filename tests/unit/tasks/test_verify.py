"""Margins against the papers' formulas, thresholds, rivals, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from sonde.contracts.task import Design
from sonde.core.errors import RecipeError
from sonde.metrics._pairs import Pairs, pairs_of
from sonde.tasks._identities import discriminants, raw_values
from sonde.tasks._margins import with_margin
from sonde.tasks._threshold import rates_at, settled
from sonde.tasks._verify_panels import hardest, panels
from sonde.tasks.verify import Verify


def cosines(rows: int = 9, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    found = torch.rand(rows, classes, generator=draw, dtype=torch.float64) * 1.9 - 0.95
    index = torch.arange(rows) % classes
    found[0, index[0]] = -0.96  # beyond where an angle and its margin pass a half turn
    return found, index


def test_a_cosine_margin_is_equation_4_of_cosface() -> None:
    found, index = cosines()
    less = 16 * with_margin(found, index, margin=0.35, form="cosine")
    wanted = []
    for row, own in zip(found.numpy(), index.tolist(), strict=True):
        others = sum(np.exp(16 * c) for at, c in enumerate(row) if at != own)
        top = np.exp(16 * (row[own] - 0.35))
        wanted.append(-np.log(top / (top + others)))
    loss = cross_entropy(less, index, reduction="none")
    np.testing.assert_allclose(loss.numpy(), wanted, rtol=1e-9)


def test_an_angular_margin_turns_the_angle() -> None:
    found, index = cosines()
    less = with_margin(found, index, margin=0.4, form="angle")
    own, before = less.gather(1, index[:, None])[:, 0], found.gather(1, index[:, None])[:, 0]
    angle = before.arccos()
    near = angle < np.pi - 0.4
    assert near.any() and not near.all()
    torch.testing.assert_close(own[near], (angle + 0.4).cos()[near], atol=1e-9, rtol=0)
    assert (own[~near] < -1).all()  # it goes on falling instead of rising again
    others = torch.ones_like(found).scatter(1, index[:, None], 0).bool()
    assert torch.equal(less[others], found[others])


@pytest.mark.parametrize("form", ["cosine", "angle"])
def test_slopes_of_margins_are_those_of_finite_differences(form: str) -> None:
    found, index = cosines()
    found.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda c: with_margin(c, index, margin=0.3, form=form),  # type: ignore[arg-type]
        (found,),
    )


def test_a_cosine_of_one_has_a_finite_slope() -> None:
    found = torch.tensor([[1.0, -1.0]], requires_grad=True)
    with_margin(found, torch.tensor([0]), margin=0.5, form="angle").sum().backward()
    assert found.grad is not None and found.grad.isfinite().all()


def test_rows_of_new_people_teach_nothing() -> None:
    found, index = cosines()
    new = index.clone()
    new[3] = 2**61
    assert torch.equal(with_margin(found, new, margin=0.3, form="cosine")[3], found[3])


def a_line(genuine: list[float], impostors: list[float]) -> Pairs:
    """Pairs of these similarities."""
    alike = np.array(genuine + impostors)
    places = np.arange(len(alike))
    return Pairs(places, places + len(alike), alike, places < len(genuine))


def test_a_threshold_lies_between_what_it_divides() -> None:
    found = settled(a_line([0.9, 0.8], [0.2, 0.4]), None)
    assert found is not None and found.cut == pytest.approx(0.6)
    assert (found.false_accept, found.true_accept, found.equal_error) == (0, 1, 0)


def test_a_threshold_keeps_to_the_false_accepts_it_was_given() -> None:
    rng = np.random.default_rng(0)
    pairs = a_line(rng.normal(0.6, 0.2, 500).tolist(), rng.normal(0.1, 0.2, 4_000).tolist())
    equal, strict = settled(pairs, None), settled(pairs, 0.001)
    assert equal is not None and strict is not None
    assert equal.false_accept == pytest.approx(1 - equal.true_accept, abs=0.003)
    assert strict.false_accept <= 0.001 < equal.false_accept and strict.cut > equal.cut
    assert rates_at(pairs, strict.cut) == (strict.false_accept, strict.true_accept)


def test_pairs_of_one_kind_settle_nothing() -> None:
    assert settled(a_line([0.9], []), None) is None
    assert settled(a_line([], [0.9]), 0.01) is None
    assert panels(a_line([], [0.9]), None) == []


def test_the_hardest_pairs_share_no_picture() -> None:
    who = np.repeat(np.arange(6), 3)
    rows = np.random.default_rng(0).normal(size=(18, 3))
    pairs = pairs_of(rows, who)
    same, other = hardest(pairs)
    assert pairs.genuine[same].all() and not pairs.genuine[other].any()
    assert pairs.similarity[same[0]] == pairs.similarity[pairs.genuine].min()
    assert pairs.similarity[other[0]] == pairs.similarity[~pairs.genuine].max()
    for found in (same, other):
        ends = np.concatenate([pairs.first[found], pairs.second[found]])
        assert len(set(ends.tolist())) == len(ends)


def test_rivals_tell_people_apart_whom_they_never_saw() -> None:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(20), 8)
    people = rng.normal(size=(20, 6))
    numbers = np.concatenate([people[who], np.zeros((160, 6))], axis=1)
    numbers += np.r_[np.full(6, 0.3), np.full(6, 5.0)] * rng.normal(size=numbers.shape)
    known, new = who < 12, who >= 12
    flags = np.zeros(12, bool)
    train = Design(numbers[known], flags, {"who": who[known]})
    test = Design(numbers[new], flags, {})
    from sonde.metrics.pair_auc import PairAuc

    truth = {"identity": who[new]}
    linear = PairAuc().score(discriminants(train, test, 0, target="who", classes=12), truth)
    plain = PairAuc().score(raw_values(train, test, 0), truth)
    assert linear > 0.9 > 0.7 > plain > 0.5  # half of the values are noise that plain ones keep


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "nearest"}, "a name that answers have for something else"),
        ({"target": "who", "margin": -0.1}, "margin"),
        ({"target": "who", "margin_of": "distance"}, "margin_of"),
        ({"target": "who", "false_accept": 1.0}, "false_accept"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises((RecipeError, ValueError), match=words):
        Verify.parse(options)
