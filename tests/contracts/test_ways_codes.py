"""Codes without labels go the whole way: into a bundle, into a classifier, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import sonde
from sonde.core.errors import DataError, SondeError, UnknownColumn, UsageError
from sonde.core.text import from_json
from sonde.run.journal import last_of_each_step, read_journal
from tests.contracts._strain import Strain
from tests.contracts._strains import strains
from tests.contracts.test_paradigms import digest, trained

NAMES = ["contrast", "vicreg", "masked"]


def changed(name: str, **parts: Any) -> Strain:
    """A strain with parts of its recipe in place of others; those without a kind are merged."""
    strain = strains()[name]
    new = {
        part: own if isinstance(own, list) or "kind" in own else strain.recipe.get(part, {}) | own
        for part, own in parts.items()
    }
    return Strain(strain.recipe | new, strain.data)


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_falls(name: str, tmp_path: Path) -> None:
    paradigm = {
        "kind": name,
        "batch_size": 24,
        "budget": {"epochs": 12},
        "optimizer": {"kind": "adamw", "learning_rate": 0.01},
    }
    run = trained(changed(name, paradigm=paradigm), tmp_path / "run")
    losses = [line["loss"] for line in last_of_each_step(run.directory.journal_path, "step")]
    assert np.mean(losses[-6:]) < 0.96 * np.mean(losses[:6])


@pytest.mark.parametrize("name", NAMES)
def test_labels_change_nothing_that_is_learned(name: str, tmp_path: Path) -> None:
    """Other labels, equal bits: nothing has looked at them."""
    strain = strains()[name]
    labels = strain.data["label"]
    other = pa.array(np.random.default_rng(9).permutation(labels.to_numpy(zero_copy_only=False)))
    place = strain.data.schema.get_field_index("label")
    shuffled = Strain(strain.recipe, strain.data.set_column(place, "label", other))
    first, second = (trained(s, tmp_path / str(i)) for i, s in enumerate((strain, shuffled)))
    assert digest(first) == digest(second)


@pytest.mark.parametrize("name", NAMES)
def test_codes_serve_a_classifier(name: str, tmp_path: Path) -> None:
    strain = strains()[name]
    encoder = trained(strain, tmp_path / "encoder")
    model = strain.recipe["model"] | {"encoder": str(encoder.directory.model)}
    plain = strain.recipe | {
        "task": {"kind": "classification", "target": "label"},
        "model": model,
        "paradigm": {"kind": "supervised", "budget": {"epochs": 1}},
    }
    run = trained(Strain(plain, strain.data), tmp_path / "run")
    journal = run.directory.journal_path.read_text(encoding="utf-8")
    assert "encoder    " in journal
    assert set(run.bundle.predict(strain.data.slice(0, 3))[0]) >= {"label", "probability"}


@pytest.mark.parametrize("name", NAMES)
def test_answers_and_validation_scores(name: str, tmp_path: Path) -> None:
    strain = strains()[name]
    run = trained(strain, tmp_path / "run")
    rows = strain.data.drop_columns(["label"]).slice(0, 4)
    answers = run.bundle.predict(rows)
    assert [len(answer["code"]) for answer in answers] == [len(answers[0]["code"])] * 4
    assert from_json(run.directory.scores.read_text())["scores"].keys() == {
        "knn accuracy", "probe accuracy", "uniformity",
    }  # fmt: skip
    epochs = [line for line in read_journal(run.directory.journal_path) if line["event"] == "epoch"]
    assert {"loss", "knn accuracy", "uniformity", "spread"} <= set(epochs[-1])
    report = run.report.read_text(encoding="utf-8")
    for title in ("Codes, as directions", "Classes by nearest neighbours"):
        assert f">{title}<" in report


def test_the_default_changes_are_told(tmp_path: Path) -> None:
    run = trained(strains()["contrast"], tmp_path / "run")
    journal = run.directory.journal_path.read_text(encoding="utf-8")
    assert "leaves pictures as they are: affine, colour, by default" in journal
    run = trained(changed("contrast", augment=[{"kind": "shift", "most": 1}]), tmp_path / "own")
    assert "by default" not in run.directory.journal_path.read_text(encoding="utf-8")


def test_collapse_is_said(tmp_path: Path) -> None:
    """Without what keeps numbers apart and with nothing but likeness asked for, all is one."""
    only = {"variance": 0.0, "covariance": 0.0, "stop": None, "budget": {"epochs": 120},
            "optimizer": {"kind": "adamw", "learning_rate": 0.05, "weight_decay": 1.0}}  # fmt: skip
    model = {"kind": "dense", "hidden": [12], "norm": None}
    strain = changed("vicreg", paradigm=only, model=model, checkpoint={"steps": 1000})
    run = trained(strain, tmp_path / "run")
    assert "the codes have collapsed" in run.directory.journal_path.read_text(encoding="utf-8")


def test_without_columns_labels_are_found_and_left_out(tmp_path: Path) -> None:
    strain = strains()["masked"]
    plain = {key: value for key, value in strain.recipe.items() if key != "columns"}
    run = trained(Strain(plain, strain.data), tmp_path / "run")
    assert "label" not in run.bundle.task.inputs
    assert run.bundle.columns["label"].kind == "category"


REFUSED: dict[str, tuple[Strain, type[SondeError], str]] = {
    "another task": (
        changed("contrast", task={"kind": "classification", "target": "label"}),
        UsageError,
        "paradigm contrast learns codes without targets, got task 'classification'",
    ),
    "supervised": (
        changed("contrast", paradigm={"kind": "supervised"}),
        SondeError,
        "supervised",
    ),
    "no label": (
        changed("vicreg", task={"label": "lable"}),
        UnknownColumn,
        "Did you mean 'label'",
    ),
    "a label without classes": (
        changed("vicreg", task={"label": "age"}),
        UsageError,
        "'age' is of kind 'number', expected classes",
    ),
    "micro-batches": (
        changed("vicreg", paradigm={"micro_batch": 4}),
        UsageError,
        "cannot be cut into micro-batches",
    ),
    "one row": (
        Strain(
            changed("contrast", split={"kind": "given", "by": "part", "valid": 0}).recipe,
            strains()["contrast"].data.slice(0, 3).append_column(
                "part", pa.array(["train", "test", "test"])
            ),
        ),
        DataError,
        "there are 1 to train on. Expected at least two",
    ),
    "stop without validation rows": (
        changed("vicreg", split={"valid": 0.0}),
        UsageError,
        "stop follows validation scores",
    ),
    "a patch as large as the picture": (
        changed("masked", paradigm={"patch": 8}),
        UsageError,
        "squares of 8 pixels.*8 x 8.*patch: 2",
    ),
    "members": (
        changed("vicreg", model={"kind": "dense", "hidden": [8], "norm": None, "members": 3}),
        UsageError,
        "members: 1",
    ),
    "no pictures": (
        changed("vicreg", model={"kind": "convnet"}),
        UsageError,
        "convnet needs a picture",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_inputs_are_refused_in_words(case: str, tmp_path: Path) -> None:
    strain, error, said = REFUSED[case]
    with pytest.raises(error, match=said):
        sonde.fit(strain.recipe, strain.data, run_dir=tmp_path / "run")
