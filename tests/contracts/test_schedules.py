"""What every schedule keeps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.contracts.learn import Schedule
from sonde.core.errors import RecipeError
from sonde.core.registry import registry
from sonde.core.text import from_json, to_json

PROGRESS = st.floats(0, 1)


def schedules() -> list[Schedule]:
    """Every example as it is, and where it takes one, after a warm-up."""
    found: list[Schedule] = []
    for example in registry("schedule").examples():
        assert isinstance(example, Schedule)
        found.append(example)
        try:
            found.append(type(example).parse(example.dump() | {"warmup": 0.2}))
        except RecipeError as error:
            assert "warmup" in str(error)
    return found


every_schedule = pytest.mark.parametrize(
    "schedule", schedules(), ids=lambda s: f"{s.kind}-{s.warmup}"
)


@every_schedule
@given(progress=PROGRESS)
def test_the_factor_stays_within_0_and_1(schedule: Schedule, progress: float) -> None:
    assert 0 <= schedule.factor(progress) <= 1


@every_schedule
@given(progress=st.floats(0, 1 - 1e-4))
def test_the_factor_does_not_jump(schedule: Schedule, progress: float) -> None:
    """In a ten-thousandth of the phase it moves by less than a hundredth."""
    assert abs(schedule.factor(progress + 1e-4) - schedule.factor(progress)) < 1e-2


@every_schedule
def test_the_full_learning_rate_is_reached(schedule: Schedule) -> None:
    assert max(schedule.factor(step / 1000) for step in range(1001)) == pytest.approx(1, abs=1e-4)


@every_schedule
def test_a_warm_up_starts_at_0_and_rises(schedule: Schedule) -> None:
    if schedule.warmup:
        rise = [schedule.factor(schedule.warmup * step / 100) for step in range(101)]
        assert rise[0] == 0
        assert rise == sorted(rise)


@every_schedule
def test_json_brings_it_back(schedule: Schedule) -> None:
    again = type(schedule).parse(from_json(to_json(schedule.dump())))
    assert again == schedule


@pytest.mark.parametrize(
    ("recipe", "wanted"),
    [
        ({"kind": "constant"}, {0.0: 1.0, 0.5: 1.0, 1.0: 1.0}),
        ({"kind": "constant", "warmup": 0.5}, {0.0: 0.0, 0.25: 0.5, 0.5: 1.0, 1.0: 1.0}),
        ({"kind": "cosine"}, {0.0: 1.0, 1 / 3: 0.75, 0.5: 0.5, 1.0: 0.0}),
        ({"kind": "cosine", "final": 0.2, "warmup": 0.5}, {0.5: 1.0, 0.75: 0.6, 1.0: 0.2}),
        ({"kind": "one-cycle"}, {0.0: 0.04, 0.15: 0.52, 0.3: 1.0, 0.65: 0.50005, 1.0: 1e-4}),
    ],
    ids=lambda value: value.get("kind", "") if isinstance(value, dict) else None,
)
def test_the_curve_is_the_paper_s(recipe: dict[str, Any], wanted: dict[float, float]) -> None:
    schedule = registry("schedule").load(recipe["kind"]).parse(recipe)
    assert isinstance(schedule, Schedule)
    found = {progress: schedule.factor(progress) for progress in wanted}
    assert found == pytest.approx(wanted)


def test_a_warm_up_before_one_cycle_is_refused() -> None:
    with pytest.raises(RecipeError, match="begins with a rise of its own"):
        registry("schedule").load("one-cycle").parse({"warmup": 0.1})
