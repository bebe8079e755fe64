from __future__ import annotations

import numpy as np
import pytest

from sonde.evaluate.slices import weak_segments


def fields(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    age = rng.uniform(0, 80, rows)
    age[rng.random(rows) < 0.1] = np.nan
    town = np.array(["north", "south", None, "west"], dtype=object)[rng.integers(0, 4, rows)]
    return {"age": age, "town": town, "noise": rng.normal(size=rows)}


def test_a_weak_segment_is_found_and_measured_on_rows_that_did_not_choose_it() -> None:
    rows, given = 2000, fields(2000)
    weak = (given["town"] == "south") & (given["age"] > 40)
    errors = (np.random.default_rng(1).random(rows) < np.where(weak, 0.5, 0.1)).astype(float)
    found = weak_segments(errors, given, seed=0)
    assert found, "a segment with five times the errors of the rest"
    worst = found[0]
    assert "town is 'south'" in worst.conditions
    assert any(said.startswith("age above 4") or "age above 3" in said for said in worst.conditions)
    assert weak[worst.rows].mean() > 0.8
    assert worst.error == pytest.approx(errors[worst.rows].mean()) and worst.error > 0.35
    assert len(worst.rows) < 0.7 * weak.sum(), "half of them chose it"


def test_where_errors_hang_on_nothing_no_segment_is_shown() -> None:
    shown = 0
    for seed in range(60):
        errors = np.random.default_rng(1000 + seed).exponential(size=400)
        shown += bool(weak_segments(errors, fields(400, seed), seed=seed))
    assert shown <= 7, "5 in 100 at most, but for chance"


def test_rows_that_hang_together_lie_in_one_half_and_count_as_one() -> None:
    """Forty patients of 20 rows: whole patients err, wherever they live."""
    shown = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(40), 20)
        bad = rng.random(40)[groups]
        town = np.array(["north", "south"], dtype=object)[rng.integers(0, 2, 40)[groups]]
        errors = bad + 0.1 * rng.normal(size=800)
        shown += bool(weak_segments(errors, {"town": town}, seed=seed, groups=groups))
    assert shown <= 6


def test_missing_values_are_named() -> None:
    given = fields(3000)
    errors = np.where(np.isnan(given["age"]), 5.0, 1.0) + np.random.default_rng(0).random(3000)
    found = weak_segments(errors, {"age": given["age"]}, seed=0)
    assert found and "missing" in str(found[0])


def test_few_rows_or_no_fields_show_nothing() -> None:
    assert weak_segments(np.arange(30.0), fields(30), seed=0) == []
    assert weak_segments(np.arange(900.0), {}, seed=0) == []
    assert weak_segments(np.ones(900), fields(900), seed=0) == []
