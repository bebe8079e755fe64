"""Texts beside numbers and classes, with a recipe and without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

import sonde
from sonde.contracts.recipe import Recipe
from sonde.data.samplers.shuffle import Shuffle
from sonde.run.directory import RunDirectory
from sonde.workflow.fit import open_source
from sonde.workflow.prepare import resolve
from tests.contracts._strain import Strain
from tests.contracts._strains import strains
from tests.contracts._told import told


@pytest.fixture(scope="module")
def strain() -> Strain:
    return strains()["told"]


def test_a_text_recipe_trains_seals_and_answers(strain: Strain, tmp_path: Path) -> None:
    run = sonde.fit(strain.recipe, strain.data, run_dir=tmp_path / "run")
    assert run.directory.facts["exactness"] == "bits"
    bundle = sonde.Bundle.load(tmp_path / "run" / "model.sonde")
    nothing = {"said": "", "series": [], "size": None, "sort": "x"}
    rows = [*strain.data.slice(0, 5).to_pylist(), nothing]
    answers = bundle.predict([{k: v for k, v in row.items() if k != "label"} for row in rows])
    assert {answer["label"] for answer in answers} <= {"liked", "not"}
    alone = [bundle.predict([{k: v for k, v in row.items() if k != "label"}])[0] for row in rows]
    assert [a["label"] for a in alone] == [a["label"] for a in answers]
    found = [a["probability"] for a in alone]
    assert np.allclose(found, [a["probability"] for a in answers], atol=1e-5)


def test_how_much_padding_there_is_stands_in_the_journal(strain: Strain, tmp_path: Path) -> None:
    sonde.fit(strain.recipe, strain.data, run_dir=tmp_path / "run", judge=False)
    lines = RunDirectory(tmp_path / "run").journal_path.read_text(encoding="utf-8").splitlines()
    said = [line for line in lines if "padding    " in line]
    assert len(said) == 1
    assert "rows of like length go together" in said[0]


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        (("said", "size", "sort", "label"), "textcnn"),
        (("said", "series", "label"), "textcnn"),
        (("series", "size", "label"), "rnn"),
        (("size", "sort", "label"), "dense"),
    ],
)
def test_without_a_recipe_the_network_reads_all_there_is(
    columns: tuple[str, ...], kind: str
) -> None:
    names = {"said": "text", "series": "sequence", "size": "number", "sort": "category",
             "label": "category"}  # fmt: skip
    recipe = Recipe.parse({
        "columns": {name: names[name] for name in columns},
        "task": {"kind": "classification", "target": "label"},
    })  # fmt: skip
    resolved, _ = resolve(recipe, open_source(recipe, told(60).select(list(columns))))
    assert resolved.model is not None and resolved.model.kind == kind
    inputs = {n: c.port for n, c in (resolved.columns or {}).items() if n != "label"}
    assert {port.kind for port in inputs.values()} <= set(resolved.model.reads)


def test_a_csv_file_with_texts_needs_no_recipe(tmp_path: Path) -> None:
    table = told(300).drop_columns(["series"])
    said = pa.array([f"{text.as_py()} number {at}" for at, text in enumerate(table["said"])])
    csv.write_csv(table.set_column(0, "said", said), tmp_path / "films.csv")
    recipe = {
        "source": {"kind": "table", "path": str(tmp_path / "films.csv")},
        "task": {"kind": "classification", "target": "label"},
        "paradigm": {"kind": "supervised", "budget": {"epochs": 2}, "batch_size": 32},
    }
    run = sonde.fit(recipe, run_dir=tmp_path / "run")
    assert run.bundle.recipe["model"]["kind"] == "textcnn"
    assert run.bundle.recipe["paradigm"]["sampler"] == {"kind": "shuffle"} | Shuffle().dump()
    assert run.bundle.predict([{"said": "good film", "size": 0.1, "sort": "x"}])[0]["label"]
