"""Preparing: open questions are answered, rows are set aside by name, the rest is written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.annotated import png, unpacked

from sonde.contracts.data import Source
from sonde.contracts.recipe import Recipe
from sonde.core.errors import DataError, UnknownColumn
from sonde.core.text import from_json, from_yaml, to_yaml
from sonde.data.guess import guess_source
from sonde.data.memory import as_source
from sonde.data.sources.table import Table
from sonde.data.splits.group import Group
from sonde.data.splits.random import Random
from sonde.run.directory import claim
from sonde.workflow.prepare import Prepared, prepare, raw_rows, resolve

ROWS = 200


def table(**changed: Any) -> Source:
    number = np.arange(ROWS)
    data = {
        "x": number * 0.5,
        "c": np.array(list("abcd"))[number % 4],
        "label": np.where(number % 3 == 0, "yes", "no"),
        "price": number * 1.25,
    }
    return as_source(pa.table(data | changed))


def recipe(**parts: Any) -> Recipe:
    return Recipe.parse({"task": {"kind": "classification", "target": "label"}} | parts)


def prepared(asked: Recipe, source: Source, home: Path, fold: int | None = 0) -> Prepared:
    return prepare(asked, source, claim(home, {}), source.fingerprint(), fold)


def kinds(asked: Recipe) -> dict[str, str]:
    assert asked.columns is not None
    return {name: column.kind for name, column in asked.columns.items()}


def test_a_class_is_split_in_proportion_and_numbers_at_random() -> None:
    found, inspection = resolve(recipe(), table())
    assert found.split is not None
    assert found.split.dump() | {"seed": 0} == {
        "kind": "stratified", "seed": 0, "valid": 0.15, "test": 0.15, "by": "label",
    }  # fmt: skip
    assert kinds(found) == {"x": "number", "c": "category", "label": "category", "price": "number"}
    assert found.model is not None
    assert found.model.kind == "dense"
    assert inspection is not None
    priced = recipe(task={"kind": "regression", "target": "price"}, accept=["x"])
    regressed, _ = resolve(priced, table())
    assert regressed.split is not None
    assert regressed.split.kind == "random"


def test_pictures_get_a_convolutional_net() -> None:
    pictures = pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((ROWS, 6, 6), np.uint8))
    found, _ = resolve(recipe(columns={"p": "image", "label": "category"}), table(p=pictures))
    assert found.model is not None
    assert found.model.kind == "convnet"


def test_parts_that_files_give_are_kept(tmp_path: Path) -> None:
    for name, rows in (("train", 40), ("test", 20)):
        lines = [f"{row / 4 + rows},{'ab'[row % 2]}" for row in range(rows)]
        (tmp_path / f"{name}.csv").write_text("x,label\n" + "\n".join(lines))
    source = Table(str(tmp_path / "train.csv"), test=str(tmp_path / "test.csv"))
    found = prepared(recipe(), source, tmp_path / "run")
    assert found.recipe.split is not None
    assert found.recipe.split.kind == "given"
    assert found.parts.test.tolist() == list(range(40, 60))
    assert len(found.parts.valid) == 4


def test_what_a_recipe_says_is_not_asked_again() -> None:
    """Columns it names are all there are, beside the target."""
    found, inspection = resolve(recipe(columns={"x": "number"}, split="random"), table())
    assert kinds(found) == {"x": "number", "label": "category"}
    assert found.split is not None
    assert found.split.kind == "random"
    full = recipe(columns={"x": "number", "label": "category"})
    assert resolve(full, table())[1] is None
    assert inspection is not None


def test_a_picture_that_others_lie_in_is_found_where_no_recipe_names_it(tmp_path: Path) -> None:
    files = {f"{folder}/{n}.png": png(seed=n) for folder in ("images", "masks") for n in range(3)}
    source = guess_source(unpacked(files, tmp_path))
    asked = {"columns": {"mask": "mask"}, "task": {"kind": "segment", "target": "mask"}}
    found, _ = resolve(Recipe.parse(asked), source)
    assert kinds(found) == {"mask": "mask", "image": "image"}


def test_resolving_twice_changes_nothing() -> None:
    once, _ = resolve(recipe(), table())
    twice, _ = resolve(Recipe.parse(from_yaml(to_yaml(once.dump()))), table())
    assert twice.identity() == once.identity()


def test_a_column_may_read_a_field_of_another_name(tmp_path: Path) -> None:
    asked = recipe(columns={"size": {"kind": "number", "field": "x"}, "label": "category"})
    found = prepared(asked, table(), tmp_path / "run")
    assert found.columns["size"].reads == ("x",)
    with pytest.raises(UnknownColumn, match="no column 'size'"):
        prepared(recipe(columns={"size": "number"}), table(), tmp_path / "other")


def test_rows_without_a_target_are_left_out_and_counted(tmp_path: Path) -> None:
    label = [None if row % 10 == 0 else "ab"[row % 2] for row in range(ROWS)]
    found = prepared(recipe(split="random", accept=["c"]), table(label=label), tmp_path / "run")
    known = np.flatnonzero([value is not None for value in label])
    parts = [found.parts.train, found.parts.valid, found.parts.test]
    assert np.array_equal(np.sort(np.concatenate(parts)), known)
    assert found.unlabelled == 20
    written = pq.read_table(tmp_path / "run" / "split.parquet")["part"].to_pylist()
    assert [row for row in range(ROWS) if written[row] == "left out"] == list(range(0, ROWS, 10))


def test_unreadable_values_are_set_aside_by_row(tmp_path: Path) -> None:
    texts = [f"{row}" for row in range(ROWS)]
    texts[7] = "seven"
    asked = recipe(columns={"x": "number", "label": "category"})
    found = prepared(asked, table(x=texts), tmp_path / "run")
    assert found.bad_rows == 1
    assert not any(7 in part for part in (found.parts.train, found.parts.valid, found.parts.test))
    lines = (tmp_path / "run" / "quarantine.jsonl").read_text().splitlines()
    assert [from_json(line) for line in lines] == [
        {"column": "x", "row": 7, "got": "seven", "expected": "a number", "place": None}
    ]


@pytest.mark.parametrize(("bad", "refused"), [(2, False), (3, True)])
def test_more_than_one_row_in_a_hundred_is_refused(bad: int, refused: bool, tmp_path: Path) -> None:
    texts = ["bad" if row < bad else f"{row}" for row in range(ROWS)]
    asked = recipe(columns={"x": "number", "label": "category"})
    if refused:
        with pytest.raises(DataError, match=r"column 'x', row 0: got 'bad', expected a number"):
            prepared(asked, table(x=texts), tmp_path / "run")
    else:
        assert prepared(asked, table(x=texts), tmp_path / "run").bad_rows == bad
    assert len((tmp_path / "run" / "quarantine.jsonl").read_text().splitlines()) == bad


def test_lines_that_are_no_rows_are_listed_beside_them(tmp_path: Path) -> None:
    lines = [f"{row},{'ab'[row % 2]}" for row in range(ROWS)]
    lines[50] = "1,2,3,4"
    (tmp_path / "rows.csv").write_text("x,label\n" + "\n".join(lines) + "\n")
    asked = recipe(columns={"x": "number", "label": "category"})
    found = prepared(asked, Table(str(tmp_path / "rows.csv")), tmp_path / "run")
    assert found.bad_rows == 1
    [line] = (tmp_path / "run" / "quarantine.jsonl").read_text().splitlines()
    assert "line 52" in line
    total = sum(len(part) for part in vars(found.parts).values())
    assert total == ROWS - 1


def test_a_resumed_run_keeps_the_columns_it_fitted(tmp_path: Path) -> None:
    first = prepared(recipe(), table(), tmp_path / "run")
    before = (tmp_path / "run" / "columns.json").stat().st_mtime_ns
    again = prepared(recipe(), table(), tmp_path / "run")
    assert (tmp_path / "run" / "columns.json").stat().st_mtime_ns == before
    for name, column in first.columns.items():
        assert again.columns[name].dump(learned=True) == column.dump(learned=True)


def test_without_a_fold_all_but_validation_rows_train(tmp_path: Path) -> None:
    asked = recipe(split={"kind": "kfold", "num_folds": 4, "valid": 0.2})
    whole = prepared(asked, table(), tmp_path / "all", None)
    first = prepared(asked, table(), tmp_path / "first", 0)
    assert len(whole.parts.test) == 0
    assert np.array_equal(whole.parts.valid, first.parts.valid)
    assert len(whole.parts.train) + len(whole.parts.valid) == ROWS


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_raw_rows_come_by_number_whatever_the_pieces(most: int) -> None:
    rows = np.array([0, 1, 5, 99, 150, 199])
    chunks = list(raw_rows(table(), rows, most))
    assert max(chunk.num_rows for chunk in chunks) <= most
    assert [n for chunk in chunks for n in chunk["#row"].to_pylist()] == rows.tolist()
    assert [x for chunk in chunks for x in chunk["x"].to_pylist()] == (rows * 0.5).tolist()


@pytest.mark.parametrize(("task", "whole"), [
    ({"kind": "verify", "target": "who"}, "who"),
    ({"kind": "few-shot", "target": "who"}, "who"),
    ({"kind": "few-shot", "target": "who", "within": "town"}, "town"),
])  # fmt: skip
def test_what_a_task_keeps_whole_lies_in_one_part_unless_a_recipe_says(
    task: dict[str, str], whole: str
) -> None:
    rows = {"x": np.arange(8.0), "who": list("aabbccdd"), "town": list("ppppqqqq")}
    source = as_source(pa.table(rows))
    split = resolve(Recipe.parse({"task": task}), source)[0].split
    assert isinstance(split, Group) and split.by == whole
    said = Recipe.parse({"task": task, "split": "random"})
    assert isinstance(resolve(said, source)[0].split, Random)
