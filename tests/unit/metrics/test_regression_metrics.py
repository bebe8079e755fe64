from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as reference

from sonde.contracts.metric import Metric
from sonde.core.notice import SondeWarning
from sonde.metrics.mae import MeanAbsoluteError
from sonde.metrics.mape import MeanAbsolutePercentageError
from sonde.metrics.quantile_loss import QuantileLoss
from sonde.metrics.r2 import R2
from sonde.metrics.rmse import RootMeanSquaredError

VALUES = arrays.arrays(np.float64, 8, elements=st.floats(-1e6, 1e6, width=32))
REFERENCES = [
    (MeanAbsoluteError(), reference.mean_absolute_error),
    (RootMeanSquaredError(), reference.root_mean_squared_error),
    (R2(), reference.r2_score),
    (QuantileLoss(), reference.mean_pinball_loss),
    (QuantileLoss(quantile=0.9), partial(reference.mean_pinball_loss, alpha=0.9)),
]


@pytest.mark.parametrize(
    ("metric", "expected"), REFERENCES, ids=lambda part: part.__class__.__name__
)
@given(said=VALUES, true=VALUES, offset=st.sampled_from([0.0, 1e7]))
def test_errors_are_scikit_learns(
    metric: Metric,
    expected: Callable[..., float],
    said: np.ndarray,
    true: np.ndarray,
    offset: float,
) -> None:
    """Also far from zero, where squares of the values themselves would lose their digits."""
    assume(np.ptp(true) > 1e-2)
    said, true = said + offset, true + offset
    score = metric.score({"value": said}, {"value": true})
    assert score == pytest.approx(expected(true, said), rel=1e-6, abs=1e-9)


@given(said=VALUES, true=VALUES)
def test_relative_errors_are_scikit_learns_where_no_truth_is_zero(
    said: np.ndarray, true: np.ndarray
) -> None:
    true = np.where(np.abs(true) < 1e-3, 1.0, true)
    expected = reference.mean_absolute_percentage_error(true, said)
    score = MeanAbsolutePercentageError().score({"value": said}, {"value": true})
    assert score == pytest.approx(expected, rel=1e-9)


def test_rows_whose_truth_is_zero_have_no_relative_error_and_are_counted_aloud() -> None:
    said, true = {"value": np.array([5.0, 3.0, 1.0])}, {"value": np.array([0.0, 2.0, 2.0])}
    with pytest.warns(SondeWarning, match="leaves out 1 of 3 rows"):
        assert MeanAbsolutePercentageError().score(said, true) == pytest.approx(0.5)
    with pytest.warns(SondeWarning, match="leaves out 3 of 3 rows"):
        assert np.isnan(MeanAbsolutePercentageError().score(said, {"value": np.zeros(3)}))


def test_a_named_answer_is_judged_as_its_quantile() -> None:
    true = np.random.default_rng(0).normal(size=500)
    answers = {"value": np.zeros(500), "high": np.full(500, np.quantile(true, 0.9))}
    high = QuantileLoss(quantile=0.9, of="high")
    assert high.score(answers, {"value": true}) < QuantileLoss(quantile=0.9).score(
        answers, {"value": true}
    )


def test_r2_of_equal_truths_is_not_defined() -> None:
    said = {"value": np.array([0.1, 0.2, 0.3])}
    assert np.isnan(R2().score(said, {"value": np.full(3, 0.1)}))


def test_r2_of_a_resample_of_equal_truths_is_not_defined() -> None:
    truth = {"value": np.array([0.0, 1.3, 2.9])}
    counts = np.array([0.0, 5.0, 0.0])
    assert np.isnan(R2().score({"value": np.zeros(3)}, truth, counts))
