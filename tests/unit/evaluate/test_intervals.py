from __future__ import annotations

import numpy as np
import pytest

from sonde.contracts.task import Arrays
from sonde.evaluate import intervals as module
from sonde.evaluate.intervals import interval, intervals, resample
from sonde.metrics.accuracy import Accuracy
from sonde.metrics.f1 import F1
from sonde.metrics.mae import MeanAbsoluteError
from sonde.metrics.roc_auc import RocAuc


def judged(rows: int, seed: int = 0, skill: float = 1.0) -> tuple[Arrays, Arrays]:
    rng = np.random.default_rng(seed)
    index = rng.integers(0, 2, rows)
    second = 1 / (1 + np.exp(-skill * (2 * index - 1) - rng.normal(size=rows)))
    probability = np.stack([1 - second, second], axis=1)
    return {"index": probability.argmax(axis=1), "probability": probability}, {"index": index}


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    """For a mean of many rows the bootstrap agrees with +-1.96 standard errors."""
    errors = np.random.default_rng(0).exponential(size=2000)
    score = interval(MeanAbsoluteError(), {"value": errors}, {"value": np.zeros(2000)}, seed=0)
    half = 1.96 * errors.std() / np.sqrt(2000)
    assert score.low == pytest.approx(errors.mean() - half, abs=0.1 * half)
    assert score.high == pytest.approx(errors.mean() + half, abs=0.1 * half)


def test_intervals_hold_the_truth_about_19_times_in_20() -> None:
    held = 0
    for seed in range(300):
        right = np.random.default_rng(seed).random(200) < 0.8
        predicted = {"index": right.astype(int)}
        score = interval(Accuracy(), predicted, {"index": np.ones(200, int)}, seed=seed)
        assert score.low is not None and score.high is not None
        held += score.low <= 0.8 <= score.high
    assert 0.915 <= held / 300 <= 0.98


def test_terms_and_scores_give_the_same_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A matrix product and a score for each resample are two ways to one number."""
    predicted, truth = judged(60)
    by_terms = resample({"f1": F1()}, predicted, truth, seed=3)["f1"]
    monkeypatch.setattr("sonde.metrics._confusion._MOST_TERMS", 0)
    assert resample({"f1": F1()}, predicted, truth, seed=3)["f1"] == pytest.approx(by_terms)


def test_chunks_of_any_size_give_the_same_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    predicted, truth = judged(50)
    metrics = {"auc": RocAuc(), "accuracy": Accuracy()}
    whole = intervals(metrics, predicted, truth, seed=0)
    monkeypatch.setattr(module, "_MOST_COUNTS", 50 * 7)
    assert intervals(metrics, predicted, truth, seed=0) == whole


def test_a_metrics_interval_does_not_depend_on_its_company() -> None:
    predicted, truth = judged(40)
    together = intervals({"auc": RocAuc(), "accuracy": Accuracy()}, predicted, truth, seed=1)
    assert together["accuracy"] == interval(Accuracy(), predicted, truth, seed=1)
    assert together["auc"] == interval(RocAuc(), predicted, truth, seed=1)


def test_a_metric_gets_as_many_resamples_as_it_affords() -> None:
    predicted, truth = judged(10)
    found = resample({"auc": RocAuc(), "accuracy": Accuracy()}, predicted, truth, seed=0)
    assert len(found["auc"]) == RocAuc.resamples and len(found["accuracy"]) == 2000


def test_without_rows_or_with_one_there_is_no_interval() -> None:
    predicted, truth = judged(1)
    score = interval(Accuracy(), predicted, truth, seed=0)
    assert (score.low, score.high, score.rows) == (None, None, 1)
    predicted, truth = judged(0)
    assert np.isnan(interval(Accuracy(), predicted, truth, seed=0).value)


def test_a_score_that_is_often_undefined_has_no_interval() -> None:
    """With one positive row, a third of all resamples have none."""
    predicted, truth = judged(20)
    truth = {"index": (np.arange(20) == 0).astype(int)}
    score = interval(RocAuc(), predicted, truth, seed=0)
    assert np.isfinite(score.value) and score.low is None
