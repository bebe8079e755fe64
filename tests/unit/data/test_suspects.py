from __future__ import annotations

import subprocess
from shutil import which

import numpy as np
import pyarrow as pa
import pytest

from sonde.core.text import from_yaml
from sonde.data.suspects import accepting, suspects

ROWS = 2000
rng = np.random.default_rng(0)
Y = rng.random(ROWS) < 0.3
LABELS = pa.array(np.where(Y, "yes", "no"))


def seen(mask: np.ndarray) -> pa.Array:
    """A value where `mask` is true."""
    return pa.array(rng.choice(["a", "b"], ROWS), mask=~mask)


def flipped(share: float) -> np.ndarray:
    return Y ^ (rng.random(ROWS) < share)


FIELDS = {
    "noise": pa.array(rng.normal(size=ROWS)),
    "good": pa.array(rng.normal(size=ROWS) + 1.5 * Y),
    "name": pa.array([f"name {number}" for number in range(ROWS)]),
    "thousand": pa.array(rng.integers(0, 1000, ROWS).astype(str)),
    "gaps": seen(rng.random(ROWS) < 0.9),
}


def test_honest_fields_are_not_suspected() -> None:
    assert suspects(FIELDS, LABELS) == {}


@pytest.mark.parametrize(("leak", "reason"), [
    (pa.array(Y), "it alone almost decides won (AUC 1.000): known only afterwards?"),
    (pa.array(np.where(Y, "paid", "due")), "it alone almost decides won (AUC 1.000): known"),
    (pa.array(np.where(flipped(0.03), "paid", "due")), "it alone almost decides won (AUC 0.97)"),
    (pa.array(Y * 2.0 + rng.normal(size=ROWS) / 4), "it alone almost decides won (AUC 1.000)"),
    (pa.array(np.where(Y, 5.0, rng.choice([1.0, 9.0], ROWS))), "it alone almost decides won (AUC"),
    (seen(flipped(0.02)), "whether it is filled in almost decides won (AUC 0.98): known only"),
    (seen(Y & (rng.random(ROWS) < 0.15)), "rows where it is filled in, 100% are 'yes' ("),
    (seen(Y | (rng.random(ROWS) < 0.8)), "rows where it is empty, 100% are 'no' ("),
], ids=["copy", "other words", "with mistakes", "score", "bent", "presence", "filled in",
        "empty"])  # fmt: skip
def test_a_planted_leak_is_found_and_nothing_else(leak: pa.Array, reason: str) -> None:
    found = suspects({**FIELDS, "leak": leak}, LABELS, name="won")
    assert list(found) == ["leak"]
    assert reason in found["leak"]


def test_a_single_value_that_is_certain_makes_no_field_suspect() -> None:
    """As the profit that only the rich declare."""
    profit = np.where(Y & (rng.random(ROWS) < 0.3), 15_024, 0)
    assert suspects({**FIELDS, "profit": pa.array(profit)}, LABELS) == {}


def test_a_rare_class_makes_no_field_suspect() -> None:
    """99 % of the rows with a value are of the class that 99 % of all rows have."""
    fraud = pa.array(np.arange(ROWS) % 100 == 0)
    assert suspects({"gaps": seen(rng.random(ROWS) < 0.5)}, fraud) == {}


def test_several_strong_measurements_are_an_easy_problem() -> None:
    strong = {f"size {i}": pa.array(3.0 * Y + rng.normal(size=ROWS)) for i in range(3)}
    assert suspects({**FIELDS, **strong}, LABELS) == {}
    alone = {"size 0": strong["size 0"]}
    assert list(suspects({**FIELDS, **alone}, LABELS)) == ["size 0"]


def test_of_a_number_its_upper_half_is_decided() -> None:
    """That is what the figure is of; the field need not fix the number."""
    price = rng.gamma(2.0, size=ROWS)
    paid = pa.array(price + rng.normal(size=ROWS) / 50)
    sold = pa.array(np.ones(ROWS), mask=price < np.median(price))
    found = suspects({**FIELDS, "paid": paid, "sold": sold}, pa.array(price), name="price")
    half = "almost decides whether price is in its upper half (AUC"
    assert found["paid"].startswith(f"it alone {half}")
    assert found["sold"].startswith(f"whether it is filled in {half}")


def test_parts_of_a_sum_are_found() -> None:
    parts = {f"part {i}": rng.gamma(1.0, size=ROWS).round(2) for i in range(3)}
    total = pa.array(sum(parts.values()))
    fields = {**FIELDS, **{name: pa.array(part) for name, part in parts.items()}}
    found = suspects(fields, total, name="total")
    assert found == {
        "part 0": "adds up with part 1 and part 2 to total: a part of it?",
        "part 1": "adds up with part 0 and part 2 to total: a part of it?",
        "part 2": "adds up with part 0 and part 1 to total: a part of it?",
    }


def test_a_weighted_sum_is_a_law_and_no_leak() -> None:
    one, two = rng.normal(size=ROWS), rng.normal(size=ROWS)
    fields = {"one": pa.array(one), "two": pa.array(two)}
    assert suspects(fields, pa.array(1.7 * one + 2.5 * two)) == {}


def test_classes_are_weighted_by_their_rows() -> None:
    """What tells one class of three from the rest does not decide the target."""
    kind = rng.integers(0, 3, ROWS)
    of_one = pa.array((kind == 0) + rng.normal(size=ROWS) / 9)
    of_all = pa.array(kind + rng.normal(size=ROWS) / 9)
    assert list(suspects({"one": of_one, "all": of_all}, pa.array(kind.astype(str)))) == ["all"]


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_what_accepts_them_can_be_pasted(shell: str) -> None:
    names = ["paid", "a, b", "no", "it's", "$HOME `x`", 'said "so"', "7", "x\u009by"]
    if which(shell) is None:
        pytest.skip(f"no {shell} here")
    line = f"printf '%s' {accepting(names)}"
    told = subprocess.run([shell, "-c", line], capture_output=True, text=True, check=True).stdout
    assert from_yaml(told.removeprefix("--setaccept=")) == names


def test_rows_without_a_target_are_left_out() -> None:
    hidden = pa.array(np.where(Y, "yes", "no"), mask=np.arange(ROWS) % 2 == 0)
    twice = pa.array(np.where(np.arange(ROWS) % 2 == 0, "?", np.where(Y, "a", "b")))
    assert list(suspects({**FIELDS, "leak": twice}, hidden)) == ["leak"]


def test_too_few_rows_say_nothing() -> None:
    assert suspects({"x": LABELS[:49]}, LABELS[:49]) == {}
    assert suspects({"x": pa.array(range(60))}, pa.array(["a"] * 60)) == {}


def test_pictures_and_lists_are_passed_over() -> None:
    pictures = pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((ROWS, 2, 2), np.uint8))
    assert suspects({"picture": pictures, "list": pa.array([[1]] * ROWS)}, LABELS) == {}
