"""Quantiles of a stream: exact while it is short, within the stated error beyond."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.data.columns import _sketch
from sonde.data.columns._sketch import Sketch, hashed

LEVELS = np.linspace(0.0, 1.0, 21)
LONG = 5 * _sketch._KEPT + 17


def fed(values: np.ndarray, cuts: list[int]) -> Sketch:
    sketch = Sketch()
    for start, end in pairwise([0, *sorted(cuts), len(values)]):
        sketch.add(values[start:end])
    return sketch


@given(
    values=st.lists(st.floats(-1e9, 1e9), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_a_short_stream_is_kept_whole(values: list[float], cuts: list[int]) -> None:
    sketch = fed(np.array(values), cuts)
    if values:
        expected = np.quantile(values, LEVELS, method="nearest")
        assert np.array_equal(sketch.quantiles(LEVELS), expected)
        assert sketch.span == (min(values), max(values))
    else:
        assert not len(sketch.quantiles(LEVELS))
        assert sketch.span == ()


@given(cuts=st.lists(st.integers(0, 400), max_size=8), kept=st.sampled_from([5, 16, 50]))
def test_what_is_kept_depends_on_no_cut(cuts: list[int], kept: int) -> None:
    """Numbers are forgotten seldom, at other times in each way of cutting; the sample is one."""
    values = np.random.default_rng(0).normal(size=400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sketch, "_KEPT", kept)
        cut, whole = fed(values, cuts), fed(values, [])
        assert np.array_equal(cut.quantiles(LEVELS), whole.quantiles(LEVELS))
        best = np.argsort(hashed(np.arange(400, dtype=np.uint64)))[:kept]
        assert np.array_equal(whole.quantiles(LEVELS), np.quantile(values[best], LEVELS,
                              method="nearest"))  # fmt: skip
        assert cut.kept == kept
        assert cut.span == (values.min(), values.max())


@pytest.mark.parametrize("order", ["mixed", "ascending", "descending", "periodic"])
def test_quantiles_of_a_long_stream_lie_within_the_stated_error(order: str) -> None:
    """Ranks within 0.6 %, however the stream is sorted, in memory for twice what is kept."""
    ranks = np.arange(LONG, dtype=np.float64)
    stream = {
        "mixed": np.random.default_rng(1).permutation(ranks),
        "ascending": ranks,
        "descending": ranks[::-1],
        "periodic": ranks.reshape(-1)[np.argsort(np.arange(LONG) % 7, kind="stable")],
    }[order]
    sketch = Sketch()
    for start in range(0, LONG, 9_999):
        sketch.add(stream[start : start + 9_999])
        assert len(sketch._values) <= 2 * _sketch._KEPT + 9_999
    error = np.abs(sketch.quantiles(LEVELS) / (LONG - 1) - LEVELS)
    assert error.max() <= 0.006
    assert sketch.span == (0.0, LONG - 1.0)
