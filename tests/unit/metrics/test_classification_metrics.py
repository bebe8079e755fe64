from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from sonde.contracts.metric import Arrays, Metric
from sonde.metrics._bins import reliability
from sonde.metrics._confusion import ClassCounts
from sonde.metrics.accuracy import Accuracy
from sonde.metrics.balanced_accuracy import BalancedAccuracy
from sonde.metrics.brier import Brier
from sonde.metrics.ece import ExpectedCalibrationError
from sonde.metrics.f1 import F1
from sonde.metrics.log_loss import LogLoss
from sonde.metrics.pr_auc import PrAuc
from sonde.metrics.precision import Precision
from sonde.metrics.recall import Recall
from sonde.metrics.roc_auc import RocAuc

REFERENCES = {
    Precision: reference.precision_score,
    Recall: reference.recall_score,
    F1: reference.f1_score,
}


@st.composite
def judged(draw: st.DrawFn, unseen: bool = True) -> tuple[Arrays, Arrays]:
    """A few rows of a few classes, with ties among probabilities and classes never seen."""
    rows, classes = draw(st.integers(2, 12)), draw(st.integers(2, 4))
    raw = draw(arrays.arrays(np.int64, (rows, classes), elements=st.integers(1, 5)))
    probability = raw / raw.sum(axis=1, keepdims=True)
    lowest = -1 if unseen else 0
    truth = draw(arrays.arrays(np.int64, rows, elements=st.integers(lowest, classes - 1)))
    predicted = {"index": probability.argmax(axis=1), "probability": probability}
    return predicted, {"index": truth}


@pytest.mark.parametrize("kind", REFERENCES, ids=lambda kind: kind.kind)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@given(case=judged())
def test_averages_are_scikit_learns(
    kind: type[ClassCounts], average: str, case: tuple[Arrays, Arrays]
) -> None:
    """Also where a true class was never seen: a label that occurs in the truth alone."""
    predicted, truth = case
    expected = REFERENCES[kind](
        truth["index"], predicted["index"], average=average, zero_division=0
    )
    assert kind.parse({"average": average}).score(predicted, truth) == pytest.approx(expected)


@pytest.mark.parametrize("kind", REFERENCES, ids=lambda kind: kind.kind)
@given(case=judged(), positive=st.integers(0, 1))
def test_one_class_is_scikit_learns_or_nan(
    kind: type[ClassCounts], case: tuple[Arrays, Arrays], positive: int
) -> None:
    predicted, truth = case
    expected = REFERENCES[kind](
        truth["index"] == positive, predicted["index"] == positive, zero_division=np.nan
    )
    score = kind.parse({"average": "class", "positive": positive}).score(predicted, truth)
    assert score == pytest.approx(expected, nan_ok=True)


def test_one_class_that_never_occurs_has_no_score() -> None:
    predicted = {"index": np.array([0, 0]), "probability": np.array([[0.9, 0.1], [0.8, 0.2]])}
    truth = {"index": np.array([0, 0])}
    for kind in REFERENCES:
        metric = kind.parse({"average": "class", "positive": 1})
        assert np.isnan(metric.score(predicted, truth))


def test_many_classes_are_counted_without_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    truth = {"index": rng.integers(-1, 900, 1000)}
    predicted = {"index": rng.integers(0, 900, 1000), "probability": np.empty((1000, 900))}
    metric = F1(average="weighted")
    monkeypatch.setattr("sonde.metrics._confusion._MOST_COUNTS", 0)
    assert metric.sums(predicted, truth, np.arange(1000), 1000) is None
    expected = reference.f1_score(
        truth["index"], predicted["index"], average="weighted", zero_division=0
    )
    assert metric.score(predicted, truth) == pytest.approx(expected)


@given(case=judged())
def test_accuracy_is_scikit_learns(case: tuple[Arrays, Arrays]) -> None:
    predicted, truth = case
    expected = reference.accuracy_score(truth["index"], predicted["index"])
    assert Accuracy().score(predicted, truth) == pytest.approx(expected)


@given(case=judged(), counts=st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_auc_is_scikit_learns_mean_over_classes(
    case: tuple[Arrays, Arrays], counts: list[int]
) -> None:
    """Each class against the rest, classes without a positive or a negative row left out."""
    predicted, truth = case
    probability, index = predicted["probability"], truth["index"]
    weights = np.array(counts[: len(index)], float)
    classes = probability.shape[1]
    areas = []
    for k in [1] if classes == 2 else range(classes):
        positive = index == k
        if weights[positive].sum() and weights[~positive].sum():
            areas.append(
                reference.roc_auc_score(positive, probability[:, k], sample_weight=weights)
            )
    expected = np.mean(areas) if areas else np.nan
    score = RocAuc().score(predicted, truth, weights)
    assert score == pytest.approx(expected, nan_ok=True)


@given(case=judged(), counts=st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_average_precision_is_scikit_learns_mean_over_classes(
    case: tuple[Arrays, Arrays], counts: list[int]
) -> None:
    """Each class against the rest, classes without a positive row left out."""
    predicted, truth = case
    probability, index = predicted["probability"], truth["index"]
    weights = np.array(counts[: len(index)], float)
    classes = probability.shape[1]
    found = [
        reference.average_precision_score(index == k, probability[:, k], sample_weight=weights)
        for k in ([1] if classes == 2 else range(classes))
        if weights[index == k].sum()
    ]
    expected = np.mean(found) if found else np.nan
    score = PrAuc().score(predicted, truth, weights)
    assert score == pytest.approx(expected, nan_ok=True)


@given(case=judged())
def test_balanced_accuracy_is_scikit_learns(case: tuple[Arrays, Arrays]) -> None:
    predicted, truth = case
    with warnings.catch_warnings():  # of answers that are no true class
        warnings.simplefilter("ignore")
        expected = reference.balanced_accuracy_score(truth["index"], predicted["index"])
    assert BalancedAccuracy().score(predicted, truth) == pytest.approx(expected)


@pytest.mark.parametrize("area", [RocAuc(), PrAuc()], ids=lambda metric: metric.kind)
def test_areas_of_nan_are_nan(area: Metric) -> None:
    probability = np.array([[0.1, 0.9], [np.nan, np.nan], [0.6, 0.4]])
    predicted = {"index": np.array([1, 0, 0]), "probability": probability}
    assert np.isnan(area.score(predicted, {"index": np.array([1, 1, 0])}))


@given(case=judged(unseen=False))
def test_log_loss_is_scikit_learns(case: tuple[Arrays, Arrays]) -> None:
    predicted, truth = case
    classes = range(predicted["probability"].shape[1])
    expected = reference.log_loss(truth["index"], predicted["probability"], labels=list(classes))
    assert LogLoss().score(predicted, truth) == pytest.approx(expected)


@given(case=judged(unseen=False))
def test_brier_is_the_squared_distance_halved_for_two_classes(case: tuple[Arrays, Arrays]) -> None:
    predicted, truth = case
    classes = predicted["probability"].shape[1]
    if classes == 2:
        expected = reference.brier_score_loss(
            truth["index"], predicted["probability"][:, 1], pos_label=1
        )
    else:
        wanted = np.eye(classes)[truth["index"]]
        expected = np.square(predicted["probability"] - wanted).sum(axis=1).mean()
    assert Brier().score(predicted, truth) == pytest.approx(expected)


def test_a_class_never_seen_costs_what_probability_zero_costs() -> None:
    predicted = {"index": np.array([1]), "probability": np.array([[0.25, 0.75, 0.0]])}
    truth = {"index": np.array([-1])}
    assert LogLoss().score(predicted, truth) == pytest.approx(-np.log(1e-15))
    assert Brier().score(predicted, truth) == pytest.approx(0.25**2 + 0.75**2 + 1)
    assert Accuracy().score(predicted, truth) == 0


def said(rows: int, shift: float, seed: int = 0) -> tuple[Arrays, Arrays]:
    """Probabilities that are `shift` too high, cut at 0 and 1, and what came true."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(0.1, 0.8, rows)
    second = true + shift
    probability = np.stack([1 - second, second], axis=1)
    came_true = (rng.random(rows) < true).astype(int)
    return {"probability": probability, "index": probability.argmax(axis=1)}, {"index": came_true}


def test_calibration_error_of_many_rows_is_scikit_learns_curve() -> None:
    """Where noise is small beside every bin's distance, nothing is taken off."""
    predicted, truth = said(20_000, 0.15)
    frequency, mean = calibration_curve(
        truth["index"], predicted["probability"][:, 1], n_bins=10, strategy="quantile"
    )
    expected = np.abs(frequency - mean).mean()
    assert ExpectedCalibrationError().score(predicted, truth) == pytest.approx(expected, abs=1e-4)


def test_a_calibrated_model_seems_less_uncalibrated_than_by_the_plain_mean() -> None:
    scores, plain = [], []
    for seed in range(200):
        predicted, truth = said(300, 0.0, seed)
        scores.append(ExpectedCalibrationError().score(predicted, truth))
        plain.append(reliability(predicted["probability"][:, 1], truth["index"] == 1).error)
    assert np.mean(scores) < 0.65 * np.mean(plain)


def test_a_clear_calibration_error_is_found_nearly_without_bias() -> None:
    found = [ExpectedCalibrationError().score(*said(300, 0.15, seed)) for seed in range(200)]
    assert np.mean(found) == pytest.approx(0.15, abs=0.012)
    found = [ExpectedCalibrationError().score(*said(2000, 0.15, seed)) for seed in range(50)]
    assert np.mean(found) == pytest.approx(0.15, abs=0.005)
