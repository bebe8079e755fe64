"""A package outside Sonde adds a column, a network and a task, and edits nothing."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from sonde.contracts.data import Column
from sonde.contracts.model import Blueprint
from sonde.contracts.recipe import Recipe
from sonde.contracts.task import SupervisedTask
from sonde.core.batch import as_arrays
from sonde.core.port import Port
from sonde.core.registry import FAMILIES, registry
from sonde.core.spec import join_arrays, schema, split_arrays
from sonde.core.text import from_json, from_yaml, to_json, to_yaml
from sonde.run.weights import dump_arrays, load_arrays

pytest.importorskip("sonde_outsider", reason="pip install -e tests/outsider")

KINDS = {"column": "angle", "model": "cosine-net", "task": "quantile"}
PACKAGE = Path(__file__).resolve().parents[1] / "outsider" / "src" / "sonde_outsider"

RECIPE = """
columns:
  wind: angle
  heading: {kind: angle, field: course}
  speed: number
task: {kind: quantile, target: speed, quantile: 0.9}
model: {kind: cosine-net, width: 8}
"""


def load(family: str, kind: str) -> Any:
    """The class of a kind, whose options no type checker knows."""
    return registry(family).load(kind)


def angles(rows: pa.Array) -> tuple[Column, pa.RecordBatch]:
    """The column `wind`, fitted on these rows."""
    batch = pa.record_batch({"wind": rows})
    return load("column", "angle")().named("wind").fit([batch]), batch


@pytest.mark.parametrize(("family", "kind"), KINDS.items())
def test_a_kind_from_outside_stands_beside_our_own(family: str, kind: str) -> None:
    assert kind in registry(family).names()
    assert len(registry(family).names()) > 1
    loaded = registry(family).load(kind)
    assert loaded.kind == kind
    assert loaded.__module__.startswith("sonde_outsider.")
    assert {"$ref": f"#/$defs/{family}-{kind}"} in schema(Recipe)["$defs"][family]["anyOf"]


def test_it_is_written_in_a_recipe_like_any_other() -> None:
    recipe = Recipe.parse(from_yaml(RECIPE))
    assert Recipe.parse(from_yaml(to_yaml(recipe.dump()))).dump() == recipe.dump()
    assert recipe.dump()["columns"]["heading"] == {
        "kind": "angle",
        "field": "course",
        "shares": None,
    }


def test_an_outsider_needs_nothing_private() -> None:
    """No module or name of Sonde that starts with an underscore."""
    names = [
        part
        for path in PACKAGE.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "sonde"
        for part in [*str(node.module).split("."), *(alias.name for alias in node.names)]
    ]
    assert names
    assert not [name for name in names if name.startswith("_")]


def test_no_file_of_ours_knows_the_outsider() -> None:
    ours = Path(__file__).resolve().parents[2] / "src"
    assert not [path for path in ours.rglob("*.py") if "sonde_outsider" in path.read_text("utf-8")]


def test_angles_come_back_and_are_encoded_to_the_same_bits() -> None:
    column, batch = angles(load("column", "angle").sample(500, seed=1))
    once = column.encode(batch)
    again = column.encode(pa.record_batch({"wind": pa.array(column.decode(once.values))}))
    np.testing.assert_array_equal(again.values, once.values)
    np.testing.assert_array_equal(again.present, once.present)
    assert once.present is not None
    assert 0 < once.present.sum() < 500
    assert not once.errors


def test_angles_a_full_turn_apart_are_the_same() -> None:
    column, batch = angles(pa.array([-1.0, 359.0, 719.0]))
    values = column.encode(batch).values
    np.testing.assert_array_equal(values, values[[0, 0, 0]])
    assert column.decode(values) == [359.0] * 3


def test_texts_are_read_and_what_is_no_angle_is_named() -> None:
    column, batch = angles(pa.array(["90", " 1.8e2 ", "north", None]))
    encoded = column.encode(batch)
    np.testing.assert_allclose(encoded.values, [[1, 0], [0, -1], [0, 0], [0, 0]], atol=1e-6)
    assert encoded.present is not None
    assert encoded.present.tolist() == [True, True, False, False]
    assert [(error.row, error.got) for error in encoded.errors] == [(2, "north")]


def test_an_array_that_was_learned_survives_the_model_file() -> None:
    column, _ = angles(pa.array([5.0, 15.0, 16.0, 355.0]))
    plain, arrays = split_arrays(column.dump(learned=True), "wind")
    assert set(arrays) == {"wind/histogram"}
    found = load_arrays(memoryview(dump_arrays(arrays)))
    again = type(column).parse(column.dump())
    assert not again.dump(learned=True)["histogram"].any()
    restored = type(column).parse(join_arrays(from_json(to_json(plain)), found))
    assert restored.name == "wind"
    histogram = restored.dump(learned=True)["histogram"]
    assert histogram.dtype == np.int64
    assert histogram[[0, 1, 35]].tolist() == [1, 2, 1]
    assert histogram.sum() == 4


def test_the_network_answers_with_bounded_cosines() -> None:
    blueprint: Blueprint = load("model", "cosine-net")(width=8)
    torch.manual_seed(0)
    inputs = {"wind": Port("vector", (2,)), "load": Port("scalar")}
    network = blueprint.build(inputs, {"speed": Port("scalar")})
    batch = {"wind": torch.randn(5, 2), "load": 1e6 * torch.randn(5)}
    answer = network(batch)["speed"]
    assert answer.shape == (5,)
    (head,) = (module for module in network.modules() if isinstance(module, nn.Linear))
    assert answer.abs().max() <= 4 * head.weight.abs().sum() + head.bias.abs().sum()
    answer.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_the_quantile_is_what_its_loss_and_its_metric_ask_for() -> None:
    """On a grid of constant answers the empirical quantile has the least loss in both."""
    values = np.random.default_rng(0).normal(50.0, 9.0, 400)
    batch = pa.record_batch({"speed": values})
    column = load("column", "number")().named("speed").fit([batch])
    made: SupervisedTask = load("task", "quantile")(target="speed", quantile=0.9)
    task = made.bind({"speed": column})
    encoded = column.encode(batch).values
    targets = {"speed": torch.from_numpy(encoded)}
    answers = np.linspace(-2.0, 2.0, 401, dtype=np.float32)
    losses, scores = [], []
    for answer in answers:
        outputs = {"speed": torch.full((400,), float(answer))}
        loss = task.loss(outputs, dict(targets))
        losses.append(float(loss.sums.sum() / loss.weights.sum()))
        arrays = as_arrays(task.read(outputs, task.Options()))
        truth = task.truth({"speed": encoded})
        scores.append(task.metrics()["pinball"].score(task.predicted(arrays), truth))
    expected = np.quantile(values, 0.9)
    for found in (answers[np.argmin(losses)], answers[np.argmin(scores)]):
        assert column.decode(np.array([found]))[0] == pytest.approx(expected, abs=0.5)


def test_every_family_takes_plug_ins() -> None:
    """The groups that CONTRIBUTING names are the ones the registry reads."""
    text = (Path(__file__).resolve().parents[2] / "CONTRIBUTING.md").read_text("utf-8")
    listing = text.partition("The groups are")[2].partition("`tests/outsider/`")[0]
    assert all(f"`{family}`" in listing for family in FAMILIES)
