"""Scores of drawn pictures against SciPy, finite differences and sets whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose

from sonde.tasks._frechet import Frechet, distance, moments
from sonde.tasks._generated_panels import closest_by_class, in_turns
from sonde.tasks._manifolds import mean_distance, nearest, radii, within
from sonde.tasks._noise import noise


def features(rows: int, width: int, seed: int) -> np.ndarray:
    """Rows whose numbers hang together, around a mean of their own."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, width)) @ rng.normal(size=(width, width)) + rng.normal(size=width)


def by_scipy(one: np.ndarray, other: np.ndarray) -> float:
    """Heusel et al. 2017, eq. 6, as it stands there."""
    covariances = [np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (one, other)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    gap = one.mean(axis=0) - other.mean(axis=0)
    return float(gap @ gap + np.trace(covariances[0] + covariances[1] - 2 * root))


@pytest.mark.parametrize("width", [1, 3, 20])
def test_the_frechet_distance_is_that_of_scipy(width: int) -> None:
    one, other = features(200, width + 1, 0)[:, 1:], features(300, width + 1, 1)[:, 1:]
    assert_allclose(distance(moments(one), moments(other)), by_scipy(one, other), rtol=1e-6)


def test_the_frechet_distance_of_normal_numbers_is_known() -> None:
    """(m - w)^2 + (s - r)^2 in one dimension."""
    one = np.array([[-1.0], [1.0]]) / np.sqrt(2) * 3 + 5  # mean 5, deviation 3
    other = np.array([[-1.0], [1.0]]) / np.sqrt(2)  # mean 0, deviation 1
    assert_allclose(distance(moments(one), moments(other)), 25 + 4)


def test_directions_without_any_spread_do_no_harm() -> None:
    """As a unit that is never active has."""
    one, other = features(80, 4, 0), features(80, 4, 1)
    flat = np.zeros((80, 1))
    wide = [np.hstack([rows, flat]) for rows in (one, other)]
    alike = distance(moments(wide[0]), moments(wide[1]))
    assert_allclose(alike, distance(moments(one), moments(other)), rtol=1e-6)
    predicted, truth = {"features": wide[0]}, {"features": wide[1]}
    assert np.isfinite(Frechet().influence(predicted, truth)).all()


def test_equal_sets_have_distance_0() -> None:
    rows = features(100, 5, 2)
    assert distance(moments(rows), moments(rows[::-1])) < 1e-8


def test_influence_is_the_derivative_by_a_rows_weight() -> None:
    """Each row's weight a little more and a little less, of drawn and real rows at once."""
    predicted, truth = {"features": features(600, 3, 3)}, {"features": features(600, 3, 4)}
    metric, step = Frechet(), 1e-4
    found = metric.influence(predicted, truth)
    assert abs(found.sum()) < 1e-8 * np.abs(found).sum()
    for row in (0, 70, 599):
        moved = []
        for sign in (1, -1):
            counts = np.ones(600)
            counts[row] += sign * step
            moved.append(metric.score(predicted, truth, counts))
        # to 1/600: the covariance is divided by the weights' sum less one
        assert_allclose((moved[0] - moved[1]) / (2 * step), found[row], rtol=0.005, atol=1e-4)


def test_points_among_others() -> None:
    """On a line: balls reach out to the third nearest of five points a unit apart."""
    others = np.arange(5.0)[:, None]
    assert_allclose(np.sqrt(radii(others)), [3, 2, 2, 2, 3])
    asked = np.array([[-3.1], [-2.9], [2.0], [6.9], [7.1]])
    assert within(asked, others).tolist() == [False, True, True, True, False]


def test_precision_and_recall_of_sets_that_are_known() -> None:
    """Half of what is drawn is nowhere near; one of two clouds is never drawn."""
    rng = np.random.default_rng(0)
    here, there = rng.normal(size=(200, 4)), rng.normal(size=(200, 4)) + 50
    nowhere = rng.normal(size=(200, 4)) - 50
    drawn = np.concatenate([rng.normal(size=(200, 4)), nowhere])
    real = np.concatenate([here, there])
    precision, recall = within(drawn, real), within(real, drawn)
    assert precision[:200].mean() > 0.9 and not precision[200:].any()
    assert recall[:200].mean() > 0.9 and not recall[200:].any()


def test_far_from_the_origin_nothing_is_rounded_away() -> None:
    points = np.array([[0.0], [1.0], [3.0]]) + 1e6
    which, far = nearest(points[:1], points[1:])
    assert which.tolist() == [0]
    assert_allclose(far, [1.0], rtol=1e-6)
    assert_allclose(mean_distance(points), 2.0, rtol=1e-6)


def test_noise_is_that_of_its_number_however_many_are_drawn() -> None:
    whole = noise(seed=4, first=0, count=50, width=7)
    assert np.array_equal(whole[20:33], noise(seed=4, first=20, count=13, width=7))
    assert not np.array_equal(whole, noise(seed=5, first=0, count=50, width=7))


def test_noise_is_standard_normal() -> None:
    drawn = noise(seed=0, first=0, count=20_000, width=5).astype(np.float64)
    assert_allclose(drawn.mean(axis=0), 0, atol=0.03)
    assert_allclose(np.cov(drawn, rowvar=False), np.eye(5), atol=0.04)
    assert_allclose((drawn**4).mean(), 3, atol=0.1)


def test_sheets_have_a_column_for_each_class() -> None:
    classes = np.array([2, 0, 0, 1, 2, 1, 0, 2])
    assert classes[in_turns(classes, 80)].tolist() == [0, 1, 2] * 2


def test_the_nearest_of_each_class_are_shown() -> None:
    far, classes = np.array([3.0, 0.1, 0.2, 1.0, 0.5, 0.3]), np.array([0, 1, 1, 0, 0, 1])
    shown = closest_by_class(far, classes)
    assert shown.tolist() == [4, 3, 0, 1, 2, 5]  # up to five of each of two classes
