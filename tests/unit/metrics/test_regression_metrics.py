from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as reference

from sonde.contracts.task import Metric
from sonde.metrics.mae import MeanAbsoluteError
from sonde.metrics.r2 import R2
from sonde.metrics.rmse import RootMeanSquaredError

VALUES = arrays.arrays(np.float64, 8, elements=st.floats(-1e6, 1e6, width=32))
REFERENCES = [
    (MeanAbsoluteError(), reference.mean_absolute_error),
    (RootMeanSquaredError(), reference.root_mean_squared_error),
    (R2(), reference.r2_score),
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


def test_r2_of_equal_truths_is_not_defined() -> None:
    said = {"value": np.array([0.1, 0.2, 0.3])}
    assert np.isnan(R2().score(said, {"value": np.full(3, 0.1)}))


def test_r2_of_a_resample_of_equal_truths_is_not_defined() -> None:
    truth = {"value": np.array([0.0, 1.3, 2.9])}
    counts = np.array([0.0, 5.0, 0.0])
    assert np.isnan(R2().score({"value": np.zeros(3)}, truth, counts))
