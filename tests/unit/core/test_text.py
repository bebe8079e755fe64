"""YAML and JSON are read strictly, and whatever comes the answer is data or a typed error."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.core.errors import RecipeError, StorageError
from sonde.core.text import from_json, from_yaml, read_text, to_json, to_yaml

names = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | names
)
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_json_comes_back(data: Any) -> None:
    assert from_json(to_json(data)) == data
    assert from_json(to_json(data, indent=2)) == data


@given(plain)
def test_yaml_comes_back(data: Any) -> None:
    assert from_yaml(to_yaml(data)) == data


@given(st.text() | st.text("{}[]:,-?&*!|>'\"%@` \n\t#019.eExob_T<=~", max_size=40))
def test_any_text_is_yaml_or_a_recipe_error(text: str) -> None:
    try:
        from_yaml(text)
    except RecipeError as error:
        assert str(error).startswith("the recipe")


@given(st.text() | st.text('{}[]:,"\\ntruefalsNaIy0123456789.-+eE ', max_size=40))
def test_any_text_is_json_or_a_value_error(text: str) -> None:
    try:
        from_json(text)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3, column 1", "'a' stands twice"),
        ("a: {b: 1, b: 2}\n", "line 1, column 11", "'b' stands twice"),
        ("a: &x [1]\nb: *x\n", "line 2, column 4", "aliases are not allowed"),
        ("a: !!python/object/apply:os.system [ls]\n", "line 1, column 4", "constructor"),
        ("a: !evil 1\n", "line 1, column 4", "constructor"),
        ("a: [1, 2\nb: 3\n", "line 2", ""),
        ("a:\n\t- 1\n", "line 2, column 1", ""),
        ("? [a]\n: 1\n", "line 1", ""),
    ],
)
def test_what_yaml_has_too_much_is_refused_with_its_place(
    text: str, place: str, reason: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        from_yaml(text, where="recipe.yaml")
    assert str(caught.value).startswith(f"recipe.yaml, {place}")
    assert reason in str(caught.value)


@pytest.mark.parametrize("text", ["a: 2020-13-45\n", "a: 0b_\n", "a: " + "1" * 5000])
def test_scalars_that_yaml_cannot_make_are_recipe_errors(text: str) -> None:
    with pytest.raises(RecipeError, match=r"recipe\.yaml"):
        from_yaml(text, where="recipe.yaml")


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 3000 + "1" + "}" * 3000])
def test_yaml_that_nests_without_end_is_a_recipe_error(text: str) -> None:
    with pytest.raises(RecipeError):
        from_yaml(text)


def test_a_billion_laughs_make_nobody_laugh() -> None:
    lines = ["a: &a [x, x]", *(f"{b}: &{b} [*{a}, *{a}]" for a, b in pairwise("abcdefg"))]
    with pytest.raises(RecipeError, match="aliases"):
        from_yaml("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a":1,"a":2}', "a key stands twice"),
        ('[{"b":{"a":1,"a":1}}]', "a key stands twice"),
        ("NaN", "NaN is not allowed"),
        ("[-Infinity]", "-Infinity is not allowed"),
        ("1e400", "too large"),
        ("-1e400", "too large"),
        ("1" * 5000, "a number has more than 4,300 digits"),
        ("[" * 100_000, "deep"),
        ("[" * 65 + "]" * 65, "nested more than 64 deep"),
        ('{"a":' * 65 + "1" + "}" * 65, "nested more than 64 deep"),
        ("", "Expecting value"),
        ("[1,]", "(?i)trailing comma|Expecting value"),
    ],
)
def test_what_json_has_too_much_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        from_json(text)


def test_depth_is_counted_from_the_outermost() -> None:
    assert from_json("[" * 63 + "]" * 63) is not None
    assert from_json("[[1]]", most_depth=3) == [[1]]
    with pytest.raises(ValueError, match="more than 2"):
        from_json("[[1]]", most_depth=2)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_no_number_that_is_none_is_written(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(value)


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    for name, reason in (
        ("no.yaml", "no such file"),
        (".", "cannot be read"),
        ("latin.yaml", "byte 9 is not"),
    ):
        with pytest.raises(StorageError, match=reason) as caught:
            read_text(tmp_path / name)
        assert str(tmp_path) in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"\xef\xbb\xbfseed: 1\n")
    assert from_yaml(read_text(path)) == {"seed": 1}
