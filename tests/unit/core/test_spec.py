"""Specs: plain data that is checked once, says where it is wrong, and comes back the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from pydantic import Field, ValidationError

from sonde.contracts.recipe import Recipe
from sonde.core.errors import DataError, RecipeError
from sonde.core.registry import FAMILIES, registry
from sonde.core.spec import Learned, Spec, join_arrays, schema, split_arrays
from sonde.core.text import from_json, from_yaml, to_json, to_yaml


class Inner(Spec):
    width: int = Field(1, ge=1)
    rate: float = 0.5


class Outer(Spec):
    names: tuple[str, ...] = ()
    inner: Inner = Inner()
    by_name: dict[str, Inner] = {}  # noqa: RUF012
    path: Path | None = None
    mean: Learned[float] = 0.0
    counts: Learned[np.ndarray] = np.zeros(0)


RECIPE: dict[str, Any] = {
    "source": {"kind": "table", "path": "houses.csv"},
    "columns": {"area": {"kind": "number", "drop": [" sqft"]}, "zip": "category"},
    "task": {"kind": "regression", "target": "area"},
    "model": {"kind": "dense", "hidden": [8]},
    "seed": 3,
}


def test_a_recipe_comes_back_from_yaml_and_json() -> None:
    recipe = Recipe.parse(RECIPE)
    assert Recipe.parse(from_yaml(to_yaml(recipe.dump()))) == recipe
    assert Recipe.parse(from_json(to_json(recipe.dump()))) == recipe


def test_a_kind_may_be_named_in_three_ways() -> None:
    number = registry("column").load("number")
    for written in ("number", {"kind": "number"}, number()):
        made = Recipe.parse(RECIPE | {"columns": {"area": written}})
        assert made.columns == {"area": number()}
        assert made.dump()["columns"]["area"]["kind"] == "number"


def test_the_same_recipe_has_the_same_identity_however_often_it_saves() -> None:
    recipe = Recipe.parse(RECIPE)
    assert Recipe.parse(RECIPE | {"checkpoint": {"seconds": 1}}).identity() == recipe.identity()
    assert Recipe.parse(RECIPE | {"seed": 4}).identity() != recipe.identity()


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"sede": 1}, "sede", "Did you mean 'seed'?"),
        ({"seed": "abc"}, "seed", "got 'abc', expected"),
        ({"seed": -1}, "seed", "got -1, expected greater than or equal to 0"),
        ({"task": {"kind": "regression"}}, "task.target", "is missing, and has no default"),
        ({"task": "regresion"}, "task", "Did you mean 'regression'?"),
        ({"task": 3}, "task", "expected a task: its name or a mapping with 'kind'"),
        ({"model": {"hidden": [8]}}, "model", "expected a model"),
        ({"model": {"kind": "dense", "hiden": [8]}}, "model.hiden", "Did you mean 'hidden'?"),
        ({"columns": {"area": {"kind": "number", "drp": []}}}, "columns.area.drp", "'drop'"),
        ({"columns": {"area": {"kind": "number", "mean": "x"}}}, "columns.area.mean", "'x'"),
        ({"checkpoint": {"stesp": 3}}, "checkpoint.stesp", "Did you mean 'steps'?"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    change: dict[str, Any], place: str, words: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(RECIPE | change, where="recipe.yaml")
    assert [at for at, _ in caught.value.problems] == [place]
    assert str(caught.value).startswith(f"recipe.yaml: {place}: ")
    assert words in str(caught.value)


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(RECIPE | {"seed": "x", "device": 3, "model": "dens"})
    assert [at for at, _ in caught.value.problems] == ["model", "seed", "device"]


def test_learned_values_are_not_suggested_as_options() -> None:
    with pytest.raises(RecipeError) as caught:
        Outer.parse({"maen": 1})
    assert "mean" not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_that_is_none_is_accepted(value: float) -> None:
    with pytest.raises(RecipeError, match=r"inner\.rate"):
        Outer.parse({"inner": {"rate": value}})


def test_a_spec_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Inner().width = 3  # type: ignore[misc]


def test_learned_fields_are_filled_in_a_copy_and_cleared_again() -> None:
    made = Outer(names=("a",))
    fitted = made.learn(mean=2.5, counts=np.arange(3))
    assert made.mean == 0.0
    assert fitted.names == ("a",)
    assert "mean" not in fitted.dump()
    assert fitted.dump(learned=True)["mean"] == 2.5
    assert fitted.unlearned().dump(learned=True)["mean"] == 0.0
    assert not fitted.unlearned().counts.size


def test_what_is_learned_is_checked_like_any_value() -> None:
    with pytest.raises(ValidationError):
        Outer().learn(mean=float("nan"))


def test_every_example_of_every_kind_comes_back() -> None:
    for family in FAMILIES:
        for spec in registry(family).examples():
            again = type(spec).parse(from_yaml(to_yaml(spec.dump())))
            assert again.dump() == spec.dump()
            assert again.dump()["kind"] == spec.kind


keys = st.text("ab/~01", max_size=3)
shapes = stn.array_shapes(min_dims=0, max_dims=2, max_side=3)
arrays = st.one_of(*(stn.arrays(np.dtype(name), shapes) for name in ("i8", "u1", "?")))
trees = st.recursive(
    arrays | st.integers() | st.text(max_size=3) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@given(trees)
@example({"km/h": np.zeros(1), "km": {"h": np.ones(1)}})
@example({"a~1b": np.zeros(1), "a/b": np.ones(1)})
def test_arrays_are_split_off_and_joined_again(tree: Any) -> None:
    plain, found = split_arrays(tree, "columns")
    assert same(join_arrays(from_json(to_json(plain)), found), tree)


@pytest.mark.parametrize("tree", [{"$array": "none"}, {"$array": 3}, [{"$array": ["a"]}]])
def test_an_array_that_is_not_there_is_a_data_error(tree: Any) -> None:
    with pytest.raises(DataError, match=r"array"):
        join_arrays(tree, {"a": np.zeros(1)})


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_the_schema_has_every_kind_and_every_reference_leads_somewhere() -> None:
    made = schema(Recipe)
    definitions = made["$defs"]
    found = set(references(made))
    assert found
    assert found <= {f"#/$defs/{name}" for name in definitions}
    for family in FAMILIES:
        names = registry(family).names()
        assert definitions[family]["anyOf"][0] == {"enum": names}
        for name in names:
            body = definitions[f"{family}-{name}"]
            assert body["properties"]["kind"] == {"const": name}
            assert "kind" in body["required"]
            assert not set(registry(family).load(name).learned_fields()) & set(body["properties"])
    assert from_json(to_json(made)) == made
    assert made["properties"]["task"]["$ref"] == "#/$defs/task"
