"""One answer to one question: in Python, on the command line, alone or among many rows.

And a model file that is not what was sealed gives none.
"""

from __future__ import annotations

import json
import pickle
import random
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import sonde
from sonde.contracts.task import stack
from sonde.core.errors import DamagedBundle
from sonde.core.text import from_json
from sonde.data.memory import as_source
from sonde.data.rows import as_rows
from sonde.run.bundle import Bundle
from sonde.workflow.judge import judge_rows
from tests.contracts._shipped import Shipped, command, lines, table, trained

pytestmark = pytest.mark.filterwarnings("ignore::sonde.core.notice.SondeWarning")
"""Rows with news in them are said to have some; here only what they are answered with counts."""

KINDS = ["table", "pictures", "mixed"]
WITH_NEWS: list[dict[str, Any]] = [
    {"size": 51.5, "colour": "red", "code": 2, "flag": True},
    {"size": None, "colour": "never seen", "code": 9, "flag": None},
    {"size": 1e6, "colour": None, "code": None, "flag": False},
    {"size": -3, "colour": " blüe ", "code": 1, "flag": True},
]
"""Rows with missing, unseen and far values, for the table model."""


@pytest.fixture(scope="module")
def all_shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shipped]:
    home = tmp_path_factory.mktemp("shipped")
    return {name: trained(name, home / name) for name in KINDS}


@pytest.fixture(params=KINDS)
def shipped(request: pytest.FixtureRequest, all_shipped: dict[str, Shipped]) -> Shipped:
    return all_shipped[request.param]


@pytest.fixture
def tabular(all_shipped: dict[str, Shipped]) -> Shipped:
    return all_shipped["table"]


def file_of(shipped: Shipped) -> Path:
    path: Path = shipped.run.directory.model
    return path


def reopened(shipped: Shipped) -> Bundle:
    return Bundle.load(file_of(shipped))


def test_rows_as_json_on_stdin(shipped: Shipped) -> None:
    rows = shipped.rows[:40]
    done = command("predict", file_of(shipped), "-", given=json.dumps(rows))
    assert done.stdout == lines(reopened(shipped).predict(rows)), done.stderr


def test_rows_in_files(tabular: Shipped, tmp_path: Path) -> None:
    """An object a line; a table, whose cells are texts; typed rows in Parquet and Arrow files."""
    expected = lines(reopened(tabular).predict(WITH_NEWS))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in WITH_NEWS))
    rows = pa.Table.from_pylist(WITH_NEWS)
    pyarrow.csv.write_csv(rows, tmp_path / "rows.csv")
    pq.write_table(rows, tmp_path / "rows.parquet")
    pyarrow.feather.write_feather(rows, str(tmp_path / "rows.feather"))
    for name in ("rows.jsonl", "rows.csv", "rows.parquet", "rows.feather"):
        done = command("predict", file_of(tabular), tmp_path / name)
        assert done.stdout == expected, done.stderr


def in_duckdb(rows: list[dict[str, Any]]) -> Any:
    duckdb = pytest.importorskip("duckdb", reason="needs duckdb")
    return duckdb.from_arrow(pa.Table.from_pylist(rows))


def in_dataset(rows: list[dict[str, Any]]) -> Any:
    datasets = pytest.importorskip("datasets", reason="needs the Hugging Face datasets library")
    return datasets.Dataset.from_list(rows)


def test_pictures_as_files(all_shipped: dict[str, Shipped]) -> None:
    shipped = all_shipped["pictures"]
    paths = [row["image"] for row in shipped.rows[:5]]
    done = command("predict", file_of(shipped), *paths)
    answers = reopened(shipped).predict(shipped.rows[:5])
    named = [{"file": path} | answer for path, answer in zip(paths, answers, strict=True)]
    assert done.stdout == lines(named), done.stderr
    alone = command("predict", file_of(shipped), paths[0])
    assert alone.stdout == lines(answers[:1]), alone.stderr


def test_one_json_object_with_all_answers(tabular: Shipped) -> None:
    done = command("predict", file_of(tabular), "-", "--json", given=json.dumps(WITH_NEWS))
    assert from_json(done.stdout)["answers"] == reopened(tabular).predict(WITH_NEWS)
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("batch_size", [1, 7, 64, 256])
def test_neighbours_in_a_batch_do_not_matter(shipped: Shipped, batch_size: int) -> None:
    bundle = reopened(shipped)
    rows, _ = as_rows(shipped.rows, bundle.task.given)
    whole = bundle.arrays(rows)
    starts = range(0, len(rows), batch_size)
    parts = stack([bundle.arrays(rows.slice(start, batch_size)) for start in starts])
    for name, array in whole.items():
        if np.issubdtype(array.dtype, np.floating):
            gap = np.abs(parts[name] - array) / np.maximum(1, np.abs(array))
            assert gap.max() <= 1e-5
        else:
            assert np.array_equal(parts[name], array)
    answers = bundle.predict(shipped.rows, batch_size=batch_size)
    assert [a["label"] for a in answers] == [a["label"] for a in bundle.predict(shipped.rows)]


@pytest.mark.parametrize(
    "form", [pd.DataFrame, pl.DataFrame, pa.Table.from_pylist, tuple, in_duckdb, in_dataset]
)
def test_every_form_of_rows_is_answered_alike(tabular: Shipped, form: Callable[..., Any]) -> None:
    rows = table().drop_columns("label").to_pylist() + WITH_NEWS
    bundle = reopened(tabular)
    assert lines(bundle.predict(form(rows))) == lines(bundle.predict(rows))


@pytest.mark.parametrize(
    "spelled",
    [
        {"size": "51.5", "colour": " red", "code": "2", "flag": "true"},
        {"size": " 51.50 ", "colour": "red ", "code": "2.0", "flag": "True"},
        {"size": "5.15e1", "colour": "red", "code": 2.0, "flag": "TRUE"},
    ],
)
def test_a_value_is_the_same_however_it_is_written(
    tabular: Shipped, spelled: dict[str, Any]
) -> None:
    bundle = reopened(tabular)
    assert bundle.predict(spelled) == bundle.predict(WITH_NEWS[0])


def test_a_field_left_out_is_a_missing_value_and_is_named(tabular: Shipped) -> None:
    bundle = reopened(tabular)
    without = {name: value for name, value in WITH_NEWS[0].items() if name != "size"}
    [answer], [known] = bundle.predict(without), bundle.predict(without | {"size": None})
    assert answer == known | {"missing": ["size"]}


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrows", "jsonl"])
def test_the_same_rows_train_the_same_model(ending: str, tmp_path: Path) -> None:
    """Whatever file they lie in: equal scores, and equal answers to new rows."""
    runs = []
    for name in ("typed", ending):
        path: Any = table()
        if name != "typed":
            path = tmp_path / f"rows.{name}"
            write_rows(path, table())
        recipe = {
            "columns": {"size": "number", "colour": "category", "code": "category",
                        "flag": "category", "label": "category"},
            "task": {"kind": "classification", "target": "label"},
            "model": "linear",
            "paradigm": {"kind": "supervised", "budget": {"epochs": 1}},
        }  # fmt: skip
        runs.append(sonde.fit(recipe, path, run_dir=tmp_path / name))
    answers = [lines(run.bundle.predict(WITH_NEWS)) for run in runs]
    assert answers[0] == answers[1]
    assert runs[0].scores["accuracy"] == runs[1].scores["accuracy"]


def write_rows(path: Path, rows: pa.Table) -> None:
    match path.suffix:
        case ".csv":
            pyarrow.csv.write_csv(rows, path)
        case ".parquet":
            pq.write_table(rows, path, row_group_size=50)
        case ".arrows":
            with pa.ipc.new_stream(path, rows.schema) as writer:
                writer.write_table(rows, max_chunksize=70)
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows.to_pylist()))


def test_a_loaded_model_is_the_one_in_memory(shipped: Shipped, tmp_path: Path) -> None:
    """Loaded, saved and loaded once more: the same answers, the same bytes."""
    shipped.run.bundle.save(tmp_path / "one.sonde")
    Bundle.load(tmp_path / "one.sonde").save(tmp_path / "two.sonde")
    sealed = {path.read_bytes() for path in (file_of(shipped), *tmp_path.glob("*.sonde"))}
    assert len(sealed) == 1
    twice = [b.predict(shipped.rows) for b in (shipped.run.bundle, reopened(shipped))]
    assert lines(twice[0]) == lines(twice[1])


def test_test_scores_come_from_the_sealed_model(shipped: Shipped) -> None:
    """Scored again over the rows that the split kept for the test: the very numbers."""
    directory = shipped.run.directory
    parts = np.array(pq.read_table(directory.split)["part"].to_pylist())
    table = pa.Table.from_batches(list(shipped.source.scan()))
    test = table.take(pa.array(np.flatnonzero(parts == "test")))
    _, scores = judge_rows(reopened(shipped), as_source(test), seed=0)
    written = from_json(directory.scores.read_text())["scores"]
    assert {name: vars(score) for name, score in scores.items()} == written
    assert {name: vars(score) for name, score in reopened(shipped).scores.items()} == written


def test_one_changed_byte_anywhere_is_found(shipped: Shipped, tmp_path: Path) -> None:
    """A hundred places spread over the file, and some in each member's header."""
    data = file_of(shipped).read_bytes()
    rng = random.Random(0)
    with zipfile.ZipFile(file_of(shipped)) as file:
        heads = [info.header_offset + rng.randrange(30) for info in file.infolist()]
    steps = np.linspace(0, len(data), 101).astype(int)
    spread = [rng.randrange(a, b) for a, b in pairwise(steps)]
    damaged = tmp_path / "model.sonde"
    for place in heads + spread:
        other = bytes([data[place] ^ rng.randrange(1, 256)])
        damaged.write_bytes(data[:place] + other + data[place + 1 :])
        with pytest.raises(DamagedBundle):
            Bundle.load(damaged)


@pytest.mark.parametrize("harm", ["byte", "member", "pickle", "cut"])
def test_a_damaged_file_answers_nothing(tabular: Shipped, harm: str, tmp_path: Path) -> None:
    path = tmp_path / "model.sonde"
    data = file_of(tabular).read_bytes()
    if harm == "byte":
        middle = len(data) // 2
        data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    path.write_bytes(data[:-40] if harm == "cut" else data)
    if harm in ("member", "pickle"):
        with zipfile.ZipFile(path, "a") as file:
            file.writestr("more.json" if harm == "member" else "data.pkl", pickle.dumps([1]))
    done = command("predict", path, "-", "--json", given=json.dumps(WITH_NEWS))
    assert done.returncode == 65
    told = from_json(done.stdout)
    assert told["kind"] == "DamagedBundle"
    assert "answers" not in told
    assert "Nothing was loaded" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(DamagedBundle):
        sonde.Bundle.load(path)
