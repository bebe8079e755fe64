from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sonde.contracts.recipe import Recipe
from sonde.core.errors import DataError, UnknownColumn
from sonde.core.notice import listening
from sonde.data.memory import as_source
from sonde.run.directory import claim
from sonde.workflow.prepare import Prepared, prepare

ROWS = 400


def measurements(seed: int = 0) -> dict[str, Any]:
    """Two fine measurements, one of which tells something, a site, and a day."""
    rng = np.random.default_rng(seed)
    value = rng.normal(size=ROWS)
    return {
        "value": value,
        "other": rng.normal(size=ROWS),
        "site": [f"s{row % 23}" for row in range(ROWS)],
        "day": np.arange(ROWS),
        "label": np.where(value + rng.normal(size=ROWS) > 0, "yes", "no"),
    }


def prepared(
    data: dict[str, Any], home: Path, *, columns: str = "value other label", **recipe: Any
) -> Prepared:
    kinds = {"value": "number", "other": "number", "label": "category", "after": "number",
             "site": "category"}  # fmt: skip
    asked = Recipe.parse(
        {
            "columns": {name: kinds[name] for name in columns.split()},
            "task": {"kind": "classification", "target": "label"},
            **recipe,
        }
    )
    source = as_source(pa.table(data))
    return prepare(asked, source, claim(home / "run", {}), source.fingerprint())


def with_copies(data: dict[str, Any], of: np.ndarray) -> dict[str, Any]:
    """The same, and copies of some rows at the end, on later days and of another site."""
    rows = np.concatenate([np.arange(ROWS), of])
    copied = {name: np.asarray(values)[rows] for name, values in data.items()}
    copied["day"] = np.arange(len(rows))
    copied["site"][ROWS:] = "s99"
    return copied


@pytest.mark.parametrize("split", [
    {"kind": "random"},
    {"kind": "stratified", "by": "label"},
    {"kind": "kfold", "num_folds": 4},
    {"kind": "group", "by": "site"},
    {"kind": "time", "by": "day"},
    {"kind": "given", "by": "part"},
], ids=lambda split: split["kind"])  # fmt: skip
def test_exact_copies_are_never_on_two_sides(split: dict[str, Any], tmp_path: Path) -> None:
    """Whatever the split, and where parts were published the test part is kept whole."""
    of = np.arange(0, 120, 3)
    data = with_copies(measurements(), of)
    rng = np.random.default_rng(1)
    data["part"] = rng.choice(["train", "valid", "test"], len(data["day"]), p=[0.6, 0.2, 0.2])
    heard: list[str] = []

    def listener(message: str, important: bool, facts: dict[str, Any]) -> None:
        heard.append(message)

    with listening(listener):
        parts = prepared(data, tmp_path, split=split).parts
    kind = np.concatenate([np.arange(ROWS), of])
    sides = [set(kind[parts.part(name)]) for name in ("train", "valid", "test")]
    assert sum(map(len, sides)) == len(set().union(*sides))
    assert len([message for message in heard if "exact copies" in message]) == 1
    if split["kind"] == "given":
        assert parts.test.tolist() == np.flatnonzero(data["part"] == "test").tolist()
    if split["kind"] == "group":
        assert not set(data["site"][parts.train]) & set(data["site"][parts.test])


def test_rows_that_are_equal_by_chance_are_divided_like_any_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = {name: rng.integers(0, 3, ROWS) for name in ("value", "other")}
    data["label"] = rng.choice(["a", "b"], ROWS)
    heard: list[str] = []

    def listener(message: str, important: bool, facts: dict[str, Any]) -> None:
        heard.append(message)

    with listening(listener):
        parts = prepared(data, tmp_path, split={"kind": "random"}).parts
    assert len(parts.test) == round(0.15 * ROWS)
    assert any("so coarse values do by chance" in message for message in heard)


def leaking() -> dict[str, Any]:
    """A field that is filled in for one class only, as a lifeboat is for who survived."""
    data = measurements()
    noise = np.random.default_rng(1).normal(size=ROWS)
    data["after"] = pa.array(noise, mask=np.asarray(data["label"]) == "no")
    return data


def test_a_declared_column_that_gives_the_target_away_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'after': whether it is filled in") as refused:
        prepared(leaking(), tmp_path, columns="value after label")
    assert "accept: [after], or to the command  --set 'accept=[after]'" in str(refused.value)
    assert refused.value.exit_code == 65


def test_it_is_used_once_the_recipe_accepts_it(tmp_path: Path) -> None:
    made = prepared(leaking(), tmp_path, columns="value after label", accept=["after"])
    assert "after" in made.columns


def test_what_is_accepted_must_be_a_column(tmp_path: Path) -> None:
    with pytest.raises(UnknownColumn, match=r"accepts 'aftr'.*Did you mean 'after'"):
        prepared(leaking(), tmp_path, columns="value after label", accept=["aftr"])


def test_the_only_input_is_never_refused(tmp_path: Path) -> None:
    data = measurements()
    data["label"] = np.where(np.asarray(data["value"]) > 0, "yes", "no")
    assert "value" in prepared(data, tmp_path, columns="value label").columns


def test_rows_outside_training_cannot_make_a_column_suspect(tmp_path: Path) -> None:
    """The column gives the target away in test rows alone, which are not looked at."""
    data = measurements()
    data["part"] = np.repeat(["train", "valid", "test"], [100, 20, ROWS - 120])
    noise = np.random.default_rng(2).normal(size=ROWS)
    only_there = (data["part"] == "test") & (np.asarray(data["label"]) == "no")
    data["after"] = pa.array(noise, mask=only_there)
    split = {"kind": "given", "by": "part"}
    assert "after" in prepared(data, tmp_path, columns="value after label", split=split).columns


def test_the_split_that_is_written_down_says_what_was_left_out(tmp_path: Path) -> None:
    data = with_copies(measurements(), np.arange(40))
    data["part"] = np.repeat(["test", "valid", "train"], [100, 40, ROWS - 100])
    prepared(data, tmp_path, split={"kind": "given", "by": "part"})
    table = pq.read_table(tmp_path / "run" / "split.parquet")
    left_out = np.flatnonzero(np.array(table["part"].to_pylist()) == "left out")
    assert left_out.tolist() == list(range(ROWS, ROWS + 40))
