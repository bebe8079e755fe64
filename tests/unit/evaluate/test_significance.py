from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_rel

from sonde.evaluate._units import units_of
from sonde.evaluate.intervals import gain, measure
from sonde.evaluate.significance import corrected_t, holm, mcnemar, p_of_gain
from sonde.metrics.accuracy import Accuracy
from sonde.metrics.mae import MeanAbsoluteError
from sonde.metrics.rmse import RootMeanSquaredError


def test_the_p_of_a_mean_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.exponential(size=(2, 60))
    truth, units = {"value": np.zeros(60)}, units_of(60, None, seed=0)
    mine, other = (
        measure(MeanAbsoluteError(), {"value": v}, truth, units, seed=0) for v in (first, second)
    )
    assert p_of_gain(mine, other) == pytest.approx(ttest_rel(first, second).pvalue, rel=1e-6)


def test_an_interval_excludes_0_where_p_is_below_5_in_100() -> None:
    rng = np.random.default_rng(1)
    truth, units = {"value": np.zeros(80)}, units_of(80, None, seed=0)
    for shift in np.linspace(0, 0.6, 20):
        answers = rng.normal(size=80), rng.normal(size=80) * (1 + shift)
        mine, other = (
            measure(RootMeanSquaredError(), {"value": v}, truth, units, seed=0) for v in answers
        )
        gained = gain(RootMeanSquaredError(), mine, other, 80)
        assert gained.low is not None and gained.high is not None
        assert (gained.low > 0 or gained.high < 0) == (p_of_gain(mine, other) < 0.05)


def test_mcnemar_counts_rows_that_one_model_alone_has_right() -> None:
    truth = {"index": np.zeros(50, int)}
    first = {"index": (np.arange(50) < 3).astype(int)}
    second = {"index": ((np.arange(50) >= 2) & (np.arange(50) < 14)).astype(int)}
    expected = binomtest(11, 13).pvalue  # 11 rows of the first alone, 2 of the second alone
    assert mcnemar(Accuracy(), first, second, truth) == pytest.approx(expected)
    assert mcnemar(Accuracy(), first, first, truth) == 1.0


def test_mcnemar_is_silent_where_rows_are_not_right_or_wrong() -> None:
    truth = {"value": np.zeros(5)}
    answers = {"value": np.arange(5.0)}
    assert mcnemar(MeanAbsoluteError(), answers, answers, truth) is None


def test_folds_with_overlapping_training_rows_show_less_than_a_plain_t() -> None:
    """Nadeau and Bengio's variance for 5 folds is 1 / 5 + 1 / 4 in place of 1 / 5."""
    gains = np.array([0.02, 0.05, 0.01, 0.04, 0.03])
    plain = ttest_rel(gains, np.zeros(5))
    corrected = corrected_t(gains, 0.25)
    assert corrected > plain.pvalue
    assert corrected_t(gains, 0.0) == pytest.approx(plain.pvalue)
    assert np.isnan(corrected_t(gains[:1], 0.25))


def test_many_looks_cost() -> None:
    """The example of Holm's step-down: 0.01 counts thrice, 0.02 twice, 0.04 once."""
    assert holm([0.02, 0.01, 0.04]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.03, 0.03]) == pytest.approx([0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    adjusted = holm([0.01, float("nan")])
    assert adjusted[0] == pytest.approx(0.02) and np.isnan(adjusted[1])
