from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from scipy.stats import t as student

from sonde.contracts.metric import Arrays, Metric
from sonde.evaluate import _units
from sonde.evaluate import intervals as module
from sonde.evaluate._units import units_of
from sonde.evaluate.intervals import interval, intervals, measure, resample
from sonde.metrics.accuracy import Accuracy
from sonde.metrics.f1 import F1
from sonde.metrics.mae import MeanAbsoluteError
from sonde.metrics.pr_auc import PrAuc
from sonde.metrics.rmse import RootMeanSquaredError
from sonde.metrics.roc_auc import RocAuc


class MedianError(Metric):
    """A metric of neither sums nor a formula, as a plug-in may write one."""

    higher_is_better: ClassVar[bool] = False

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        error = np.abs(predicted["value"] - truth["value"])
        if counts is not None:
            error = np.repeat(error, counts.astype(int))
        return float(np.median(error)) if len(error) else float("nan")


def judged(rows: int, seed: int = 0, skill: float = 1.0) -> tuple[Arrays, Arrays]:
    rng = np.random.default_rng(seed)
    index = rng.integers(0, 2, rows)
    second = 1 / (1 + np.exp(-skill * (2 * index - 1) - rng.normal(size=rows)))
    probability = np.stack([1 - second, second], axis=1)
    return {"index": probability.argmax(axis=1), "probability": probability}, {"index": index}


def errors(rows: int, seed: int = 0) -> tuple[Arrays, Arrays]:
    drawn = np.random.default_rng(seed).exponential(size=rows)
    return {"value": drawn}, {"value": np.zeros(rows)}


def test_the_interval_of_a_mean_is_the_textbooks() -> None:
    """For a mean of many rows it is +-1.96 standard errors."""
    predicted, truth = errors(2000)
    score = interval(MeanAbsoluteError(), predicted, truth, seed=0)
    half = 1.96 * predicted["value"].std() / np.sqrt(2000)
    assert score.low == pytest.approx(score.value - half, abs=0.1 * half)
    assert score.high == pytest.approx(score.value + half, abs=0.1 * half)


def test_the_interval_of_an_accuracy_is_wilsons() -> None:
    """Also where every row is right: 200 of 200 rows show no accuracy of 1."""
    for wrong in (0, 1, 37, 200):
        predicted = {"index": (np.arange(200) < wrong).astype(int)}
        score = interval(Accuracy(), predicted, {"index": np.zeros(200, int)}, seed=0)
        p, z = 1 - wrong / 200, float(student.ppf(0.975, 199))
        centre = (p + z**2 / 400) / (1 + z**2 / 200)
        half = z / (1 + z**2 / 200) * np.sqrt(p * (1 - p) / 200 + z**2 / 160_000)
        assert score.low == pytest.approx(max(0, centre - half))
        assert score.high == pytest.approx(min(1, centre + half))


def test_a_perfect_ranking_has_no_interval() -> None:
    """No row could be left out to any effect, and how far that reaches nobody can tell."""
    _, truth = judged(50)
    probability = np.eye(2)[truth["index"]]
    for metric in (RocAuc(), PrAuc()):
        score = interval(metric, {"probability": probability}, truth, seed=0)
        assert (score.value, score.low, score.high) == (1.0, None, None)


@pytest.mark.parametrize("metric", [RocAuc(), PrAuc(), F1(), RootMeanSquaredError()],
                         ids=lambda metric: metric.kind)  # fmt: skip
def test_errors_are_those_of_the_bootstrap(metric: Metric) -> None:
    """What is computed agrees with what 1,000 resamples or more would say."""
    predicted, truth = errors(400) if metric.kind == "rmse" else judged(400)
    units = units_of(400, np.arange(400) // 2, seed=0)
    measured = measure(metric, predicted, truth, units, seed=0)
    assert measured.influence is not None
    drawn = resample(metric, predicted, truth, units, seed=0)
    assert np.sqrt(np.square(measured.influence).sum()) == pytest.approx(drawn.std(), rel=0.1)


def test_rows_that_hang_together_widen_the_interval() -> None:
    """100 patients with 10 equal rows each tell as much as 100 rows, not as 1,000."""
    predicted, truth = judged(100)
    alone = intervals({"auc": RocAuc(), "accuracy": Accuracy()}, predicted, truth, seed=0)
    tenfold = [
        {n: np.repeat(a, 10, axis=0) for n, a in part.items()} for part in (predicted, truth)
    ]
    groups = np.repeat(np.arange(100), 10)
    together = intervals({"auc": RocAuc(), "accuracy": Accuracy()}, *tenfold, seed=0, groups=groups)
    for name, score in alone.items():
        assert together[name].value == pytest.approx(score.value)
        assert together[name].low == pytest.approx(score.low, abs=1e-3)
        assert together[name].high == pytest.approx(score.high, abs=1e-3)


@pytest.mark.parametrize("metric", [Accuracy(), RocAuc(), F1()], ids=lambda metric: metric.kind)
def test_blocks_of_rows_give_the_interval_of_the_rows(
    metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted, truth = judged(8000)
    whole = interval(metric, predicted, truth, seed=0)
    monkeypatch.setattr(_units, "MOST_UNITS", 4000)
    blocks = interval(metric, predicted, truth, seed=0)
    assert whole.low is not None and whole.high is not None
    assert blocks.low is not None and blocks.high is not None
    assert blocks.value == pytest.approx(whole.value)
    assert blocks.high - blocks.low == pytest.approx(whole.high - whole.low, rel=0.08)


def test_a_metric_without_a_formula_is_resampled_by_group() -> None:
    predicted, truth = errors(300)
    alone = interval(MedianError(), predicted, truth, seed=0)
    groups = np.argsort(np.argsort(predicted["value"])) // 30  # equal errors hang together
    together = interval(MedianError(), predicted, truth, seed=0, groups=groups)
    assert alone.low is not None and alone.high is not None
    assert together.low is not None and together.high is not None
    assert alone.low < alone.value < alone.high
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_chunks_of_any_size_give_the_same_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    predicted, truth = errors(50)
    whole = interval(MedianError(), predicted, truth, seed=0)
    monkeypatch.setattr(module, "_MOST_COUNTS", 50 * 7)
    assert interval(MedianError(), predicted, truth, seed=0) == whole


def test_a_metric_gets_as_many_resamples_as_it_affords() -> None:
    units = units_of(10, None, seed=0)
    assert len(resample(RocAuc(), *judged(10), units, seed=0)) == RocAuc.resamples
    assert len(resample(Accuracy(), *judged(10), units, seed=0)) == 2000


def test_without_rows_or_with_one_there_is_no_interval() -> None:
    for metric in (Accuracy(), RocAuc()):
        score = interval(metric, *judged(1), seed=0)
        assert (score.low, score.high, score.rows) == (None, None, 1)
        assert np.isnan(interval(metric, *judged(0), seed=0).value)


def test_a_score_that_hangs_on_one_row_has_no_interval() -> None:
    """With one positive row, nobody knows how another would be ranked."""
    predicted, _ = judged(20)
    truth = {"index": (np.arange(20) == 0).astype(int)}
    for metric in (RocAuc(), PrAuc()):
        score = interval(metric, predicted, truth, seed=0)
        assert np.isfinite(score.value) and score.low is None


def test_limits_stay_where_scores_can_be() -> None:
    predicted, truth = {"value": np.array([0.0, 0.0, 0.0, 0.0, 9.0])}, {"value": np.zeros(5)}
    score = interval(MeanAbsoluteError(), predicted, truth, seed=0)
    assert score.low is not None and 0 <= score.low < 3


def test_two_groups_have_no_interval() -> None:
    """However many rows there are in them."""
    truth = {"value": np.zeros(200)}
    judged = {"value": np.arange(200.0)}
    units = np.arange(200) % 2
    score = interval(MeanAbsoluteError(), judged, truth, groups=units, seed=0)
    assert (score.low, score.high) == (None, None)
