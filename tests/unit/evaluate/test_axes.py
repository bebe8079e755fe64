from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.contracts.panels import Curves
from sonde.evaluate._axes import axis, round_step, tick_text
from sonde.evaluate._svg import chart

FLOATS = st.floats(-1e12, 1e12, allow_subnormal=False)


@given(values=st.lists(FLOATS, min_size=1, max_size=5))
def test_an_axis_holds_every_value_between_few_ticks(values: list[float]) -> None:
    made = axis(np.array(values), 0.0, 100.0)
    assert 2 <= len(made.ticks) <= 10
    assert np.all(np.diff(made.ticks) > 0)
    placed = made.place(np.array(values))
    assert np.all((placed >= -1e-3) & (placed <= 100.001))


@given(least=st.floats(1e-9, 1e9))
def test_steps_are_round_and_large_enough(least: float) -> None:
    step = round_step(least)
    assert least * 0.999 <= step <= least * 2.6
    assert f"{step:.3e}"[:5] in ("1.000", "2.000", "5.000")


def test_whole_numbers_get_whole_ticks() -> None:
    assert axis(np.array([1.0, 3.0]), 0, 1).ticks == (1, 2, 3)
    assert axis(np.array([0.5, 3.0]), 0, 1).ticks[:2] == (0.5, 1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1 + 0.2, "0.3"), (0.0, "0"), (400.0, "400"), (250_000.0, "250k"), (1.5e6, "1.5M"),
     (-20_000.0, "-20k"), (1e-5, "1e-05")],
)  # fmt: skip
def test_ticks_are_short(value: float, text: str) -> None:
    assert tick_text(value) == text


@given(
    x=st.lists(st.floats(), min_size=3, max_size=3), y=st.lists(st.floats(), min_size=3, max_size=3)
)
def test_a_chart_never_draws_what_is_not_finite(x: list[float], y: list[float]) -> None:
    limits = (np.clip(np.array(values), -1e12, 1e12) for values in (x, y))
    drawn = chart(Curves("c", {"line": tuple(limits), "dots": (np.array(x[:0]),) * 2}))
    assert "nan" not in drawn and "inf" not in drawn
