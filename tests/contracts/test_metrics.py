"""What holds for every metric that will ever be written."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sonde.contracts.task import Arrays, Metric
from sonde.core.registry import registry
from sonde.core.text import from_json, to_json

METRICS = registry("metric").examples()


def kind_of(metric: Metric) -> str:
    return "-".join([metric.kind, *(str(v) for v in metric.dump().values() if v != metric.kind)])


@pytest.fixture(params=METRICS, ids=kind_of)
def metric(request: pytest.FixtureRequest) -> Metric:
    made: Metric = request.param
    return made


def answers(rows: int, classes: int = 3, seed: int = 0) -> tuple[Arrays, Arrays]:
    """Answers and truth that classification and regression metrics both can read."""
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.ones(classes), rows).astype(np.float32)
    predicted = {
        "probability": probability.reshape(rows, classes),
        "index": probability.argmax(axis=1) if rows else np.empty(0, np.int64),
        "value": rng.normal(size=rows),
    }
    return predicted, {"index": rng.integers(0, classes, rows), "value": rng.normal(size=rows)}


def perfect(rows: int = 60) -> tuple[Arrays, Arrays]:
    _, truth = answers(rows)
    return {**truth, "probability": np.eye(3, dtype=np.float32)[truth["index"]]}, truth


def taken(arrays: Arrays, rows: np.ndarray) -> Arrays:
    return {name: array[rows] for name, array in arrays.items()}


@pytest.mark.parametrize("classes", [2, 3])
def test_counts_are_repeated_rows(metric: Metric, classes: int) -> None:
    predicted, truth = answers(80, classes)
    counts = np.random.default_rng(1).integers(0, 4, 80)
    rows = np.repeat(np.arange(80), counts)
    repeated = metric.score(taken(predicted, rows), taken(truth, rows))
    assert metric.score(predicted, truth, counts.astype(float)) == pytest.approx(repeated, rel=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_terms_add_up_to_the_score(metric: Metric, classes: int) -> None:
    predicted, truth = answers(50, classes)
    terms = metric.terms(predicted, truth)
    if terms is None:
        assert type(metric).score is not Metric.score, "neither terms nor a score of its own"
        return
    assert terms.shape[0] == 50 and terms.dtype == np.float64
    combined = metric.combine(np.stack([terms.sum(axis=0)] * 2))
    assert combined.shape == (2,)
    assert combined[0] == pytest.approx(metric.score(predicted, truth), rel=1e-9)


def test_the_order_of_rows_does_not_matter(metric: Metric) -> None:
    predicted, truth = answers(70)
    mixed = np.random.default_rng(2).permutation(70)
    score = metric.score(taken(predicted, mixed), taken(truth, mixed))
    assert score == pytest.approx(metric.score(predicted, truth), rel=1e-9)


def test_the_truth_itself_scores_better_than_chance(metric: Metric) -> None:
    best, chance = metric.score(*perfect()), metric.score(*answers(60))
    assert best > chance if metric.higher_is_better else best < chance


def test_no_rows_score_nan_without_a_warning(metric: Metric) -> None:
    assert math.isnan(metric.score(*answers(0)))


def test_it_survives_json(metric: Metric) -> None:
    plain = from_json(to_json(metric.dump()))
    assert type(metric).parse(plain) == metric


def test_it_affords_enough_resamples_for_its_tails(metric: Metric) -> None:
    assert metric.resamples >= 1000
