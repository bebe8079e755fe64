"""What every schedule keeps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.contracts.learn import Schedule
from sonde.core.errors import RecipeError, UsageError
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
def test_the_factor_jumps_in_few_places(schedule: Schedule) -> None:
    """Elsewhere it moves by less than a hundredth in a ten-thousandth of the phase."""
    factors = [schedule.factor(step / 10_000) for step in range(10_001)]
    jumps = [abs(after - before) > 1e-2 for before, after in pairwise(factors)]
    assert sum(jumps) <= 4


@every_schedule
def test_the_last_cycle_ends_with_the_phase(schedule: Schedule) -> None:
    assert list(schedule.ends) == sorted(set(schedule.ends)) and schedule.ends[-1] == 1.0


@every_schedule
def test_only_one_that_reacts_remembers_evaluations(schedule: Schedule) -> None:
    memory: dict[str, float] = {}
    for loss in (1.0, *[2.0] * 20):
        memory = schedule.heard(memory, {"loss": loss}, lambda score: score != "loss")
    assert bool(memory) == schedule.reacts
    if schedule.reacts:
        assert 0 <= memory["factor"] < 1
        assert from_json(to_json(memory)) == memory, "it is saved with the run"


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
        ({"kind": "cosine", "cycles": 2}, {0.0: 1.0, 0.25: 0.5, 0.5: 1.0, 0.75: 0.5, 1.0: 0.0}),
        ({"kind": "polynomial"}, {0.0: 1.0, 0.5: 0.5, 1.0: 0.0}),
        ({"kind": "polynomial", "power": 2, "final": 0.1}, {0.5: 0.325, 1.0: 0.1}),
        ({"kind": "step"}, {0.0: 1.0, 0.49: 1.0, 0.5: 0.1, 0.74: 0.1, 0.75: 0.01, 1.0: 0.01}),
        ({"kind": "plateau", "warmup": 0.5}, {0.0: 0.0, 0.25: 0.5, 0.5: 1.0, 1.0: 1.0}),
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


def test_a_plateau_waits_falls_and_waits_again() -> None:
    schedule = (
        registry("schedule")
        .load("plateau")
        .parse({"score": "auc", "patience": 2, "shrink": 0.5, "least": 0.2})
    )
    assert isinstance(schedule, Schedule)
    memory: dict[str, float] = {}
    factors = []
    for auc in (0.7, 0.8, 0.8, 0.75, 0.81, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8):
        memory = schedule.heard(memory, {"auc": auc, "loss": 0.0}, lambda score: score != "loss")
        factors.append(memory["factor"])
    assert factors == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]
    with pytest.raises(UsageError, match="unknown score 'auc'"):
        schedule.heard({}, {"accuracy": 1.0}, bool)
