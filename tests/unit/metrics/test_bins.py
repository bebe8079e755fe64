from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.metrics._bins import reliability

ROWS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.booleans()), min_size=1)


@given(rows=ROWS)
def test_bins_hold_every_row_once_and_tear_no_ties(rows: list[tuple[float, bool]]) -> None:
    said, came_true = (np.array(part) for part in zip(*rows, strict=True))
    bins = reliability(said, came_true, bins=4)
    assert bins.rows.sum() == len(rows) and len(bins.rows) <= 4
    assert np.all(np.diff(bins.said) > 0)
    assert (bins.came_true * bins.rows).sum() == pytest.approx(came_true.sum())
    assert len(bins.rows) <= len(set(said))


def test_bins_hold_about_equally_many_rows() -> None:
    said = np.random.default_rng(0).random(1000) ** 5
    assert set(reliability(said, said > 0.5).rows) == {100}


def test_calibrated_probabilities_have_no_error_and_boasting_has() -> None:
    rng = np.random.default_rng(0)
    said = rng.random(20_000)
    came_true = rng.random(20_000) < said
    assert reliability(said, came_true).error < 0.02
    assert reliability(np.ones(20_000), came_true).error == pytest.approx(0.5, abs=0.02)
    assert np.isnan(reliability(np.empty(0), np.empty(0, bool)).error)
