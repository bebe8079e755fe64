from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sonde.app.begin import begin
from sonde.core.errors import UnknownColumn, UnknownKind, UsageError

ROWS = 60
rng = np.random.default_rng(0)


@pytest.fixture
def table(tmp_path: Path) -> str:
    days = np.datetime64("2015-01-01") + np.arange(ROWS)
    tags = rng.choice(["red|blue", "blue", "red|green|blue"], ROWS)
    lines = [
        f"{rng.normal():.3f},{rng.choice(['a', 'b'])},{day},{tag},{rng.normal():.3f}"
        for day, tag in zip(days, tags, strict=True)
    ]
    path = tmp_path / "t.csv"
    path.write_text('size,sort,day,tags,"last, not least"\n' + "\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize(("target", "task"), [
    ("size", {"kind": "regression", "target": "size"}),
    ("sort", {"kind": "classification", "target": "sort"}),
    ("tags", {"kind": "multilabel", "target": "tags"}),
    ("last, not least", {"kind": "regression", "target": "last, not least"}),
    ("sort, size", {"kind": "several", "tasks": [
        {"kind": "classification", "target": "sort"}, {"kind": "regression", "target": "size"}]}),
])  # fmt: skip
def test_the_target_names_the_task(table: str, target: str, task: dict[str, object]) -> None:
    found = begin(table, target).task
    assert found == type(found).parse(task)


def test_a_target_that_no_task_predicts_is_told(table: str) -> None:
    with pytest.raises(UsageError, match="target 'day' is a column of kind 'date', which no task"):
        begin(table, "day")


def test_the_part_is_no_target(tmp_path: Path) -> None:
    parts = {"train_x": np.zeros(4), "train_part": np.zeros(4), "test_x": np.zeros(2)}
    np.savez(tmp_path / "a.npz", **parts, test_part=np.zeros(2))
    with pytest.raises(UsageError, match=r"Columns: x, part$"):
        begin(str(tmp_path / "a.npz"), None)
    with pytest.raises(UnknownColumn, match=r"no column '#part'\. Did you mean 'part'\?"):
        begin(str(tmp_path / "a.npz"), "#part")


def test_each_of_several_targets_must_be_there(table: str) -> None:
    with pytest.raises(UnknownColumn, match=r"has no column 'sise'\. Did you mean 'size'"):
        begin(table, "sort,sise")


def test_without_a_target_it_asks(table: str) -> None:
    with pytest.raises(UsageError, match="which column is to be predicted"):
        begin(table, None)


def test_a_task_may_be_named_with_options_of_its_own(table: str) -> None:
    found = begin(
        table, "sort", task="verify", changes={"task.margin": 0.3, "model.norm": "x"}
    ).task
    assert found == type(found).parse({"kind": "verify", "target": "sort", "margin": 0.3})
    by_place = begin(table, "sort", changes={"task.kind": "verify", "task.margin": 0.3})
    assert by_place.task == found
    without = begin(table, None, task="reconstruct").task
    assert without.kind == "reconstruct" and "target" not in type(without).model_fields
    with pytest.raises(UsageError, match="the task 'reconstruct' predicts no column"):
        begin(table, "sort", task="reconstruct")
    with pytest.raises(UnknownKind, match="Did you mean 'verify'"):
        begin(table, "sort", task="verfy")
    with pytest.raises(UsageError, match="which column is to be predicted"):
        begin(table, None, task="verify")
