"""What adversarial networks lose, by hand; that collapse is told where it is, and only there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sonde.core.notice import listening
from sonde.learn._adversarial_losses import gradient_penalty, of_critic, of_generator, sure
from sonde.learn._collapse import Watch, spreads

REAL, DRAWN = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.25, 1.0])


def log_loss(logit: float, *, real: bool) -> float:
    probability = 1 / (1 + math.exp(-logit))
    return -math.log(probability if real else 1 - probability)


def test_standard_is_the_cross_entropy_of_both() -> None:
    pairs = zip(REAL.tolist(), DRAWN.tolist(), strict=True)
    wanted = [log_loss(r, real=True) + log_loss(d, real=False) for r, d in pairs]
    assert torch.allclose(of_critic("standard", REAL, DRAWN), torch.tensor(wanted))
    unsaturated = [log_loss(d, real=True) for d in DRAWN.tolist()]
    assert torch.allclose(of_generator("standard", DRAWN), torch.tensor(unsaturated))


def test_hinge_asks_no_more_beyond_its_margin() -> None:
    assert of_critic("hinge", REAL, DRAWN).tolist() == [0.0, 0.5 + 1.25, 2.0 + 2.0]
    assert of_generator("hinge", DRAWN).tolist() == [3.0, -0.25, -1.0]


def test_wasserstein_is_a_difference_of_means() -> None:
    gap = DRAWN.mean() - REAL.mean()
    assert torch.allclose(of_critic("wasserstein", REAL, DRAWN).mean(), gap)


def test_who_is_sure() -> None:
    assert sure("hinge", REAL, DRAWN).tolist() == [True, False, False, True, False, False]
    assert sure("standard", 2 * REAL, 2 * DRAWN).tolist() == [True] + 2 * [False] + [True] + 2 * [
        False
    ]
    assert not sure("wasserstein", 100 * REAL, 100 * DRAWN).any()


def test_the_penalty_of_a_quadratic_score() -> None:
    """The score x'x has the slope 2x: (|2x| - 1)^2 in between."""
    generator = torch.Generator().manual_seed(0)
    real, drawn = torch.randn(2, 5, 1, 2, 3, generator=generator).unbind()
    share = torch.rand(5, generator=generator)
    found = gradient_penalty(lambda x: x.flatten(1).square().sum(1), real, drawn, share)
    mixed = share.view(-1, 1, 1, 1) * real + (1 - share.view(-1, 1, 1, 1)) * drawn
    assert torch.allclose(found, (2 * mixed.flatten(1).norm(dim=1) - 1).square(), atol=1e-5)


def test_the_penalty_has_the_gradient_of_finite_differences() -> None:
    """By the critic's weight: a slope of a slope."""
    generator = torch.Generator().manual_seed(1)
    real, drawn = torch.randn(2, 4, 1, 2, 2, generator=generator, dtype=torch.float64).unbind()
    share = torch.rand(4, generator=generator, dtype=torch.float64)
    weight = torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True)

    def penalty(weight: Tensor) -> Tensor:
        def score(pictures: Tensor) -> Tensor:
            return torch.tanh(pictures.flatten(1) @ weight).sum(dim=1)

        return gradient_penalty(score, real, drawn, share).sum()

    assert torch.autograd.gradcheck(penalty, (weight,), atol=1e-5)


class Heard:
    """What was said."""

    def __init__(self) -> None:
        self.warned: list[str] = []
        self.told: list[str] = []

    def __call__(self, message: str, important: bool, facts: Mapping[str, Any]) -> None:
        (self.warned if important else self.told).append(message)


def watched(steps: int, part_sure: float, spread: float = 1.0) -> tuple[Watch, Heard]:
    watch, heard = Watch(torch.device("cpu")), Heard()
    certain = torch.arange(100) < 100 * part_sure
    scores = torch.linspace(-1, 1, 100) * spread + 3
    with listening(heard):
        for _ in range(steps):
            watch.step(certain, scores)
    return watch, heard


def test_a_critic_that_has_won_is_said_once() -> None:
    _, heard = watched(3000, part_sure=1.0)
    assert len(heard.warned) == 1
    assert "the critic has won" in heard.warned[0]


@pytest.mark.parametrize("part_sure", [0.0, 0.5, 0.9])
def test_a_critic_that_doubts_is_not(part_sure: float) -> None:
    assert not watched(3000, part_sure)[1].warned


def test_a_critic_that_is_sure_for_a_moment_is_not() -> None:
    watch, heard = watched(1000, part_sure=0.4)
    with listening(heard):
        for _ in range(90):
            watch.step(torch.ones(100, dtype=torch.bool), torch.linspace(-1, 1, 100))
        for _ in range(400):
            watch.step(torch.zeros(100, dtype=torch.bool), torch.linspace(-1, 1, 100))
    assert not heard.warned


def test_a_critic_to_whom_all_pictures_are_alike_is_said() -> None:
    _, heard = watched(1000, part_sure=0.0, spread=1e-6)
    assert "the same score" in heard.warned[0]


def clouds(alike: float) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Drawn pictures of the second class that differ `alike` times as much as real ones."""
    rng = np.random.default_rng(0)
    second = np.arange(200) >= 100
    real = rng.normal(size=(200, 6)) + 4 * second[:, None]
    drawn = rng.normal(size=(200, 6)) * np.where(second, alike, 1.0)[:, None] + 4 * second[:, None]
    return drawn, real, {"one": ~second, "two": second}


def test_a_class_that_is_drawn_alike_is_named_and_the_other_is_not() -> None:
    watch, heard = watched(500, part_sure=0.0)
    with listening(heard):
        watch.pictures(spreads(*clouds(0.1)))
        watch.pictures(spreads(*clouds(0.1)))
    assert len(heard.warned) == 1
    assert "drawn pictures of 'two' are all alike" in heard.warned[0]
    with listening(heard):
        watch.pictures(spreads(*clouds(1.0)))
    assert len(heard.warned) == 1
    assert "this is over" in heard.told[0]


def test_pictures_that_are_all_one_are_said() -> None:
    drawn, real, _ = clouds(1.0)
    watch, heard = watched(500, part_sure=0.0)
    with listening(heard):
        watch.pictures(spreads(np.repeat(drawn[:1], 200, axis=0), real, {}))
    assert "drawn pictures are all alike" in heard.warned[0]


def test_pictures_as_various_as_real_ones_are_not() -> None:
    watch, heard = watched(500, part_sure=0.0)
    with listening(heard):
        watch.pictures(spreads(*clouds(0.8)))
    assert not heard.warned


def test_a_watch_goes_on_where_it_was() -> None:
    watch, heard = watched(250, part_sure=1.0)
    again = Watch(torch.device("cpu"))
    again.restore(watch.state())
    with listening(heard):
        for _ in range(500):
            again.step(torch.ones(10, dtype=torch.bool), torch.linspace(-1, 1, 10))
    assert len(heard.warned) == 1
    third = Watch(torch.device("cpu"))
    third.restore(again.state())
    with listening(heard):
        for _ in range(500):
            third.step(torch.ones(10, dtype=torch.bool), torch.linspace(-1, 1, 10))
    assert len(heard.warned) == 1  # it remembers what it has said
